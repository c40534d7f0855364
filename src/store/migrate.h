/* Schemas: numbered steps, each bringing a database from one version to the next. Made from
 * store/schema/SET-NUMBER.sql by store/schema/embed.py. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

struct schema {
    const char *const *steps;
    unsigned version; /* the number of steps: the version that this program knows */
};

extern const struct schema schema_main;
extern const struct schema schema_access;

#endif
