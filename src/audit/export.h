/* The trail for others: JSON Lines (with hashes, so that a third party can verify) and CSV. */
#ifndef AUDIT_EXPORT_H
#define AUDIT_EXPORT_H

#include "audit/record.h"

/* Appends one JSON object, without a line end: also the form of the API. */
must_check int export_json(struct buf *out, const struct record *r);
/* Appends the heading or one record as a line of CSV (RFC 4180). Cells that a spreadsheet would
 * take for a formula get a leading apostrophe. */
must_check int export_csv_heading(struct buf *out);
must_check int export_csv(struct buf *out, const struct record *r);
/* Appends a comma and one such cell. */
void export_csv_cell(struct buf *out, struct span value);

enum export_form { EXPORT_JSON_LINES, EXPORT_CSV };
/* Everything, line by line (each with its line end) to `write`, which returns 0 to go on. */
must_check int export_trail(struct store *s, enum export_form form,
                            int (*write)(void *context, struct span line), void *context);

#endif
