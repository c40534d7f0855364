/* The two clocks: one that only goes forward, for waiting; one that people read, for records. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some start; never jumps. */
uint64_t clock_mono_ms(void);
/* Microseconds of the same clock. */
uint64_t clock_mono_us(void);
/* Milliseconds since 1970 UTC; may jump when the host's clock is set. */
uint64_t clock_wall_ms(void);
/* "2026-03-01T12:34:56Z" */
#define CLOCK_TEXT_SIZE 32
void clock_format(uint64_t wall_ms, char out[CLOCK_TEXT_SIZE]);

#endif
