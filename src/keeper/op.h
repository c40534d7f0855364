/* The handlers of the table of operations, one file per noun, and the little that they share. */
#ifndef KEEPER_OP_H
#define KEEPER_OP_H

#include "conf/snapshot.h"
#include "keeper/call.h"
#include "store/sessions.h"
#include "store/store.h"
#include "store/users.h"

int op_whoami(struct call *c);
int op_my_sessions(struct call *c);
int op_my_consoles(struct call *c);
int op_health(struct call *c);
int op_events(struct call *c);
int op_my_address(struct call *c);
int op_zone_contains(struct call *c);
int op_upstreams_list(struct call *c);
int op_nodes_list(struct call *c);
int op_series(struct call *c);
int op_overview(struct call *c);
struct access_row;
json_t *op_access_json(const struct access_row *row);
int op_alerts_list(struct call *c);
int op_alerts_acknowledge(struct call *c);
/* All alerts with what is remembered of them, and how many nobody sees to. */
must_check int op_alerts(struct call *c, json_t **ret, unsigned *ret_open);
int op_server_certificates_list(struct call *c);
/* The pairs that this gateway shows, as the signer says. */
json_t *op_server_certificates(const struct keeper *k);
struct route_def;
/* The upstreams of a route with what the edges say of them. */
json_t *op_endpoints_json(const struct keeper *k, const struct route_def *route);
int op_me(struct call *c);
int op_me_password(struct call *c);
int op_me_totp(struct call *c);
int op_me_totp_remove(struct call *c);
int op_me_recovery(struct call *c);
int op_me_session_end(struct call *c);
int op_me_sessions_end(struct call *c);
int op_me_token_revoke(struct call *c);
int op_me_activity(struct call *c);

int op_users_list(struct call *c);
int op_users_get(struct call *c);
int op_users_add(struct call *c);
int op_users_remove(struct call *c);
int op_users_disable(struct call *c);
int op_users_enable(struct call *c);
int op_users_groups(struct call *c);
int op_users_reset(struct call *c);
int op_users_recover(struct call *c);
int op_users_recovery(struct call *c);
int op_users_enrol(struct call *c);
int op_users_mail(struct call *c);
int op_users_end_sessions(struct call *c);

int op_approvals_list(struct call *c);
int op_approvals_approve(struct call *c);
int op_approvals_refuse(struct call *c);

int op_breakglass_list(struct call *c);
int op_breakglass_add(struct call *c);
int op_breakglass_codes(struct call *c);
int op_breakglass_drill(struct call *c);
int op_breakglass_close(struct call *c);

int op_groups_list(struct call *c);
int op_groups_get(struct call *c);
int op_groups_add(struct call *c);
int op_groups_remove(struct call *c);

int op_tokens_list(struct call *c);
int op_my_tokens(struct call *c);
int op_tokens_add(struct call *c);
int op_tokens_get(struct call *c);
int op_tokens_rotate(struct call *c);
int op_tokens_revoke(struct call *c);

int op_certificates_list(struct call *c);
int op_certificates_get(struct call *c);
int op_certificates_add(struct call *c);
int op_certificates_remove(struct call *c);

int op_sessions_list(struct call *c);
int op_sessions_end(struct call *c);

int op_resources_list(struct call *c);
int op_resources_get(struct call *c);
int op_resources_put(struct call *c);
int op_resources_remove(struct call *c);
const char *op_origin_name(enum origin origin);
/* Puts the resource that the body describes, or removes it, as the row's method says; what the file
 * says is refused. */
must_check int op_change_one(struct call *c, const char *kind, const char *name,
                             enum audit_event event);
int op_settings_list(struct call *c);
int op_settings_get(struct call *c);
int op_settings_put(struct call *c);
int op_settings_remove(struct call *c);
int op_policy(struct call *c);
int op_versions_list(struct call *c);
int op_versions_get(struct call *c);
int op_versions_rollback(struct call *c);
int op_versions_confirm(struct call *c);
int op_export(struct call *c);
int op_apply(struct call *c);
int op_explain(struct call *c);
int op_probe(struct call *c);
int op_trial_request(struct call *c);
int op_trial_exposure(struct call *c);
/* Printable ASCII without a space: what may stand in a request's head. */
bool op_is_visible(struct span text);
int op_leases_add(struct call *c);
int op_directories_list(struct call *c);
int op_directories_test(struct call *c);
struct directory_question;
/* Sends the question; the handler returns at once and is run again with call_told(c, 0). */
must_check int op_ask_directory(struct call *c, const struct directory_question *q);

int op_notices_list(struct call *c);
int op_notices_test(struct call *c);

int op_jwks(struct call *c);
int op_assertion_show(struct call *c);
int op_assertion_rotate(struct call *c);
int op_password_list(struct call *c);
int op_sealing_show(struct call *c);
int op_sealing_rotate(struct call *c);

int page_access_show(struct call *c);
int page_access_submit(struct call *c);
int page_requests(struct call *c);
int page_requests_approve(struct call *c);
int page_requests_deny(struct call *c);
int page_requests_drop(struct call *c);
int op_requests_list(struct call *c);
int op_requests_get(struct call *c);
int op_requests_add(struct call *c);
int op_requests_approve(struct call *c);
int op_requests_deny(struct call *c);
int op_requests_drop(struct call *c);
int op_me_requestable(struct call *c);
/* The number of a request in the path; false: the call has ended with a problem. */
bool op_request_number(struct call *c, uint64_t *ret);

