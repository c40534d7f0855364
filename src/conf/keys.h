/* The table of keys (conf/keys.def) as data, and what every reader and writer of it shares.
 *
 * A section is one key at the top of postern.yaml. Sections of the machine (portal, limits, …)
 * write into the snapshot itself; sections of elements (listeners, zones, routes, rules) fill its
 * arrays, one struct per element. A key knows where in that struct its value lies. */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "base/buf.h"
#include "conf/snapshot.h"

enum key_type {
    KEY_NAME,
    KEY_SELECTOR, /* a name or "*" */
    KEY_HOST,
    KEY_HOST_PORT,
    KEY_IDENTITY,
    KEY_GUARDED,
    KEY_HEADER,
    KEY_PATH, /* absolute, on this machine */
    KEY_INTERFACE,
    KEY_FILE, /* a name inside a known directory */
    KEY_TITLE,
    KEY_LINK,
    KEY_PREFIX, /* of paths, on a host */
    KEY_METHOD,
    KEY_PEM, /* certificates as text */
    KEY_PIN,
    KEY_URL, /* text of an upstream */
    KEY_PATTERN,
    KEY_CIDR, /* lists only */
    KEY_COUNT,
    KEY_BOOL,
    KEY_PORT,
    KEY_SECONDS,
    KEY_SIZE,
    KEY_SIZE64,
    KEY_SANDBOX,
    KEY_ASSURANCE,
    KEY_ROUTE_KIND,
    KEY_TLS_FLOOR,
    KEY_LISTENER_KIND,
    KEY_HSTS,
    KEY_PROXY_PROTOCOL,
    KEY_FORWARDED,
    KEY_BALANCE,
    KEY_BIND_NETWORK,
    KEY_ENDPOINT,
    KEY_UPSTREAM, /* lists only */
    KEY_HOST_HEADER,
    KEY_ISSUER,
    KEY_SCOPE,
    KEY_PROVIDER_LEVEL,
    KEY_PROVIDER_GROUP,
    KEY_CLIENT_CERTIFICATE,
    KEY_HOST_CERTIFICATE, /* the same of a host, which may leave it to the listener */
    KEY_CRL,              /* lists of revoked certificates as text */
    KEY_DIRECTORY_KIND,
    KEY_DIRECTORY_URL,
    KEY_DN,
    KEY_FILTER,
    KEY_ATTRIBUTE,
    KEY_GROUPS_FROM,
    KEY_GROUP_MAP,
    KEY_MAIL_SERVER,
    KEY_MAILBOX,
    KEY_WEB_URL,
    KEY_SOURCE, /* an address */
    KEY_MOMENT, /* conf/moment.h */
    KEY_EXPECTATION,
    KEY_WINDOW,     /* a time of the week: conf/schedule.h */
    KEY_TIME_ZONE,  /* its name */
    KEY_TIME_RULES, /* its rules: conf/timezone.h */
    KEY_TYPE_COUNT
};

enum key_flag {
    KEY_REQUIRED = 1,
    KEY_LIST = 2,
    KEY_LOCAL = 4,
    KEY_SECRET = 8 | KEY_LOCAL,
    KEY_ONE = 16,
    KEY_DERIVED = 32,
    KEY_RUNTIME = 64,
    KEY_NOTED = 128,
    KEY_HIDDEN = KEY_DERIVED | KEY_NOTED, /* in no file and no document */
};

/* Keys of one section. */
#define KEYS_MAX 64

struct key {
    const char *name;
    enum key_type type;
    unsigned flags;
    size_t field, extra; /* offsets in the section's struct */
    const char *fallback;
    uint64_t least, most;
    const char *text;
};

enum section_shape { SHAPE_OBJECT, SHAPE_LIST, SHAPE_NAMED, SHAPE_NAMED_LIST };

