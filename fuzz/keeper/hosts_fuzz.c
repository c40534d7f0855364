/* What the keeper believes of names: the file that an earlier keeper left, and a courier's answers,
 * in any order. Whatever comes, no address is kept that no console may have, none twice, none out
 * of order, and what is written reads back the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/log.h"
#include "conf/egress.h"
#include "keeper/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW UINT64_C(1000000000)

static void check_hosts(const struct hosts *h)
{
    list_each(at, &h->all)
    {
        const struct host *host = container_of(at, struct host, link);
        assert(host->count <= UPSTREAM_ADDRS_MAX && strlen(host->name) < sizeof(host->name));
        for (size_t i = 0; i < host->count; i++) {
            assert(egress_refusal(&host->addrs[i]) == NULL);
            assert(i == 0 || memcmp(&host->addrs[i - 1], &host->addrs[i], 16) < 0);
        }
    }
}

static void check_again(const struct hosts *h)
{
    struct buf first, second;
    struct hosts other;
    buf_init(&first, 1024 * 1024);
    buf_init(&second, 1024 * 1024);
    hosts_init(&other);
    int r = hosts_write(h, NOW, 2000000, &first);
    assert(r == 0);
    r = hosts_read(&other, buf_view(&first), NOW, 2000000);
    assert(r == 0);
    r = hosts_write(&other, NOW, 2000000, &second);
    assert(r == 0 && buf_len(&second) <= buf_len(&first));
    check_hosts(&other);
    hosts_fini(&other);
    buf_fini(&first);
    buf_fini(&second);
}

static void answers(struct hosts *h, struct span bytes)
{
    struct cursor c = cursor_over(bytes);
    struct host *host = hosts_add(h, "console.example");
    uint64_t now = NOW;
    while (host != NULL && c.rest.len > 0 && !c.bad) {
        struct msg_resolved m = {.result = cursor_u8(&c)};
        now += (uint64_t)cursor_u16(&c) * 1000;
        m.text = cursor_take(&c, cursor_u8(&c) % 64);
        m.addresses = cursor_take(&c, cursor_u8(&c));
        host->serial = 1;
        h->asked = 1;
        if (c.bad || hosts_answer(h, 1, &m, now) < 0)
            break;
        assert(host->serial == 0 && h->asked == 0);
        check_hosts(h);
    }
    if (host != NULL && host->serial != 0)
        h->asked = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hosts h;
    if (size == 0)
        return 0;
    log_open("hosts_fuzz", LOG_LEVEL_ERROR);
    hosts_init(&h);
    if (data[0] == 'p') {
        if (hosts_read(&h, span_of(data, size), NOW, 2000000) == 0)
            check_again(&h);
    } else {
        answers(&h, span_of(data + 1, size - 1));
    }
    check_hosts(&h);
    hosts_fini(&h);
    return 0;
}
