/* The cache of views, with a keeper and a clock that the test holds in its hands. */
#include "edge/view.h"

#include <stdlib.h>

#include "base/fault.h"
#include "edge/exchange.h"
#include "tests/unit/unit.h"

struct keeper_ask {
    struct list link;
    void (*done)(void *owner, int fault, struct span payload);
    void *owner;
    char token[129];
};

static struct {
    struct view_now now;
    struct list asks;
    int ask_fault;
    unsigned asked, cancelled, told, flushed;
    uint8_t packet[32768];
    struct views *views;
} w;

/* What happened to an exchange. */
struct person {
    struct exchange x;
    int resumed, fault, expired, refreshed;
    enum view_status status;
};

static struct person *person_of(struct exchange *x)
{
    return container_of(x, struct person, x);
}

static struct view_now on_now(void *self)
{
    (void)self;
    return w.now;
}

static int on_ask(void *self, const struct msg_session *m,
                  void (*done)(void *owner, int fault, struct span payload), void *owner,
                  struct keeper_ask **ret)
{
    (void)self;
    if (w.ask_fault < 0)
        return w.ask_fault;
    struct keeper_ask *ask = calloc(1, sizeof(*ask));
    ask->done = done;
    ask->owner = owner;
    memcpy(ask->token, m->token.at, m->token.len);
    list_push(&w.asks, &ask->link);
    w.asked++;
    *ret = ask;
    return 0;
}

static void on_cancel(struct keeper_ask *ask)
{
    if (ask == NULL)
        return;
    w.cancelled++;
    list_remove(&ask->link);
    free(ask);
}

static void on_activity(void *self, const uint8_t id[16], uint64_t wall_s)
{
    (void)self;
    (void)id;
    (void)wall_s;
    w.told++;
}

static void on_flush(void *self)
{
    (void)self;
    w.flushed++;
}

static void on_resume(struct exchange *x, struct view *v, int fault)
{
    struct person *p = person_of(x);
    assert_ptr_equal(x->view, v);
    p->resumed++;
    p->fault = fault;
    p->status = v->status;
}

static void on_expire(struct exchange *x, struct view *v, enum view_status status)
{
    (void)v;
    struct person *p = person_of(x);
    p->expired++;
    p->status = status;
    view_leave(x);
}

static void on_refreshed(struct exchange *x, struct view *v)
{
    (void)v;
    person_of(x)->refreshed++;
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.now = (struct view_now){.mono_ms = 1000000, .wall_s = 5000};
    list_init(&w.asks);
    struct view_world world = {.now = on_now,
                               .ask = on_ask,
                               .cancel = on_cancel,
                               .activity = on_activity,
                               .flush = on_flush,
                               .resume = on_resume,
                               .expire = on_expire,
                               .refreshed = on_refreshed};
    return views_new(&world, &w.views);
}

static int tear_down(void **state)
{
    (void)state;
    views_free(w.views);
    assert_true(list_empty(&w.asks));
    return 0;
}

static void pass(uint64_t ms)
{
    w.now.mono_ms += ms;
    w.now.wall_s += ms / 1000;
}

static struct msg_view good(void)
{
    return (struct msg_view){.status = VIEW_OK,
                             .kind = CREDENTIAL_CHILD,
                             .id = {7},
                             .user = SPAN("anna"),
                             .groups = SPAN("admins\nowners"),
                             .password_at = 4000,
                             .mfa_at = 4000};
}

/* The keeper answers its oldest question. */
static void answer(const struct msg_view *m, int fault)
{
    assert_false(list_empty(&w.asks));
    struct keeper_ask *ask = container_of(w.asks.next, struct keeper_ask, link);
    list_remove(&ask->link);
    struct writer out = writer_into(w.packet, sizeof(w.packet));
    if (fault == 0)
        msg_view_encode(&out, m);
    ask->done(ask->owner, fault, span_of(w.packet, out.len));
    free(ask);
}

static void answer_good(void)
{
    struct msg_view m = good();
    answer(&m, 0);
}

static int find(const char *token, struct view **v)
{
    static const struct addr source = {{[10] = 0xff, 0xff, 127, 0, 0, 1}};
    return views_find(w.views, CREDENTIAL_CHILD, span_str(token), SPAN("a.example:9443"), &source,
                      v);
}

/* Somebody comes with a token and, when it is good, stays. */
static int enter(struct person *p, const char *token)
{
    struct view *v = NULL;
    *p = (struct person){0};
    list_init(&p->x.view_link);
    int rc = find(token, &v);
    if (rc == VIEW_WAIT)
        view_wait(v, &p->x);
    else if (rc == VIEW_READY && v->state == VIEW_KNOWN)
        view_join(v, &p->x);
    return rc;
}