int op_audit_list(struct call *c);
int op_audit_export(struct call *c);
int op_access_export(struct call *c);
/* An export: lines of text in an answer of at most OP_EXPORT_BYTES. */
#define OP_EXPORT_BYTES (96u * 1024)
struct op_export {
    struct buf *out;
    bool csv;
    bool full;     /* a line did not fit any more */
    uint64_t last; /* the row of the last line; before the first, the one to go on after */
};
/* false: the call has ended with a problem. */
bool op_export_begin(struct call *c, struct op_export *ret);
/* 1: it does not fit any more. */
must_check int op_export_line(struct op_export *e, struct span line, uint64_t row);
/* next: where to go on when all lines have fitted, 0: this is the end. */
must_check int op_export_done(struct call *c, const struct op_export *e, uint64_t next);
int op_audit_verify(struct call *c);
int op_audit_head(struct call *c);

int op_simulations_add(struct call *c);
int op_simulations_get(struct call *c);
int op_simulations_end(struct call *c);

int op_access_list(struct call *c);
int op_access_denied(struct call *c);

int page_stepup_show(struct call *c);
int page_stepup_submit(struct call *c);
int page_second_show(struct call *c);
int page_second_submit(struct call *c);

int page_passkey_add(struct call *c);
int op_signin_passkey_options(struct call *c);
int op_signin_passkey(struct call *c);
int op_second_passkey_options(struct call *c);
int op_second_passkey(struct call *c);
int op_enrol_passkey_options(struct call *c);
int op_enrol_passkey(struct call *c);
int op_passkey_options(struct call *c);
int op_passkey_add(struct call *c);
int op_my_passkeys(struct call *c);
int op_my_passkeys_rename(struct call *c);
int op_my_passkeys_remove(struct call *c);
int op_users_passkeys(struct call *c);
int op_users_passkeys_remove(struct call *c);
int op_users_passkeys_enable(struct call *c);
int page_second_enrol(struct call *c);
int page_certificate_submit(struct call *c);
int page_provider_begin(struct call *c);
int page_provider_callback(struct call *c);
int page_provider_logout(struct call *c);

int op_identities_list(struct call *c);
int op_identities_link(struct call *c);
int op_identities_unlink(struct call *c);
int page_home(struct call *c);
int page_account(struct call *c);
int page_account_password(struct call *c);
int page_account_totp(struct call *c);
int page_account_totp_remove(struct call *c);
int page_account_recovery(struct call *c);
int page_account_session_end(struct call *c);
int page_account_sessions_end(struct call *c);
int page_account_token_revoke(struct call *c);
int page_account_passkey_name(struct call *c);
int page_account_passkey_remove(struct call *c);
int page_emergency_show(struct call *c);
int page_emergency_submit(struct call *c);
int page_reason_show(struct call *c);
int page_reason_submit(struct call *c);
int page_approvals(struct call *c);
int page_approvals_approve(struct call *c);
int page_approvals_refuse(struct call *c);
int page_enrol_show(struct call *c);
int page_enrol_submit(struct call *c);

/* ---- shared ---- */

/* limit and after of a list's query. false: the call has been ended with a problem. */
bool op_page(struct call *c, struct page *page);
/* What an operation has come to, for a page that says so in its place: `done`, or what was in the
 * way, in the arena. The status stays, the answer goes. NULL without memory. */
const char *op_said(struct call *c, const char *done);
/* A list on its way: rows are pushed to items until the page is full. */
struct op_rows {
    struct call *call;
    json_t *items;
    uint64_t now;  /* wall seconds */
    uint64_t last; /* number of the last row seen */
    char last_name[STORE_NAME_SIZE];
    size_t seen;
    uint32_t limit;
    uint64_t next; /* of a search that says itself where to go on; 0: it does not */
};
/* Ends the call with {name: items, "next": …} or, when the list failed, with its fault. numbered:
 * next is a number, else a name. */
must_check int op_list_done(struct op_rows *rows, int fault, const char *name, bool numbered);

/* An optional text of the query, or wall seconds (in milliseconds; 0: absent). false: the call has
 * ended with a problem. */
bool op_query_text(struct call *c, const char *key, const char **ret);
bool op_query_time(struct call *c, const char *key, uint64_t *ret_ms);
/* A parameter of the path as a terminated name; NULL: cannot be one (the call has ended with 404).
 */
const char *op_name(struct call *c, size_t index, const char *what);
json_t *op_user_json(struct call *c, const struct user *user);
json_t *op_session_json(const struct session *session);
/* https://PORTAL:PORT of the snapshot in force, or "" before there is one. */
void op_portal_url(const struct keeper *k, struct buf *out);
/* Ten new recovery codes for the user, as an array of strings. */
must_check int op_recovery_codes(struct keeper *k, const char *user, uint64_t now, json_t **ret);
/* sessions_end and sessions_end_user, each ended session pushed into the call's revocations. */
must_check int op_end_session(struct call *c, const uint8_t id[STORE_ID_SIZE]);
must_check int op_end_user(struct call *c, const char *user);

#endif
