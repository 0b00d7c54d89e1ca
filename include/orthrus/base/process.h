/* Of the process as a whole: its clock, and how many files it may open. */
#ifndef ORTHRUS_BASE_PROCESS_H
#define ORTHRUS_BASE_PROCESS_H

#include <stdint.h>

/* The monotonic clock, in milliseconds and in microseconds. */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/* Each stream and each agent takes descriptors: as many as we may have. */
void raise_descriptor_limit(void);

#endif
