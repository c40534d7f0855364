/* Which passwords are refused because attackers know them: the built-in list of identity/password.h
 * and the operator's own, authentication.password_list. */
#ifndef KEEPER_KNOWN_H
#define KEEPER_KNOWN_H

#include "base/buf.h"
#include "conf/snapshot.h"
#include "identity/password.h"

struct keeper;

/* Judges with both lists. When the operator's cannot be read now, no password is good. */
enum password_verdict known_judge(const struct keeper *k, struct span password, struct span user);
/* A part of the check of a configuration: can the file be searched? FAULT_FORMAT with a line in
 * errors. */
must_check int known_check(const struct snapshot *s, const char *secrets_dir, struct buf *errors);
/* `password-list check`: every line, said on standard output. The exit code. */
int known_check_file(const char *path);

#endif
