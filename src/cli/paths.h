/* Where things are: the configuration file, the runtime directory, the other executables. */
#ifndef CLI_PATHS_H
#define CLI_PATHS_H

#include <stdio.h>

#include "base/macros.h"
#include "conf/snapshot.h"

struct paths {
    const char *config;  /* --config, POSTERN_CONFIG, the user's own, /etc/postern/postern.yaml */
    const char *runtime; /* --runtime, POSTERN_RUNTIME, or as the configuration says */
    struct snapshot *snapshot; /* of the configuration, once it was needed */
    char text[1024], gleaned[1024];
};

/* The configuration file's name, never NULL; need not exist. */
const char *paths_config(struct paths *p);
/* Parses the configuration once; NULL with a message on standard error. */
const struct snapshot *paths_snapshot(struct paths *p);
/* A path below the runtime directory into out; false with a message. */
bool paths_runtime(struct paths *p, const char *name, char *out, size_t size);
/* "postern-keeper" → its path in POSTERN_LIBEXEC, beside this executable, or in the compiled-in
 * directory. */
void paths_executable(const char *name, char *out, size_t size);
/* "https://host[:port]" of the portal, or of a host name. */
void paths_url(const struct snapshot *s, const char *host, uint16_t port, char *out, size_t size);
void paths_fini(struct paths *p);

#endif
