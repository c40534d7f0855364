/* A hostile directory: everything that it says, by way of libldap, to the question of a sign-in
 * with nested groups. The first byte chooses the kind of question. Whatever is found must be of one
 * line and of bounded length. */
#include <stdlib.h>

#include "base/clock.h"
#include "courier/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static size_t make_question(uint8_t kind, uint8_t *into, size_t size)
{
    struct writer w = writer_into(into, size);
    struct msg_bind m = {.purpose = (kind & 1) != 0 ? BIND_LOOK : BIND_SIGNIN,
                         .patience_ms = 10000,
                         .servers = SPAN("ldaps://dc.test"),
                         .account = SPAN("cn=reader,dc=x"),
                         .account_password = SPAN("secret"),
                         .base = SPAN("dc=x"),
                         .filter = SPAN("(uid=alice)"),
                         .flavour = (kind >> 1) & 1,
                         .name_attribute = SPAN("uid"),
                         .id_attribute = SPAN("id"),
                         .groups_from = (kind >> 2) & 3,
                         .group_base = SPAN("dc=x"),
                         .group_depth = 2};
    m.password = m.purpose == BIND_LOOK ? SPAN_NONE : SPAN("password");
    if (m.groups_from == GROUPS_SEARCH)
        m.group_filter = SPAN("(member={dn})");
    msg_bind_encode(&w, &m);
    check(!w.bad);
    return w.len;
}

static void check_line(const char *text)
{
    for (; *text != 0; text++)
        check((uint8_t)*text >= 0x20 && *text != 0x7f);
}

static void check_answer(const struct directory *d)
{
    struct span rest = buf_view(&d->groups), line;
    check(d->result < BOUND_RESULTS);
    bool somebody =
        d->result == BOUND_OK || d->result == BOUND_REFUSED || d->result == BOUND_DISABLED;
    check(somebody == (d->dn[0] != 0) && (d->dn[0] != 0) == (d->id[0] != 0));
    check(d->result == BOUND_OK || (rest.len == 0 && d->omitted == 0));
    check_line(d->dn);
    check_line(d->name);
    while (span_cut(&rest, '\n', &line))
        check(ldapname_is_dn(line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t question[4096];
    static bool ready;
    struct directory d;
    if (!ready)
        check(directory_setup() == 0);
    ready = true;
    if (size == 0)
        return 0;
    size_t len = make_question(data[0], question, sizeof(question));
    check(directory_read(&d, span_of(question, len)) == 0);
    d.until_ms = clock_mono_ms() + 60000;
    directory_run_script(&d, span_of(data + 1, size - 1));
    check_answer(&d);
    directory_fini(&d);
    return 0;
}
