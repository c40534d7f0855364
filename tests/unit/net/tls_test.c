#include "tests/unit/unit.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <openssl/err.h>
#include <openssl/provider.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "net/tls.h"
#include "net/tlskey.h"
#include "signer/signer.h"
#include "tests/unit/signer/material.h"

static char HOST[] = "gw.example.com";

/* A signer in a process of its own, and its supervisor's end. Stopped by a signal it is one that
 * stalls: its channels stay open and nobody reads them. */
struct site {
    char *dir;
    struct channel control;
    pid_t pid;
};

static void site_stall(struct site *s)
{
    int status = 0;
    assert_int_equal(kill(s->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(s->pid, &status, WUNTRACED), s->pid);
    assert_true(WIFSTOPPED(status));
}

static void site_resume(struct site *s)
{
    assert_int_equal(kill(s->pid, SIGCONT), 0);
}

static struct site *site_open(char *dir, const struct keyring_wish *wish)
{
    static struct signer signer;
    int fds[2];
    struct site *s = calloc(1, sizeof(*s));
    s->dir = dir;
    assert_int_equal(channel_pair(fds), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        (void)close(fds[1]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_open("signer", LOG_LEVEL_WARN);
        const struct keyring_places places = {s->dir, material_path(s->dir, "server.crt"),
                                              material_path(s->dir, "server.key")};
        if (signer_init(&signer, fds[0], &places, wish) < 0)
            _exit(1);
        _exit(signer_run(&signer) < 0);
    }
    (void)close(fds[0]);
    assert_int_equal(channel_init(&s->control, fds[1], IPC_SUPERVISOR, IPC_SIGNER), 0);
    return s;
}

static struct site *site_new(const char *kind)
{
    char *dir = material_dir();
    material_pair(dir, kind, HOST);
    return site_open(dir, &(struct keyring_wish){.tls12 = false});
}

static void site_free(struct site *s)
{
    int status = 0;
    channel_fini(&s->control);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_int_equal(status, 0);
    material_gone(s->dir);
    free(s);
}

static void site_edge(struct site *s, uint32_t id, struct tls_signer *edge)
{
    int fds[2];
    struct msg_peer peer = {.role = IPC_EDGE, .id = id};
    assert_int_equal(channel_pair(fds), 0);
    assert_int_equal(channel_send_peer(&s->control, 0, &peer, fds[0]), 0);
    (void)close(fds[0]);
    assert_int_equal(tls_signer_init(edge, fds[1]), 0);
}

/* ---- a client -------------------------------------------------------------------------------- */

static unsigned tickets_seen;
static SSL_SESSION *last_session;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(last_session);
    last_session = session;
    tickets_seen++;
    return 1;
}

static SSL_CTX *client_context(const char *dir)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_file(c, material_path(dir, "server.crt")), 1);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, on_session);
    return c;
}

struct outcome {
    bool done, resumed;
    char alpn[16];
    int client_alert; /* reason of the client's last error */
};

