/* SPDX-License-Identifier: ISC */
/*
 * Knows when this process, or its machine, has stood still, by a tick that
 * came late: that time is nobody's silence but ours.
 */
#include "orthrus/base/loop.h"

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"

#define TICK_MS 1000
#define LATE_MS 1000		/* by which a tick may be late */
#define AGAIN_MAX_MS 10000	/* for what was lost and is sent again */
#define DEADLINE_MAX_MS 30000	/* that is left of one afterwards */

/* A process has one loop. */
static struct {
	struct event *tick;		/* NULL: there is no loop */
	uint64_t ticked_at;		/* by clock_ms() */
	uint64_t lost;			/* ms that do not count */
	uint64_t newest;		/* that clock_awake_ms() has told */
} watch;

/*
 * Between a standstill and the tick that finds it nothing but the tick has its
 * turn, but a call that stands still itself has.
 */
uint64_t
clock_awake_ms(void)
{
	uint64_t now = clock_ms();
	uint64_t latest = watch.ticked_at + TICK_MS + LATE_MS;

	if (watch.tick == NULL)
		return now;
	if (now > latest)
		now = latest;
	/* It waits rather than go back. */
	if (now > watch.lost && now - watch.lost > watch.newest)
		watch.newest = now - watch.lost;
	return watch.newest;
}

/* --- deadlines ---------------------------------------------------- */

/*
 * libevent keeps the flag and does not look at it in an event without a
 * descriptor: evtimer_new() sets none, and so deadlines are known by it.
 */
struct event *
deadline_new(struct event_base *base, void (*run)(int fd, short what,
    void *arg), void *arg)
{
	return event_new(base, -1, EV_TIMEOUT, run, arg);
}

struct deadlines {
	struct event **events;
	size_t n, room;
};

static int
note_deadline(const struct event_base *base, const struct event *ev, void *arg)
{
	struct deadlines *d = arg;

	(void)base;
	if (event_get_events(ev) != EV_TIMEOUT)
		return 0;
	if (d->n == d->room) {
		d->room = d->room == 0 ? 64 : d->room * 2;
		d->events = xreallocarray(d->events, d->room,
		    sizeof(struct event *));
	}
	d->events[d->n++] = (struct event *)(uintptr_t)ev;
	return 0;
}

/* What is left of it, in ms, below 0 when it has passed. */
static int64_t
time_left(struct event_base *base, const struct timeval *due)
{
	struct timeval now, left;

	event_base_gettimeofday_cached(base, &now);
	evutil_timersub(due, &now, &left);
	return (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000;
}

/*
 * Leaves it the time that it had before so many ms were lost, and as much
 * again of those for what has to be sent again.  One that was due before is
 * due.
 */
static void
give_time_back(struct event_base *base, struct event *ev, int64_t lost)
{
	struct timeval due;
	int64_t left, had;

	if (!event_pending(ev, EV_TIMEOUT, &due))
		return;
	left = time_left(base, &due);
	had = left + lost;
	if (had <= 0)
		return;
	had += had < lost ? had : lost;
	if (had > DEADLINE_MAX_MS)
		had = DEADLINE_MAX_MS;
	if (left < had)
		timer_set(ev, (uint64_t)had);
}

static void
move_deadlines(struct event_base *base, uint64_t lost)
{
	struct deadlines d = { NULL, 0, 0 };
	size_t i;

	event_base_foreach_event(base, note_deadline, &d);
	for (i = 0; i < d.n; i++)
		give_time_back(base, d.events[i], (int64_t)lost);
	free(d.events);
}

/* --- the loop ----------------------------------------------------- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct event_base *base = arg;
	uint64_t now = clock_ms(), late = now - watch.ticked_at - TICK_MS;

	(void)fd;
	(void)what;
	if (now > watch.ticked_at + TICK_MS + LATE_MS) {
		log_warn("this process stood still for %.1f s, or its machine "
		    "did; that is nobody else's silence",
		    (double)late / 1000);
		watch.lost += late + (late < AGAIN_MAX_MS ? late :
		    AGAIN_MAX_MS);
		move_deadlines(base, now - watch.ticked_at);
	}
	watch.ticked_at = now;
}

static struct event_base *
begin_watch(struct event_base *base)
{
	static const struct timeval period = { TICK_MS / 1000, 0 };

	/* Of all that is due in one turn the tick comes first. */
	if (base == NULL || event_base_priority_init(base, 2) == -1)
		abort();	/* of no memory */
	watch.tick = event_new(base, -1, EV_PERSIST, on_tick, base);
	event_priority_set(watch.tick, 0);
	watch.ticked_at = clock_ms();
	watch.newest = watch.ticked_at;
	watch.lost = 0;
	event_add(watch.tick, &period);
	return base;
}

struct event_base *
loop_new(void)
{
	return begin_watch(event_base_new());
}

struct event_base *
loop_new_for_files(void)
{
	struct event_config *how = event_config_new();
	struct event_base *base;

	if (how == NULL || event_config_avoid_method(how, "epoll") == -1)
		abort();	/* of no memory */
	base = event_base_new_with_config(how);
	event_config_free(how);
	return begin_watch(base);
}

void
loop_free(struct event_base *base)
{
	event_free(watch.tick);
	watch.tick = NULL;
	event_base_free(base);
}
