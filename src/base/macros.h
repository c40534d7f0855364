/* The few compiler words the house uses. None may be a word that system headers use in attributes
 * ("unused"): it would be expanded inside them. */
#ifndef BASE_MACROS_H
#define BASE_MACROS_H

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))

/* Scope lifetime: release(&variable) runs when the variable leaves its block. */
#define scoped(release) __attribute__((cleanup(release)))

#define countof(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
