#include "keeper/events.h"

#include "keeper/call.h"
#include "keeper/keeper.h"
#include "keeper/op.h"

/* By the word before the dot. What is not here concerns the trail alone. */
static const struct {
    const char *word;
    uint32_t topics;
} WORDS[] = {
    {"login", TOPIC_SESSIONS},
    {"logout", TOPIC_SESSIONS},
    {"handover", TOPIC_SESSIONS},
    {"session", TOPIC_SESSIONS},
    {"provider", TOPIC_SESSIONS},
    {"breakglass", TOPIC_SESSIONS | TOPIC_USERS | TOPIC_ALERTS},
    {"user", TOPIC_USERS | TOPIC_SESSIONS | TOPIC_TOKENS},
    {"group", TOPIC_USERS},
    {"enrolment", TOPIC_USERS},
    {"factor", TOPIC_USERS},
    {"password", TOPIC_USERS},
    {"totp", TOPIC_USERS},
    {"recovery", TOPIC_USERS},
    {"passkey", TOPIC_USERS},
    {"identity", TOPIC_USERS},
    {"token", TOPIC_TOKENS},
    {"certificate", TOPIC_TOKENS},
    {"route", TOPIC_POLICY},
    {"zone", TOPIC_POLICY},
    {"rule", TOPIC_POLICY},
    {"test", TOPIC_POLICY},
    {"setting", TOPIC_POLICY},
    {"policy", TOPIC_POLICY},
    {"version", TOPIC_POLICY},
    {"lease", TOPIC_POLICY},
    {"change", TOPIC_POLICY},
    {"config", TOPIC_POLICY | TOPIC_HEALTH},
    {"request", TOPIC_REQUESTS},
    {"grant", TOPIC_REQUESTS | TOPIC_POLICY},
    {"alert", TOPIC_ALERTS},
    {"service", TOPIC_HEALTH},
    {"edge", TOPIC_HEALTH},
    {"access", TOPIC_HEALTH},
    {"sealing", TOPIC_HEALTH},
    {"notice", TOPIC_HEALTH},
};

uint32_t events_topics(enum audit_event event)
{
    struct span name = span_str(audit_event_name(event)), word = SPAN_NONE;
    (void)span_cut(&name, '.', &word);
    for (size_t i = 0; i < countof(WORDS); i++) {
        if (span_is(word, WORDS[i].word)) {
            return WORDS[i].topics | TOPIC_AUDIT;
        }
    }
    return TOPIC_AUDIT;
}

void events_push(struct keeper *k, uint32_t topics)
{
    if (topics == 0 || k->edge_count == 0) {
        return;
    }
    struct msg_changed m = {.topics = topics};
    list_each_safe(at, &k->edges)
    {
        struct peer *edge = container_of(at, struct peer, link);
        peer_settle(edge, channel_send_changed(&edge->channel, 0, &m, -1));
    }
}

/* ---- who may hear of what ---- */

/* Of what everybody has a page: what one could ask for, and what became of it. That somebody has
 * logged in, or how the service is, is the business of those who look after it. */
#define LOOKS_AFTER (ROLE_ADMINISTRATOR | ROLE_AUDITOR | ROLE_OPERATOR)
#define TOPICS_USER (TOPIC_REQUESTS | TOPIC_POLICY)

int op_events(struct call *c)
{
    struct buf text;
    buf_init(&text, 512);
    c->topics = roles_admit(LOOKS_AFTER, c->actor.roles) ? TOPICS_ALL : TOPICS_USER;
    topics_json(&text, c->topics);
    struct span json = buf_view(&text);
    json_t *topics = text.bad ? NULL : json_loadb((const char *)json.at, json.len, 0, NULL);
    json_t *answer = json_pack("{s:o?}", "topics", topics);
    buf_fini(&text);
    return call_answer(c, 200, answer);
}