/* A handshake in memory, both sides in turn. alpn: wire form or NULL. */
static struct outcome shake(SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session,
                            const char *alpn)
{
    struct outcome o = {0};
    SSL *c = SSL_new(client), *s = SSL_new(server);
    BIO *cb = NULL, *sb = NULL;
    assert_int_equal(BIO_new_bio_pair(&cb, 0, &sb, 0), 1);
    SSL_set_bio(c, cb, cb);
    SSL_set_bio(s, sb, sb);
    SSL_set_connect_state(c);
    SSL_set_accept_state(s);
    assert_int_equal(SSL_set1_host(c, HOST), 1);
    SSL_set_tlsext_host_name(c, HOST);
    if (session != NULL)
        assert_int_equal(SSL_set_session(c, session), 1);
    if (alpn != NULL)
        assert_int_equal(
            SSL_set_alpn_protos(c, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    int cr = 0, sr = 0;
    for (int turn = 0; turn < 20 && (cr != 1 || sr != 1); turn++) {
        ERR_clear_error();
        cr = SSL_do_handshake(c);
        if (cr != 1 && SSL_get_error(c, cr) == SSL_ERROR_SSL) {
            o.client_alert = ERR_GET_REASON(ERR_peek_last_error());
            break;
        }
        ERR_clear_error();
        sr = SSL_do_handshake(s);
    }
    o.done = cr == 1 && sr == 1;
    if (o.done) {
        char byte;
        assert_true(SSL_read(c, &byte, 1) < 0); /* takes the tickets */
        const unsigned char *name = NULL;
        unsigned len = 0;
        SSL_get0_alpn_selected(c, &name, &len);
        memcpy(o.alpn, name == NULL ? (const unsigned char *)"" : name, len);
        o.resumed = SSL_session_reused(c);
        assert_int_equal(SSL_session_reused(s), o.resumed);
        assert_int_equal(SSL_version(c), TLS1_3_VERSION);
    }
    ERR_clear_error();
    /* Freed without a shutdown, the client would mark its session as not fit for resumption. */
    SSL_set_shutdown(c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c);
    SSL_free(s);
    return o;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void every_kind_of_key_makes_a_handshake(void **state)
{
    (void)state;
    static const char *const KINDS[] = {"P-256", "P-384", "RSA", "ED25519"};
    for (size_t i = 0; i < countof(KINDS); i++) {
        struct tls_signer edge;
        SSL_CTX *server = NULL;
        struct site *site = site_new(KINDS[i]);
        site_edge(site, 1, &edge);
        assert_int_equal(tls_context_new(&edge, 1, &server), 0);
        SSL_CTX *client = client_context(site->dir);
        for (int again = 0; again < 3; again++)
            if (!shake(client, server, NULL, NULL).done)
                fail_msg("no handshake with %s", KINDS[i]);
        assert_int_equal(edge.signed_count, 3);
        assert_int_equal(edge.failed_count, 0);
        SSL_CTX_free(client);
        SSL_CTX_free(server);
        tls_signer_fini(&edge);
        site_free(site);
    }
}

static void every_rsa_scheme_is_offered_to_the_client(void **state)
{
    (void)state;
    static const char *const SIGALGS[] = {"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384",
                                          "rsa_pss_rsae_sha512"};
    char pkcs1[] = "RSA+SHA256";
    struct tls_signer edge;
    SSL_CTX *server = NULL;
    struct site *site = site_new("RSA");
    site_edge(site, 1, &edge);
    assert_int_equal(tls_context_new(&edge, 1, &server), 0);
    SSL_CTX *client = client_context(site->dir);
    for (size_t i = 0; i < countof(SIGALGS); i++) {
        /* The self-signed certificate itself carries PKCS #1, so that one is on the list too. */
        char list[64];
        (void)snprintf(list, sizeof(list), "%s:RSA+SHA256", SIGALGS[i]);
        assert_int_equal(SSL_CTX_set1_sigalgs_list(client, list), 1);
        assert_true(shake(client, server, NULL, NULL).done);
    }
    assert_int_equal(SSL_CTX_set1_sigalgs_list(client, pkcs1), 1);
    assert_false(shake(client, server, NULL, NULL).done);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_signer_fini(&edge);
    site_free(site);
}

static void old_protocols_and_foreign_alpn_are_refused(void **state)
{
    (void)state;
    struct tls_signer edge;
    SSL_CTX *server = NULL;
    struct site *site = site_new("P-256");
    site_edge(site, 1, &edge);
    assert_int_equal(tls_context_new(&edge, 1, &server), 0);
    SSL_CTX *client = client_context(site->dir);
    struct outcome o = shake(client, server, NULL, "\x02h2\x08http/1.1");
    assert_true(o.done);
    assert_string_equal(o.alpn, "http/1.1");
    o = shake(client, server, NULL, NULL);
    assert_true(o.done);
    assert_string_equal(o.alpn, "");
    o = shake(client, server, NULL,
              "\x02h2\x03"
              "ftp");
    assert_false(o.done);
    assert_int_equal(o.client_alert, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
    assert_int_equal(SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION), 1);
    assert_false(shake(client, server, NULL, NULL).done);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_signer_fini(&edge);
    site_free(site);
}

static void groups_are_few(void **state)
{
    (void)state;
    static struct {
        char groups[16];
        bool done;
    } OFFERS[] = {{"X25519", true}, {"P-256", true}, {"P-384:P-256", true},
                  {"P-384", false}, {"X448", false}, {"ffdhe2048", false}};
    struct tls_signer edge;
    SSL_CTX *server = NULL;
    struct site *site = site_new("P-256");
    site_edge(site, 1, &edge);
    assert_int_equal(tls_context_new(&edge, 1, &server), 0);
    SSL_CTX *client = client_context(site->dir);
    for (size_t i = 0; i < countof(OFFERS); i++) {
        assert_int_equal(SSL_CTX_set1_groups_list(client, OFFERS[i].groups), 1);
        assert_int_equal(shake(client, server, NULL, NULL).done, OFFERS[i].done);
    }
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_signer_fini(&edge);
    site_free(site);
}

static void a_handshake_gives_one_ticket_and_any_edge_resumes_it(void **state)
{
    (void)state;
    struct tls_signer one, two;
    SSL_CTX *first = NULL, *second = NULL, *later = NULL;
    struct site *site = site_new("P-256");
    site_edge(site, 1, &one);
    site_edge(site, 2, &two);
    assert_int_equal(tls_context_new(&one, 1, &first), 0);
    assert_int_equal(tls_context_new(&two, 1, &second), 0);
    SSL_CTX *client = client_context(site->dir);
    tickets_seen = 0;
    assert_true(shake(client, first, NULL, NULL).done);
    assert_int_equal(tickets_seen, 1);
    SSL_SESSION *session = last_session;
    SSL_SESSION_up_ref(session);
    assert_true(shake(client, second, session, NULL).resumed);
    assert_int_equal(tickets_seen, 2);
    assert_int_equal(one.signed_count + two.signed_count, 1);
    /* After a change of the certificate, or of what generation means, nothing resumes. */
    assert_int_equal(tls_context_new(&two, 2, &later), 0);
    struct outcome o = shake(client, later, session, NULL);
    assert_true(o.done);
    assert_false(o.resumed);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    SSL_CTX_free(later);
    tls_signer_fini(&one);
    tls_signer_fini(&two);
    site_free(site);
}

static void wait_for_tickets(struct tls_signer *s)
{
    uint64_t end = clock_mono_ms() + 5000;
    s->tickets_fresh = false;
    while (!s->tickets_fresh && clock_mono_ms() < end) {
        struct pollfd p = {.fd = channel_fd(&s->channel), .events = POLLIN};
        (void)poll(&p, 1, 100);
        assert_int_equal(tls_signer_pump(s), 0);
    }
    assert_true(s->tickets_fresh);
}

static void tickets_outlive_one_rotation_and_not_two(void **state)
{
    (void)state;
    struct tls_signer one, mortal;
    SSL_CTX *server = NULL;
    struct site *site = site_new("P-256");
    site_edge(site, 1, &one);
    assert_int_equal(tls_context_new(&one, 1, &server), 0);
    SSL_CTX *client = client_context(site->dir);
    assert_true(shake(client, server, NULL, NULL).done);
    SSL_SESSION *session = last_session;
    SSL_SESSION_up_ref(session);
    for (int death = 0; death < 2; death++) {
        /* An edge that ends makes the keys rotate. */
        site_edge(site, 7, &mortal);
        tls_signer_fini(&mortal);
        wait_for_tickets(&one);
        tls_context_tickets(server, one.tickets);
        struct outcome o = shake(client, server, session, NULL);
        assert_true(o.done);
        assert_int_equal(o.resumed, death == 0);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_signer_fini(&one);
    site_free(site);
}

static void a_stalled_signer_fails_one_handshake_slowly_and_the_others_at_once(void **state)
{
    (void)state;
    struct tls_signer edge;
    SSL_CTX *server = NULL, *again = NULL;
    struct site *site = site_new("P-256");
    site_edge(site, 1, &edge);
    assert_int_equal(tls_context_new(&edge, 1, &server), 0);
    SSL_CTX *client = client_context(site->dir);
    assert_true(shake(client, server, NULL, NULL).done);
    SSL_SESSION *session = last_session;
    SSL_SESSION_up_ref(session);
    site_stall(site);
    uint64_t start = clock_mono_ms();
    assert_false(shake(client, server, NULL, NULL).done);
    uint64_t first = clock_mono_ms() - start;
    assert_true(edge.broken);
    start = clock_mono_ms();
    for (int i = 0; i < 5; i++)
        assert_false(shake(client, server, NULL, NULL).done);
    uint64_t others = clock_mono_ms() - start;
    if (first < TLS_SIGN_DEADLINE_MS - 5 || first > 1000 || others > 200)
        fail_msg("first %d ms, the others %d ms", (int)first, (int)others);
    assert_int_equal(edge.failed_count, 6);
    /* A resumption needs no signature. */
    assert_true(shake(client, server, session, NULL).resumed);
    assert_int_equal(tls_context_new(&edge, 2, &again), FAULT_CLOSED);
    assert_null(again);
    /* A new channel to a signer that reads makes everything good again, with the same context. */
    tls_signer_fini(&edge);
    site_edge(site, 1, &edge);
    site_resume(site);
    assert_true(shake(client, server, NULL, NULL).done);
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_signer_fini(&edge);
    site_free(site);
}

static void a_signer_that_is_gone_fails_handshakes_at_once(void **state)
{
    (void)state;
    struct tls_signer edge;
    SSL_CTX *server = NULL;
    struct site *site = site_new("P-256");
    site_edge(site, 1, &edge);
    assert_int_equal(tls_context_new(&edge, 1, &server), 0);
    SSL_CTX *client = client_context(site->dir);
    site_free(site);
    uint64_t start = clock_mono_ms();
    assert_false(shake(client, server, NULL, NULL).done);
    assert_true(clock_mono_ms() - start < 200);
    assert_true(edge.broken);
    assert_int_equal(tls_signer_pump(&edge), FAULT_CLOSED);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    tls_signer_fini(&edge);
}

static void a_key_of_another_certificate_is_not_accepted(void **state)
{
    (void)state;
    struct tls_signer edge = {.broken = true};
    EVP_PKEY *one = material_key("P-256"), *two = material_key("P-256"), *key = NULL;
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *base = OSSL_PROVIDER_load(library, "default");
    assert_int_equal(EVP_set_default_properties(library, TLSKEY_PROPERTIES), 1);
    OSSL_PROVIDER *remote = NULL;
    assert_int_equal(tlskey_load(library, &remote), 0);
    X509 *x = material_self_signed(one, HOST, -10, 1000);
    assert_int_equal(tlskey_new(library, &edge, 1, two, &key), 0);
    assert_int_equal(X509_check_private_key(x, key), 0);
    EVP_PKEY_free(key);
    key = NULL;
    assert_int_equal(tlskey_new(library, &edge, 1, one, &key), 0);
    assert_int_equal(X509_check_private_key(x, key), 1);
    /* Nothing private comes out. */
    OSSL_PARAM *params = NULL;
    assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 0);
    assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
    OSSL_PARAM_free(params);
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(x);
    EVP_PKEY_free(one);
    EVP_PKEY_free(two);
    OSSL_PROVIDER_unload(remote);
    OSSL_PROVIDER_unload(base);
    OSSL_LIB_CTX_free(library);
}

static int setup(void **state)
{
    (void)state;
    return pair_library_init() < 0 || tls_library_init() < 0;
}

static int teardown(void **state)
{
    (void)state;
    SSL_SESSION_free(last_session);
    tls_library_fini();
    return 0;
}

/* ---- several certificates, and the older version ---- */

static struct site *site_of_three(bool tls12)
{
    char *dir = material_dir();
    material_pair(dir, "P-256", HOST);
    material_named_pair(dir, "one", "RSA", "both.test");
    material_named_pair(dir, "two", "P-384", "both.test");
    return site_open(dir, &(struct keyring_wish){.names = SPAN("one\ntwo\n"), .tls12 = tls12});
}

struct asked {
    const char *host;    /* "": no name is sent */
    const char *sigalgs; /* "": the library's own */
    int version;         /* the client's only one */
};

/* What kind of key the client was shown; "" when there was no handshake. `server` is one connection
 * that has not begun. */
static const char *key_shown(SSL *server, const struct asked *asked)
{
    /* Not const only because OpenSSL's macros drop it. */
    char host[64], sigalgs[64];
    (void)snprintf(host, sizeof(host), "%s", asked->host);
    (void)snprintf(sigalgs, sizeof(sigalgs), "%s", asked->sigalgs);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *c = SSL_new(ctx);
    BIO *cb = NULL, *sb = NULL;
    int cr = 0, sr = 0;
    static char kind[32];
    kind[0] = 0;
    assert_int_equal(BIO_new_bio_pair(&cb, 0, &sb, 0), 1);
    SSL_set_bio(c, cb, cb);
    SSL_set_bio(server, sb, sb);
    SSL_set_connect_state(c);
    SSL_set_accept_state(server);
    assert_int_equal(SSL_set_min_proto_version(c, asked->version), 1);
    assert_int_equal(SSL_set_max_proto_version(c, asked->version), 1);
    if (host[0] != 0)
        SSL_set_tlsext_host_name(c, host);
    if (sigalgs[0] != 0)
        assert_int_equal(SSL_set1_sigalgs_list(c, sigalgs), 1);
    for (int turn = 0; turn < 20 && (cr != 1 || sr != 1); turn++) {
        ERR_clear_error();
        cr = SSL_do_handshake(c);
        ERR_clear_error();
        sr = SSL_do_handshake(server);
    }
    if (cr == 1 && sr == 1) {
        X509 *x = SSL_get1_peer_certificate(c);
        (void)snprintf(kind, sizeof(kind), "%s %d", EVP_PKEY_get0_type_name(X509_get0_pubkey(x)),
                       EVP_PKEY_get_bits(X509_get0_pubkey(x)));
        X509_free(x);
    }
    ERR_clear_error();
    SSL_free(c);
    SSL_CTX_free(ctx);
    return kind;
}

static void a_client_is_shown_the_certificate_of_its_host_even_while_the_context_ends(void **state)
{
    (void)state;
    static const struct {
        struct asked asked;
        const char *kind;
    } CASES[] = {
        {{"", "", TLS1_3_VERSION}, "EC 256"},
        {{HOST, "", TLS1_3_VERSION}, "EC 256"},
        {{"elsewhere.test", "", TLS1_3_VERSION}, "EC 256"},
        {{"both.test", "RSA-PSS+SHA256", TLS1_3_VERSION}, "RSA 2048"},
        {{"BOTH.test", "ECDSA+SHA384", TLS1_3_VERSION}, "EC 384"},
        {{HOST, "RSA-PSS+SHA256", TLS1_3_VERSION}, ""},
    };
    struct tls_signer edge;
    struct site *site = site_of_three(false);
    site_edge(site, 1, &edge);
    for (int ended = 0; ended < 2; ended++) {
        for (size_t i = 0; i < countof(CASES); i++) {
            SSL_CTX *server = NULL;
            assert_int_equal(tls_context_new(&edge, 1, &server), 0);
            SSL *s = SSL_new(server);
            /* A reload in the middle of a handshake. */
            if (ended)
                SSL_CTX_free(server);
            assert_string_equal(key_shown(s, &CASES[i].asked), CASES[i].kind);
            SSL_free(s);
            if (!ended)
                SSL_CTX_free(server);
        }
    }
    tls_signer_fini(&edge);
    site_free(site);
}

static void tls12_is_for_single_connections_and_only_what_the_signer_agrees_to(void **state)
{
    (void)state;
    static const struct {
        struct asked asked;
        const char *kind;
    } CASES[] = {
        {{HOST, "", TLS1_2_VERSION}, "EC 256"},
        {{HOST, "ECDSA+SHA384", TLS1_2_VERSION}, "EC 256"},
        {{"both.test", "RSA+SHA256", TLS1_2_VERSION}, "RSA 2048"},
        {{"both.test", "RSA-PSS+SHA512", TLS1_2_VERSION}, "RSA 2048"},
        {{"both.test", "ECDSA+SHA256", TLS1_2_VERSION}, "EC 384"},
        {{HOST, "ECDSA+SHA512", TLS1_2_VERSION}, ""},
        {{"both.test", "RSA+SHA1", TLS1_2_VERSION}, ""},
        {{HOST, "", TLS1_3_VERSION}, "EC 256"},
    };
    for (int agreed = 0; agreed < 2; agreed++) {
        struct tls_signer edge;
        SSL_CTX *server = NULL;
        struct site *site = site_of_three(agreed);
        site_edge(site, 1, &edge);
        assert_int_equal(tls_context_new(&edge, 1, &server), 0);
        for (size_t i = 0; i < countof(CASES); i++) {
            bool old = CASES[i].asked.version == TLS1_2_VERSION;
            SSL *s = SSL_new(server);
            if (old)
                assert_string_equal(key_shown(s, &CASES[i].asked), "");
            SSL_free(s);
            s = SSL_new(server);
            assert_int_equal(SSL_set_min_proto_version(s, TLS1_2_VERSION), 1);
            assert_string_equal(key_shown(s, &CASES[i].asked), agreed || !old ? CASES[i].kind : "");
            SSL_free(s);
        }
        SSL_CTX_free(server);
        tls_signer_fini(&edge);
        site_free(site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_makes_a_handshake),
        cmocka_unit_test(every_rsa_scheme_is_offered_to_the_client),
        cmocka_unit_test(old_protocols_and_foreign_alpn_are_refused),
        cmocka_unit_test(groups_are_few),
        cmocka_unit_test(a_handshake_gives_one_ticket_and_any_edge_resumes_it),
        cmocka_unit_test(tickets_outlive_one_rotation_and_not_two),
        cmocka_unit_test(a_stalled_signer_fails_one_handshake_slowly_and_the_others_at_once),
        cmocka_unit_test(a_signer_that_is_gone_fails_handshakes_at_once),
        cmocka_unit_test(a_key_of_another_certificate_is_not_accepted),
        cmocka_unit_test(a_client_is_shown_the_certificate_of_its_host_even_while_the_context_ends),
        cmocka_unit_test(tls12_is_for_single_connections_and_only_what_the_signer_agrees_to),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
