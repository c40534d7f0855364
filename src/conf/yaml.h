/* postern.yaml → snapshot, driven by one table of keys.
 *
 * All errors are collected, each "file:line: key: expected …, found …; did you mean …?", so that one
 * run shows everything. Unknown keys, duplicate keys and wrong types are errors; there is no implicit
 * typing beyond what the table says. */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/buf.h"
#include "conf/snapshot.h"

/* Parses text (name is used in messages only). Returns 0 and *ret, or FAULT_FORMAT with one message a
 * line in errors and *ret untouched. Does not touch the file system. */
must_check int yaml_parse(const char *name, struct span text, struct snapshot **ret,
                          struct buf *errors);
/* Reads the file and parses it. -errno when it cannot be read (also said in errors). */
must_check int yaml_load(const char *path, struct snapshot **ret, struct buf *errors);
/* The effective configuration as YAML, defaults included; secrets never. */
must_check int yaml_dump(const struct snapshot *s, struct buf *out);

#endif
