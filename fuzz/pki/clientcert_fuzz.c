/* u16 length and a chain in DER, then authorities and lists in PEM with a 0xff byte between them:
 * read, written again, its names taken, verified. */
#include <assert.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/fault.h"
#include "pki/clienttrust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1796083200u /* within the dates of the corpus */

static void check_facts(X509 *leaf)
{
    static struct clientcert_facts f;
    char again[CERTNAME_SIZE];
    if (clientcert_facts(leaf, &f) < 0)
        return;
    for (size_t i = 0; i < f.name_count; i++) {
        /* A name is its own one spelling. */
        assert(certname_read(f.names[i].kind, span_str(f.names[i].text), again) == 0);
        assert(strcmp(again, f.names[i].text) == 0);
    }
}

static void check_chain(struct span der, const struct clienttrust *trust)
{
    static uint8_t out[CLIENTCERT_BYTES_MAX];
    struct clientcert c, same;
    uint8_t spki[CLIENTCERT_HASH];
    uint64_t until;
    int error;
    if (clientcert_read(NULL, der, &c) < 0)
        return;
    check_facts(c.leaf);
    (void)!clientcert_spki_of(der, spki);
    if (trust != NULL && clienttrust_verify(trust, c.leaf, c.rest, NOW, &error, &until) == 0)
        assert(until > NOW && error == X509_V_OK);
    int len = clientcert_write(c.leaf, c.rest, out);
    if (len > 0) {
        assert(clientcert_read(NULL, span_of(out, (size_t)len), &same) == 0);
        assert(sk_X509_num(same.rest) == sk_X509_num(c.rest));
        clientcert_fini(&same);
    }
    clientcert_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor in = cursor_over(span_of(data, size));
    struct span chain = cursor_take(&in, cursor_u16(&in));
    struct span lists = in.rest, authorities = SPAN_NONE;
    struct clienttrusts all;
    struct clienttrust *trust = NULL;
    uint64_t authority, list;
    if (in.bad)
        return 0;
    (void)span_cut(&lists, 0xff, &authorities);
    clienttrusts_init(&all, NULL);
    if (clienttrust_get(&all, authorities, lists, &trust) < 0)
        trust = NULL;
    if (trust != NULL)
        (void)!clienttrust_ends(authorities, lists, &authority, &list);
    check_chain(chain, trust);
    clienttrust_unref(trust);
    return 0;
}
