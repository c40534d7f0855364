/* postern: the command line. Thin: it parses words by the table (commands.c), asks one of the two
 * control sockets, and shows the answer; what needs the store or keys directly is done by the
 * executable that owns them. */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "cli/command.h"

int main(int argc, char **argv)
{
    static struct invocation v;
    (void)signal(SIGPIPE, SIG_IGN);
    /* The habits of nginx -t and sshd -T. */
    static char check[] = "check", dump[] = "dump";
    if (argc >= 2 && strcmp(argv[1], "-t") == 0)
        argv[1] = check;
    else if (argc >= 2 && strcmp(argv[1], "-T") == 0)
        argv[1] = dump;
    else if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return run_version(&v);
    int rc = command_parse(&v, argc, argv);
    if (rc == -1) {
        help_print(argc < 2 ? stderr : stdout, v.command);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (rc != 0)
        return rc;
    rc = v.command->run != NULL ? v.command->run(&v) : invocation_run(&v);
    json_decref(v.extra);
    paths_fini(&v.paths);
    if (fflush(stdout) != 0 || ferror(stdout))
        return rc == EXIT_DONE ? EXIT_REFUSED : rc;
    return rc;
}
