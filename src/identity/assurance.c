#include "identity/assurance.h"

#include <string.h>

#define BIT(factor) (UINT32_C(1) << (factor))
#define KNOWN (BIT(FACTOR_PASSWORD) | BIT(FACTOR_DIRECTORY) | BIT(FACTOR_PROVIDER))
#define CODES (BIT(FACTOR_TOTP) | BIT(FACTOR_RECOVERY) | BIT(FACTOR_SEALED))

enum assurance assurance_of(const struct proofs *p)
{
    static const struct {
        uint32_t all; /* every one of these */
        uint32_t any; /* and one of these, unless 0 */
        enum assurance level;
        bool bound; /* one level more when the key cannot be copied */
    } ROWS[] = {
        /* Out of an envelope in a safe, once: who has it has been to two places. */
        {BIT(FACTOR_SEALED), 0, ASSURANCE_MFA, false},
        {BIT(FACTOR_PASSKEY), 0, ASSURANCE_PHISHING_RESISTANT, true},
        {BIT(FACTOR_KEY), KNOWN, ASSURANCE_PHISHING_RESISTANT, true},
        {BIT(FACTOR_CERTIFICATE), KNOWN, ASSURANCE_PHISHING_RESISTANT, false},
        {BIT(FACTOR_CERTIFICATE), CODES, ASSURANCE_MFA, false},
        {0, KNOWN, ASSURANCE_PASSWORD, false},
        {BIT(FACTOR_CERTIFICATE), 0, ASSURANCE_PASSWORD, false},
    };
    bool known = (p->factors & KNOWN) != 0;
    enum assurance level = known && (p->factors & CODES) != 0 ? ASSURANCE_MFA : ASSURANCE_NONE;
    if ((p->factors & BIT(FACTOR_PROVIDER)) != 0 && p->asserted > level) {
        level = p->asserted;
    }
    for (size_t i = 0; i < countof(ROWS); i++) {
        bool fits = (p->factors & ROWS[i].all) == ROWS[i].all &&
                    (ROWS[i].any == 0 || (p->factors & ROWS[i].any) != 0);
        enum assurance reached =
            ROWS[i].bound && p->device_bound ? ASSURANCE_HARDWARE : ROWS[i].level;
        if (fits && reached > level) {
            level = reached;
        }
    }
    return level;
}

static const char *const NAMES[FACTOR_COUNT] = {
    [FACTOR_PASSWORD] = "password",  [FACTOR_TOTP] = "totp",
    [FACTOR_RECOVERY] = "recovery",  [FACTOR_PASSKEY] = "passkey",
    [FACTOR_KEY] = "security-key",   [FACTOR_CERTIFICATE] = "certificate",
    [FACTOR_PROVIDER] = "provider",  [FACTOR_DIRECTORY] = "directory",
    [FACTOR_SEALED] = "sealed-code",
};

const char *factor_name(enum factor f)
{
    return (size_t)f < countof(NAMES) ? NAMES[f] : "unknown";
}

void factor_names(uint32_t factors, char out[FACTOR_NAMES_SIZE])
{
    size_t len = 0;
    for (size_t i = 0; i < countof(NAMES); i++) {
        if ((factors & BIT(i)) == 0) {
            continue;
        }
        if (len > 0) {
            out[len++] = '+';
        }
        memcpy(out + len, NAMES[i], strlen(NAMES[i]));
        len += strlen(NAMES[i]);
    }
    out[len] = '\0';
}
