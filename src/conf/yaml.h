/* postern.yaml → snapshot, driven by one table of keys (conf/keys.def).
 *
 * All errors are collected, each "file:line: key: expected …, found …; did you mean …?", in order
 * of lines, so that one run shows everything. Unknown keys, duplicate keys and wrong types are
 * errors; anchors, aliases, tags, directives and second documents are refused. There is no implicit
 * typing: a key says what its value is, and an unquoted text that some reader of YAML would take
 * for a number, a truth value or nothing ("no", "0x10", "~") is refused where a text belongs.
 *
 * Links libyaml (conf_yaml_dep): not for the edge. */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* No file is larger. */
#define YAML_MAX (4u * 1024 * 1024)

/* Parses text (name is used in messages only) and verifies the whole (conf/verify.h). Returns 0 and
 * *ret, or FAULT_FORMAT with one message a line in errors and *ret untouched, or -ENOMEM. Does not
 * touch the file system. */
must_check int yaml_parse(const char *name, struct span text, struct snapshot **ret,
                          struct buf *errors);
/* Reads the file and parses it. -errno when it cannot be read (also said in errors). */
must_check int yaml_load(const char *path, struct snapshot **ret, struct buf *errors);
/* The effective configuration as YAML, defaults included; secrets never (only the names of their
 * files). Built-in zones and resources of the store are left out: yaml_parse reads it back. */
must_check int yaml_dump(const struct snapshot *s, struct buf *out);

#endif
