/* SPDX-License-Identifier: ISC */
/*
 * What every layer that lives in libevent's loop needs besides it: the
 * monotonic clock, timers in milliseconds, and memory that goes with an event.
 */
#ifndef ORTHRUS_BASE_LOOP_H
#define ORTHRUS_BASE_LOOP_H

#include <stdint.h>

struct event;

/* The monotonic clock, in milliseconds and in microseconds. */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/*
 * Runs the timer, made with evtimer_new(), once in ms milliseconds, whatever
 * it was set to before.  With 0 it runs when the loop has looked at all
 * descriptors again, which event_active() would not wait for.
 */
void timer_set(struct event *timer, uint64_t ms);

/*
 * For event_free_finalize(): frees arg with free(3) when no callback of the
 * event can be under way any more.
 */
void event_free_arg(struct event *ev, void *arg);

#endif
