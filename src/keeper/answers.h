/* What operations answer: the rows of api/openapi.yaml that no check at run time needs. An
 * operation without a row answers with an object. Members may come to an answer, none goes. */
#ifndef KEEPER_ANSWERS_H
#define KEEPER_ANSWERS_H

#include "keeper/operation.h"

struct answer_row {
    const char *method, *path;
    unsigned status; /* of a success */
    unsigned other;  /* another success, or 0 */
    const struct field *fields;
};

/* NULL: none. */
const struct answer_row *answer_of(const struct operation *op);
/* The name of a list of fields that stands in several answers; NULL: it has none. */
const char *answer_name(const struct field *fields);

#endif
