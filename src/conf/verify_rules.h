/* The part of conf/verify.h about who may do what: rules, the zones of the portal, and the tests
 * that stand beside the rules. Inside src/conf only. */
#ifndef CONF_VERIFY_RULES_H
#define CONF_VERIFY_RULES_H

#include "conf/check.h"

void verify_rules(struct check *c);
void verify_tests(struct check *c);

#endif
