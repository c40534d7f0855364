/* What people type and programs send to be recognised: TOTP codes and secrets, recovery codes,
 * tokens, passwords to judge. The first byte says which. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/span.h"
#include "identity/password.h"
#include "identity/recovery.h"
#include "identity/token.h"
#include "identity/totp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void secret_text(struct span text)
{
    uint8_t bytes[64], again[64];
    char back[TOTP_BASE32_SIZE(64)];
    int len = base32_decode(text, bytes, sizeof(bytes));
    must(len >= 0 || len == FAULT_FORMAT || len == FAULT_LIMIT);
    if (len < 0)
        return;
    base32_encode(back, span_of(bytes, (size_t)len));
    must(base32_decode(span_str(back), again, sizeof(again)) == len);
    must(memcmp(bytes, again, (size_t)len) == 0);
}

static void code(struct span text)
{
    uint64_t step = 7;
    int rc = totp_verify(SPAN("12345678901234567890"), text, 59, 0, &step);
    must((rc == FAULT_FORMAT) == !totp_is_shaped(text));
    must(rc == 0 || step == 7);
}

static void recovery(struct span text)
{
    uint8_t hash[RECOVERY_HASH_SIZE];
    int rc = recovery_hash(text, hash);
    must(rc == 0 || rc == FAULT_FORMAT);
    /* Nothing is both, so a login form needs one field only. */
    must(rc != 0 || !totp_is_shaped(text));
}

static void token(struct span text)
{
    uint8_t hash[TOKEN_HASH_SIZE];
    bool shaped = token_is_shaped(text), api = token_is_shaped_api(text);
    must(!(shaped && api));
    must((token_hash(text, hash) == 0) == (shaped || api));
}

static void password(struct span text)
{
    struct span user;
    (void)span_cut(&text, '\n', &user);
    enum password_verdict v = password_judge(text, user);
    must(v <= PASSWORD_NAMED && password_verdict_text(v) != NULL);
}

static void uri(struct span text)
{
    struct buf out;
    buf_init(&out, 4096);
    /* A text that does not fit is a fault like any other; what is looked for is a crash. */
    int rc = totp_uri(&out, span_sub(text, 0, 20), text, text);
    if (rc == 0 && out.bad)
        __builtin_trap();
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const TARGETS[])(struct span text) = {secret_text, code,     recovery,
                                                        token,       password, uri};
    if (size == 0)
        return 0;
    TARGETS[data[0] % countof(TARGETS)](span_of(data + 1, size - 1));
    return 0;
}