static void many_who_wait_share_one_question(void **state)
{
    (void)state;
    struct person p[5];
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(enter(&p[i], "t"), VIEW_WAIT);
    assert_int_equal(w.asked, 1);
    view_leave(&p[2].x); /* its client has gone */
    answer_good();
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(p[i].resumed, i == 2 ? 0 : 1);
        assert_int_equal(p[i].fault, 0);
        view_leave(&p[i].x);
    }
    assert_int_equal(enter(&p[0], "t"), VIEW_READY);
    struct subject s = view_subject(p[0].x.view);
    assert_true(span_is(s.user, "anna"));
    assert_int_equal(s.kind, SUBJECT_PERSON);
    view_leave(&p[0].x);
}

static void a_view_is_fresh_for_ten_seconds_and_gone_after_thirty(void **state)
{
    (void)state;
    struct view *v;
    assert_int_equal(find("t", &v), VIEW_WAIT);
    answer_good();
    pass(VIEW_FRESH_MS);
    assert_int_equal(find("t", &v), VIEW_READY);
    assert_int_equal(w.asked, 1);
    pass(1);
    assert_int_equal(find("t", &v), VIEW_READY);
    assert_int_equal(w.asked, 2);
    assert_int_equal(find("t", &v), VIEW_READY);
    assert_int_equal(w.asked, 2); /* one refresh at a time */
    answer(NULL, FAULT_TIMEOUT);
    pass(VIEW_USABLE_MS - VIEW_FRESH_MS - 1);
    assert_int_equal(find("t", &v), VIEW_READY);
    answer(NULL, FAULT_TIMEOUT);
    pass(1);
    assert_int_equal(find("t", &v), VIEW_WAIT);
    answer_good();
    assert_int_equal(find("t", &v), VIEW_READY);
}

static void a_silent_keeper_is_a_fault_for_those_who_wait(void **state)
{
    (void)state;
    struct person p;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(NULL, FAULT_CLOSED);
    assert_int_equal(p.resumed, 1);
    assert_int_equal(p.fault, FAULT_CLOSED);
    view_leave(&p.x);
    assert_int_equal(views_count(w.views), 0);
    w.ask_fault = FAULT_CLOSED;
    assert_int_equal(enter(&p, "t"), FAULT_CLOSED);
    assert_int_equal(views_count(w.views), 0);
}

static void nonsense_from_the_keeper_is_no_session(void **state)
{
    (void)state;
    struct person p;
    struct msg_view m = good();
    m.kind = CREDENTIAL_TOKEN;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&m, 0);
    assert_true(p.fault < 0);
    view_leave(&p.x);
    m = good();
    m.hardware_at = 77; /* without what it implies */
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&m, 0);
    assert_true(p.fault < 0);
    view_leave(&p.x);
    m = good();
    m.status = 9;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&m, 0);
    assert_true(p.fault < 0);
    view_leave(&p.x);
    m.status = VIEW_FAILED;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&m, 0);
    assert_true(p.fault < 0);
    view_leave(&p.x);
}

static void a_refusal_is_remembered_for_a_second(void **state)
{
    (void)state;
    struct person p;
    struct view *v;
    struct msg_view no = {.status = VIEW_UNKNOWN, .kind = CREDENTIAL_CHILD};
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&no, 0);
    assert_int_equal(p.resumed, 1);
    assert_int_equal(p.fault, 0);
    assert_int_equal(p.status, VIEW_UNKNOWN);
    view_leave(&p.x);
    pass(VIEW_REFUSED_MS - 1);
    assert_int_equal(find("t", &v), VIEW_READY);
    assert_int_equal(v->state, VIEW_DEAD);
    assert_int_equal(v->status, VIEW_UNKNOWN);
    assert_int_equal(w.asked, 1);
    pass(1);
    assert_int_equal(find("t", &v), VIEW_WAIT);
    assert_int_equal(w.asked, 2);
    answer(&no, 0);
    pass(VIEW_REFUSED_MS);
    views_tick(w.views);
    assert_int_equal(views_count(w.views), 0);
}

static void refusals_are_bounded(void **state)
{
    (void)state;
    struct msg_view no = {.status = VIEW_WRONG_HOST, .kind = CREDENTIAL_CHILD};
    struct view *v;
    char token[16];
    for (unsigned i = 0; i < VIEWS_REFUSED_MAX + 50; i++) {
        (void)snprintf(token, sizeof(token), "t%u", i);
        assert_int_equal(find(token, &v), VIEW_WAIT);
        answer(&no, 0);
    }
    assert_int_equal(views_count(w.views), VIEWS_REFUSED_MAX);
}