enum section_id {
#define SECTION(ID, name, kind, shape, type, array, most, text) SECTION_##ID,
#define KEY(type, name, TYPE, field, extra, flags, fallback, least, most, text)
#define END(ID)
#include "conf/keys.def"
#undef SECTION
#undef KEY
#undef END
    SECTION_COUNT
};

struct section {
    const char *name, *kind;
    enum section_shape shape;
    const struct key *keys;
    size_t key_count;
    size_t size;      /* of the struct */
    size_t at, count; /* offsets of the array and its count in the snapshot */
    size_t origin;    /* offset of the origin in the struct; SIZE_MAX: has none */
    size_t most;
    const char *text;
};

const struct section *section_of(enum section_id id);
/* By the name at the top of the file, or by the kind of its elements. NULL: none. */
const struct section *section_find(struct span name);
const struct section *section_of_kind(const char *kind);
/* A key of the machine that may be changed while postern runs, by its name in the file:
 * "session.idle". NULL: none. */
const struct key *setting_key(struct span name, const struct section **sec);
/* The i-th setting, its name of at most SETTING_NAME_SIZE - 1 bytes into name. NULL past the end.
 */
#define SETTING_NAME_SIZE 64u
const struct key *setting_at(size_t i, const struct section **sec, char name[SETTING_NAME_SIZE]);
/* Notes that the setting is said, once. 0 or -ENOMEM. */
must_check int setting_say(struct snapshot *s, const char *name);
bool setting_is_said(const struct snapshot *s, struct span name);
/* Gives *to the value that *from has. 0 or -ENOMEM. */
must_check int setting_copy(const struct key *k, const struct snapshot *from, struct snapshot *to);
/* NULL: none that a file or document may have. */
const struct key *section_key(const struct section *sec, struct span name);
/* The nearest name for a misspelt one, or NULL. */
const char *section_nearest(struct span name);
const char *section_nearest_key(const struct section *sec, struct span name);

static inline bool section_is_machine(const struct section *sec)
{
    return sec->shape == SHAPE_OBJECT;
}
size_t section_count(const struct section *sec, const struct snapshot *s);
/* Element i of the section; the snapshot itself for a section of the machine. */
const void *section_element(const struct section *sec, const struct snapshot *s, size_t i);
/* The name of element i, "" for a section of the machine. */
const char *section_element_name(const struct section *sec, const struct snapshot *s, size_t i);
/* Appends a copy of *element (whose pointers must live in the snapshot's arena). 0, -ENOMEM,
 * FAULT_LIMIT past sec->most. */
must_check int section_append(const struct section *sec, struct snapshot *s, const void *element);
/* Sets every key of the section to its fallback. 0 or -ENOMEM. */
must_check int section_defaults(const struct section *sec, struct arena *a, void *target);
/* Sets every text of the section to "". */
void section_blank(const struct section *sec, void *target);
/* Replaces all texts and lists of *target by copies in a. 0 or -ENOMEM. */
must_check int section_own(const struct section *sec, struct arena *a, void *target);
/* Room for the struct of any section of elements. */
union section_struct {
    struct listener_def listener;
    struct zone_def zone;
    struct route_def route;
    struct rule_def rule;
    struct test_def test;
    struct directory_def directory;
    struct provider_def provider;
};

/* Arrays in an arena grow by one rule, so that nobody has to store a capacity: an array of n items
 * has room for the next power of two, at least 8. Returns where item `count` belongs, moving *at
 * when it is full; NULL without memory. */
void *array_grow(struct arena *a, void **at, size_t count, size_t size);

/* A hash of the table: two builds with different rows do not understand each other's slices. */
uint64_t conf_keys_fingerprint(void);
/* "section.key<TAB>type<TAB>default<TAB>description", one a line: for `keys` and for the manual. */
must_check int conf_keys_describe(struct buf *out);
/* A JSON Schema (draft 07) of postern.yaml, for editors. */
must_check int conf_keys_schema(struct buf *out);

#endif
