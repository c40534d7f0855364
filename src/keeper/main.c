/* postern-keeper: serves for the supervisor, or does one thing offline. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/offline.h"

static int usage(void)
{
    (void)fprintf(stderr, "usage: postern-keeper --store FILE --secrets-dir DIR --state-dir DIR "
                          "--authorities FILE [--sandbox strict|best]\n"
                          "       postern-keeper --offline COMMAND …\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct keeper_options options = {.sandbox = SANDBOX_STRICT};
    if (argc >= 2 && strcmp(argv[1], "--offline") == 0) {
        return offline_main(argc - 2, argv + 2);
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--store") == 0) {
            options.store_file = argv[i + 1];
        } else if (strcmp(argv[i], "--secrets-dir") == 0) {
            options.secrets_dir = argv[i + 1];
        } else if (strcmp(argv[i], "--state-dir") == 0) {
            options.state_dir = argv[i + 1];
        } else if (strcmp(argv[i], "--authorities") == 0) {
            options.authorities = argv[i + 1];
        } else if (strcmp(argv[i], "--sandbox") == 0 && strcmp(argv[i + 1], "best") == 0) {
            options.sandbox = SANDBOX_BEST;
        } else if (strcmp(argv[i], "--sandbox") != 0 || strcmp(argv[i + 1], "strict") != 0) {
            return usage();
        }
    }
    if (argc % 2 == 0 || options.store_file == NULL || options.secrets_dir == NULL ||
        options.state_dir == NULL) {
        return usage();
    }
    (void)signal(SIGPIPE, SIG_IGN);
    log_open("keeper", LOG_LEVEL_INFO);
    return keeper_serve(&options);
}