static void one_source_cannot_use_up_the_first_questions(void **state)
{
    (void)state;
    struct view *v;
    char token[16];
    unsigned i;
    for (i = 0; i < VIEWS_COLD_PER_SOURCE; i++) {
        (void)snprintf(token, sizeof(token), "t%u", i);
        assert_int_equal(find(token, &v), VIEW_WAIT);
    }
    assert_int_equal(find("one more", &v), FAULT_BUSY);
    struct addr other = {{[10] = 0xff, 0xff, 127, 0, 0, 2}};
    assert_int_equal(views_find(w.views, CREDENTIAL_CHILD, SPAN("x"), SPAN("h"), &other, &v),
                     VIEW_WAIT);
    while (!list_empty(&w.asks))
        answer(NULL, FAULT_TIMEOUT);
    assert_int_equal(find("one more", &v), VIEW_WAIT);
}

static void open_streams_end_when_the_session_does(void **state)
{
    (void)state;
    struct person a, b;
    struct msg_view no = {.status = VIEW_UNKNOWN, .kind = CREDENTIAL_CHILD};
    assert_int_equal(enter(&a, "t"), VIEW_WAIT);
    answer_good();
    assert_int_equal(enter(&b, "t"), VIEW_READY);
    pass(VIEW_FRESH_MS + 1);
    views_tick(w.views);
    assert_int_equal(w.asked, 2); /* nobody asked anew; the open streams do */
    answer(&no, 0);
    assert_int_equal(a.expired, 1);
    assert_int_equal(b.expired, 1);
    assert_int_equal(a.status, VIEW_UNKNOWN);
}

static void open_streams_end_thirty_seconds_after_the_keeper(void **state)
{
    (void)state;
    struct person p;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer_good();
    w.ask_fault = FAULT_CLOSED;
    for (unsigned ms = 0; ms < VIEW_USABLE_MS; ms += 1000) {
        pass(1000);
        views_tick(w.views);
        assert_int_equal(p.expired, 0);
    }
    pass(1000);
    views_tick(w.views);
    assert_int_equal(p.expired, 1);
    assert_int_equal(p.status, VIEW_FAILED);
    assert_int_equal(views_count(w.views), 0);
}

static void an_answer_lets_what_is_open_be_decided_again(void **state)
{
    (void)state;
    struct person p;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer_good();
    pass(VIEW_FRESH_MS + 1);
    views_tick(w.views);
    answer_good();
    assert_int_equal(p.refreshed, 1);
    view_leave(&p.x);
}

static void a_revoked_session_is_gone_at_once(void **state)
{
    (void)state;
    struct person p;
    struct view *v;
    uint8_t id[16] = {7}, other[16] = {8};
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer_good();
    assert_int_equal(views_revoke(w.views, REVOKE_SESSION, span_of(other, 16)), 0);
    assert_int_equal(views_revoke(w.views, REVOKE_TOKEN, span_of(id, 16)), 0);
    assert_int_equal(views_revoke(w.views, REVOKE_USER, SPAN("ann")), 0);
    assert_int_equal(p.expired, 0);
    assert_int_equal(views_revoke(w.views, REVOKE_SESSION, span_of(id, 16)), 1);
    assert_int_equal(p.expired, 1);
    assert_int_equal(p.status, VIEW_UNKNOWN);
    assert_int_equal(find("t", &v), VIEW_WAIT);
}

static void a_user_takes_sessions_and_tokens_along(void **state)
{
    (void)state;
    struct person a;
    struct view *v;
    struct addr source = {{0}};
    assert_int_equal(enter(&a, "t"), VIEW_WAIT);
    answer_good();
    assert_int_equal(views_find(w.views, CREDENTIAL_TOKEN, SPAN("pst"), SPAN("h"), &source, &v),
                     VIEW_WAIT);
    struct msg_view m = good();
    m.kind = CREDENTIAL_TOKEN;
    answer(&m, 0);
    assert_int_equal(views_revoke(w.views, REVOKE_USER, SPAN("anna")), 1);
    assert_int_equal(views_count(w.views), 0);
}

