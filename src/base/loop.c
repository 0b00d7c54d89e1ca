/* SPDX-License-Identifier: ISC */
/* See loop.h. */
#include "orthrus/base/loop.h"

#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

uint64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
clock_ms(void)
{
	return clock_us() / 1000;
}

void
timer_set(struct event *timer, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000),
	    (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(timer, &tv);
}

void
event_free_arg(struct event *ev, void *arg)
{
	(void)ev;
	free(arg);
}
