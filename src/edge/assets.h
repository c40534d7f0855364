/* Files that are part of the executable. Made by assets/embed.py. */
#ifndef EDGE_ASSETS_H
#define EDGE_ASSETS_H

#include "base/span.h"

extern const struct span asset_style;   /* text/css */
extern const struct span asset_passkey; /* text/javascript */

#endif