static void a_revoked_route_ends_its_own_streams_only(void **state)
{
    (void)state;
    struct person a, b;
    struct route_def tomcat = {.name = "tomcat"}, jetty = {.name = "jetty"};
    assert_int_equal(enter(&a, "t"), VIEW_WAIT);
    answer_good();
    assert_int_equal(enter(&b, "t"), VIEW_READY);
    a.x.route = &tomcat;
    b.x.route = &jetty;
    assert_int_equal(views_revoke(w.views, REVOKE_ROUTE, SPAN("tomcat")), 1);
    assert_int_equal(a.expired, 1);
    assert_int_equal(b.expired, 0);
    struct view *v;
    assert_int_equal(find("t", &v), VIEW_WAIT); /* what is injected may have changed */
    view_leave(&b.x);
}

static void an_answer_older_than_a_revocation_counts_for_nothing(void **state)
{
    (void)state;
    struct person p;
    uint8_t id[16] = {7};
    struct msg_view no = {.status = VIEW_UNKNOWN, .kind = CREDENTIAL_CHILD};
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    assert_int_equal(views_revoke(w.views, REVOKE_SESSION, span_of(id, 16)), 0);
    answer_good(); /* was on its way */
    assert_int_equal(p.resumed, 0);
    assert_int_equal(w.asked, 2);
    answer(&no, 0);
    assert_int_equal(p.resumed, 1);
    assert_int_equal(p.status, VIEW_UNKNOWN);
    view_leave(&p.x);
}

static void a_new_keeper_is_asked_about_everything(void **state)
{
    (void)state;
    struct person open, waits;
    struct view *v;
    assert_int_equal(enter(&open, "open"), VIEW_WAIT);
    answer_good();
    assert_int_equal(find("idle", &v), VIEW_WAIT);
    answer_good();
    assert_int_equal(enter(&waits, "waits"), VIEW_WAIT);
    assert_int_equal(views_count(w.views), 3);
    views_ask_all(w.views);
    assert_int_equal(views_count(w.views), 2);
    assert_int_equal(w.asked, 4);
    assert_int_equal(find("open", &v), VIEW_WAIT);
    answer(NULL, FAULT_CLOSED); /* the old keeper's question, asked of the new one instead */
    assert_int_equal(waits.resumed, 0);
    answer_good();
    answer_good();
    assert_int_equal(waits.resumed, 1);
    assert_int_equal(waits.fault, 0);
    assert_int_equal(open.expired, 0);
    assert_int_equal(find("open", &v), VIEW_READY);
    view_leave(&open.x);
    view_leave(&waits.x);
}

static void a_session_past_its_own_end_is_asked_again(void **state)
{
    (void)state;
    struct view *v;
    struct msg_view m = good();
    m.ends_at = w.now.wall_s + 3;
    assert_int_equal(find("t", &v), VIEW_WAIT);
    answer(&m, 0);
    pass(2000);
    assert_int_equal(find("t", &v), VIEW_READY);
    pass(1000);
    assert_int_equal(find("t", &v), VIEW_WAIT);
    answer(NULL, FAULT_TIMEOUT);
}

static void the_keeper_hears_of_use_before_it_judges_idleness(void **state)
{
    (void)state;
    struct view *v;
    struct msg_view m = good();
    m.idle_until = w.now.wall_s + 5;
    assert_int_equal(find("t", &v), VIEW_WAIT);
    answer(&m, 0);
    assert_int_equal(find("t", &v), VIEW_READY);
    view_touch(v);
    pass(5000);
    assert_int_equal(w.told, 0);
    assert_int_equal(find("t", &v), VIEW_WAIT);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.flushed, 1);
    answer_good();
}

static void a_wall_clock_that_jumps_ahead_ends_nothing_by_itself(void **state)
{
    (void)state;
    struct person p;
    struct view *v;
    struct msg_view m = good();
    m.idle_until = w.now.wall_s + 900;
    m.ends_at = w.now.wall_s + 40000;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&m, 0);
    w.now.wall_s += 86400;
    /* What is open goes on until the keeper has spoken, and nobody new comes in before. */
    views_tick(w.views);
    assert_int_equal(p.expired, 0);
    assert_int_equal(find("t", &v), VIEW_WAIT);
    m.idle_until = w.now.wall_s + 900;
    m.ends_at = w.now.wall_s + 40000;
    answer(&m, 0);
    assert_int_equal(p.expired, 0);
    assert_int_equal(find("t", &v), VIEW_READY);
    view_leave(&p.x);
}

