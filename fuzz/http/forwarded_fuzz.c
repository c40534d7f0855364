/* X-Forwarded-For and Forwarded from a proxy. The input: a line with what a client invented, then
 * lines of proxies. Whoever is found, when no proxy vouches for him, is found whatever the client
 * invented: at worst an invention has the request refused. Loopback is never found behind a proxy
 * of another machine. */
#include <assert.h>

#include "base/fault.h"
#include "http/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 70

static void check(enum header_id id, const struct header *lines, size_t count)
{
    static const struct cidr TRUSTED[] = {
        {{{[10] = 0xff, [11] = 0xff, [12] = 10}}, 104},
        {{{[10] = 0xff, [11] = 0xff, [12] = 127}}, 104},
        {{{0x20, 0x01, 0x0d, 0xb8}}, 32},
    };
    static const struct addr PEERS[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}},
        {{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}},
        {{[10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1}},
    };
    for (size_t i = 0; i < countof(PEERS); i++) {
        struct headers honest = {(struct header *)(uintptr_t)lines + 1, count - 1};
        struct headers all = {(struct header *)(uintptr_t)lines, count};
        struct addr a, b;
        int rc = forwarded_client(&honest, id, &PEERS[i], TRUSTED, countof(TRUSTED), &a);
        int with = forwarded_client(&all, id, &PEERS[i], TRUSTED, countof(TRUSTED), &b);
        assert(rc == 0 || rc == FAULT_FORMAT || rc == FAULT_LIMIT || rc == FAULT_ABSENT);
        if (rc == 0 && with == 0 && !cidrs_contain(TRUSTED, countof(TRUSTED), &a))
            assert(addr_eq(&a, &b));
        if (id == HEADER_X_FORWARDED_FOR && rc == 0 &&
            !cidrs_contain(TRUSTED, countof(TRUSTED), &a))
            assert(with == 0 || with == FAULT_LIMIT);
        if (rc == FAULT_FORMAT || rc == FAULT_LIMIT)
            assert(with < 0);
        if (rc == 0 && addr_is_loopback(&a))
            assert(addr_is_loopback(&PEERS[i]));
        if (rc == 0 && i == 2)
            assert(addr_eq(&a, &PEERS[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum header_id IDS[] = {HEADER_X_FORWARDED_FOR, HEADER_FORWARDED};
    for (size_t k = 0; k < countof(IDS); k++) {
        struct header lines[LINES_MAX];
        struct span rest = span_of(data, size), line;
        size_t count = 0;
        while (count < LINES_MAX && span_cut(&rest, '\n', &line))
            lines[count++] = (struct header){SPAN("x"), span_trim(line), IDS[k]};
        if (count > 0)
            check(IDS[k], lines, count);
    }
    return 0;
}
