/* What strangers send to the courier: certificates, and an nsswitch.conf that may be anything. What
 * is said of a certificate is text that a terminal and a log can show, inside its bounds; a
 * module's name has no path in it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "courier/facts.h"
#include "courier/system.h"
#include "ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max, bool lines)
{
    size_t len = strnlen(text, max + 1);
    assert(len <= max);
    for (size_t i = 0; i < len; i++)
        assert((text[i] >= 0x20 && text[i] < 0x7f) || (lines && text[i] == '\n'));
}

static void check_certificate(const uint8_t *data, size_t size)
{
    static X509_STORE *trusted;
    struct facts f;
    if (trusted == NULL)
        trusted = X509_STORE_new();
    X509 *certificate = d2i_X509(NULL, &data, (long)size);
    if (certificate != NULL && facts_read(certificate, NULL, trusted, "console.example", &f) == 0) {
        check_text(f.subject, 1024, false);
        check_text(f.issuer, 1024, false);
        check_text(f.names, FACTS_NAMES_SIZE, true);
        check_text(f.trust, 256, false);
        assert(!f.trusted && f.trust[0] != 0);
    }
    X509_free(certificate);
    ERR_clear_error();
}

static void check_module(void *arg, const char *library)
{
    (void)arg;
    assert(strncmp(library, "libnss_", 7) == 0 && strchr(library, '/') == NULL);
    assert(strcmp(library + strlen(library) - 5, ".so.2") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 'n')
        system_each_module(span_of(data + 1, size - 1), check_module, NULL);
    else
        check_certificate(data, size);
    return 0;
}
