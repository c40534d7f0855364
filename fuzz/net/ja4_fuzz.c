/* Fingerprints of hostile ClientHellos: always of one shape, and the same for the same in another
 * order. The input is cut into the parts of a hello by its first bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/ja4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXTENSIONS_MAX 1000u

static struct span take(struct span *rest)
{
    size_t len = rest->len > 0 ? rest->at[0] : 0;
    struct span part = span_sub(*rest, 1, len);
    *rest = span_sub(*rest, 1 + len, rest->len);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int extensions[EXTENSIONS_MAX], back[EXTENSIONS_MAX];
    struct span rest = span_of(data, size);
    struct ja4_hello h = {.version = size > 1 ? (uint16_t)(data[0] << 8 | data[1]) : 0};
    h.versions = take(&rest);
    h.algorithms = take(&rest);
    h.alpn = take(&rest);
    h.ciphers = take(&rest);
    for (size_t i = 0; i + 1 < rest.len && h.count < EXTENSIONS_MAX; i += 2)
        extensions[h.count++] = rest.at[i] << 8 | rest.at[i + 1];
    for (size_t i = 0; i < h.count; i++)
        back[h.count - 1 - i] = extensions[i];
    h.extensions = extensions;
    struct ja4 a, b;
    ja4_of(&h, &a);
    assert(strlen(a.text) == JA4_SIZE - 1 && strlen(a.same) == JA4_SAME_SIZE - 1);
    h.extensions = back;
    ja4_of(&h, &b);
    /* Beyond the cap it matters which are left out. */
    assert(h.count > JA4_LIST_MAX || (strcmp(a.text, b.text) == 0 && strcmp(a.same, b.same) == 0));
    return 0;
}
