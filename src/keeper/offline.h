/* What can be done without a running service: make a store, check a configuration, verify and
 * export the trail, print tables. Each command is a row of a table; all print to standard output,
 * complain on standard error, and return an exit code: 0 done, 1 refused, 2 wrong usage. */
#ifndef KEEPER_OFFLINE_H
#define KEEPER_OFFLINE_H

int offline_main(int argc, char **argv);

#endif