static void a_wall_clock_that_jumps_back_lengthens_no_view(void **state)
{
    (void)state;
    struct person p;
    struct view *v;
    struct msg_view m = good();
    m.idle_until = w.now.wall_s + 20;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer(&m, 0);
    w.now.wall_s -= 4000;
    w.now.mono_ms += VIEW_FRESH_MS + 1;
    views_tick(w.views);
    assert_int_equal(w.asked, 2);
    answer(NULL, FAULT_TIMEOUT);
    w.now.mono_ms += VIEW_USABLE_MS;
    views_tick(w.views);
    assert_int_equal(p.expired, 1);
    assert_int_equal(p.status, VIEW_FAILED);
    assert_int_equal(find("t", &v), VIEW_WAIT);
    answer(NULL, FAULT_TIMEOUT);
}

static void bytes_of_a_stream_are_use(void **state)
{
    (void)state;
    struct person p;
    assert_int_equal(enter(&p, "t"), VIEW_WAIT);
    answer_good();
    views_tick(w.views);
    assert_int_equal(w.told, 0);
    p.x.bytes_in = 100;
    pass(1000);
    views_tick(w.views);
    assert_int_equal(w.told, 1);
    pass(5000);
    views_tick(w.views);
    assert_int_equal(w.told, 1);
    view_leave(&p.x);
}

static void the_oldest_unused_makes_room(void **state)
{
    (void)state;
    struct person kept;
    struct view *v;
    char token[16];
    assert_int_equal(enter(&kept, "kept"), VIEW_WAIT);
    answer_good();
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        (void)snprintf(token, sizeof(token), "t%u", i);
        assert_int_equal(find(token, &v), VIEW_WAIT);
        answer_good();
    }
    assert_int_equal(views_count(w.views), VIEWS_MAX);
    assert_int_equal(find("kept", &v), VIEW_READY);
    assert_int_equal(find("t0", &v), VIEW_WAIT);
    answer_good();
    view_leave(&kept.x);
}

static void what_cannot_be_a_token_is_not_asked_for(void **state)
{
    (void)state;
    struct view *v;
    char big[200];
    struct addr source = {{0}};
    memset(big, 'a', sizeof(big));
    assert_int_equal(
        views_find(w.views, CREDENTIAL_CHILD, span_of(big, 129), SPAN("h"), &source, &v),
        FAULT_LIMIT);
    assert_int_equal(views_find(w.views, CREDENTIAL_CHILD, SPAN_NONE, SPAN("h"), &source, &v),
                     FAULT_LIMIT);
    assert_int_equal(w.asked, 0);
}

static void nobody_is_in_two_lists_of_one_name(void **state)
{
    (void)state;
    struct view *a, *b;
    struct addr source = {{0}};
    assert_int_equal(views_find(w.views, CREDENTIAL_CHILD, SPAN("ab"), SPAN("c"), &source, &a),
                     VIEW_WAIT);
    assert_int_equal(views_find(w.views, CREDENTIAL_CHILD, SPAN("a"), SPAN("bc"), &source, &b),
                     VIEW_WAIT);
    assert_ptr_not_equal(a, b);
    assert_int_equal(views_find(w.views, CREDENTIAL_TOKEN, SPAN("a"), SPAN("bc"), &source, &a),
                     VIEW_WAIT);
    assert_ptr_not_equal(a, b);
    assert_int_equal(w.asked, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(many_who_wait_share_one_question),
        TEST(a_view_is_fresh_for_ten_seconds_and_gone_after_thirty),
        TEST(a_silent_keeper_is_a_fault_for_those_who_wait),
        TEST(nonsense_from_the_keeper_is_no_session),
        TEST(a_refusal_is_remembered_for_a_second),
        TEST(refusals_are_bounded),
        TEST(one_source_cannot_use_up_the_first_questions),
        TEST(open_streams_end_when_the_session_does),
        TEST(open_streams_end_thirty_seconds_after_the_keeper),
        TEST(an_answer_lets_what_is_open_be_decided_again),
        TEST(a_revoked_session_is_gone_at_once),
        TEST(a_user_takes_sessions_and_tokens_along),
        TEST(a_revoked_route_ends_its_own_streams_only),
        TEST(an_answer_older_than_a_revocation_counts_for_nothing),
        TEST(a_new_keeper_is_asked_about_everything),
        TEST(a_session_past_its_own_end_is_asked_again),
        TEST(the_keeper_hears_of_use_before_it_judges_idleness),
        TEST(a_wall_clock_that_jumps_ahead_ends_nothing_by_itself),
        TEST(a_wall_clock_that_jumps_back_lengthens_no_view),
        TEST(bytes_of_a_stream_are_use),
        TEST(the_oldest_unused_makes_room),
        TEST(what_cannot_be_a_token_is_not_asked_for),
        TEST(nobody_is_in_two_lists_of_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
