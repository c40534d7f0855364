/* The web console's files: the one page that all its addresses show, and what that page loads.
 *
 * The page is for whoever has a session at the portal: the keeper is asked first, by api.c. What it
 * loads says nothing about this gateway, has its hash in its name and stays in caches for good; all
 * of it is compressed already, for every client, since only the page's own browser asks for it. */
#ifndef EDGE_CONSOLE_H
#define EDGE_CONSOLE_H

#include "edge/exchange.h"

#define CONSOLE_ASSETS "/assets/console/"

/* Scripts and styles from the portal's own files, nothing that stands in the page, nothing from
 * elsewhere; the only form that the console sends is the one that logs out. */
#define CONSOLE_CSP                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "            \
    "base-uri 'none'"

/* Is this an address of the console: "/" or below /console/? */
bool console_is_place(struct span canonical);
/* The page, to whoever may see it; a build without the console says so instead. */
void console_send_page(struct exchange *x);
/* One of the files below CONSOLE_ASSETS. */
void console_send_asset(struct exchange *x);

#endif
