/* SPDX-License-Identifier: ISC */
/*
 * What every layer that lives in libevent's loop needs besides it: clocks,
 * timers in milliseconds, memory that goes with an event, and a watch that says
 * what has held the loop.
 */
#ifndef ORTHRUS_BASE_LOOP_H
#define ORTHRUS_BASE_LOOP_H

#include <stdint.h>

struct event;
struct event_base;

/*
 * The loop of a program, one in a process, which notices when it has stood
 * still for more than a second or so: stopped, with its machine, or at a disk.
 * Never NULL.
 */
struct event_base *loop_new(void);
/*
 * The same for a program whose standard input or output may be a file or the
 * null device, which poll(2) takes and epoll(7) does not.  For few descriptors.
 */
struct event_base *loop_new_for_files(void);
/* When all its other events are freed. */
void loop_free(struct event_base *base);

/* The monotonic clock, in milliseconds and in microseconds. */
uint64_t clock_ms(void);
uint64_t clock_us(void);

/*
 * By what others' silence is judged, in ms: clock_ms() without the time that
 * the loop has stood still, and without as long again after it (10 s at most),
 * as what was lost meanwhile is sent again no sooner.  Never goes back.
 */
uint64_t clock_awake_ms(void);

/*
 * A timer, as evtimer_new() makes it, by which somebody else must have done
 * something: after the loop has stood still it leaves the time that was left
 * before, and as long again (30 s at most).
 */
struct event *deadline_new(struct event_base *base, void (*run)(int fd,
    short what, void *arg), void *arg);

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

/* --- the watch ---------------------------------------------------- */

/* What a turn is spent on, as the log and the metrics call it. */
enum loop_work { LOOP_OTHER, LOOP_ACCEPT, LOOP_LOGIN, LOOP_SESSION,
    LOOP_STREAM, LOOP_HTTP, LOOP_LIST, LOOP_SWEEP, LOOP_REGISTRY,
    LOOP_RELOAD };
#define NLOOP_WORKS (LOOP_RELOAD + 1)

/*
 * Said by who calls others from the loop: from here to the next call, or to the
 * end of the turn, it is this.  Returns what it was, for who is called by
 * another part and gives the word back.
 */
enum loop_work loop_doing(enum loop_work work);

/*
 * The watch begins, for a program whose thread does nothing but run one loop:
 * what it did between two loops would count as a turn.
 */
void loop_watch(void);

/* Microseconds that the turn has taken so far; 0 outside of the loop. */
uint64_t loop_turn_us(void);

/*
 * The turns of this process that took longer than 50 ms, by what most of the
 * time went to; us is how long they were, all together.  A warning in the log
 * tells each (one a second at most) that took as much of the processor; one
 * that waited for it, or for a disk, is told as information.
 */
struct loop_held {
	const char *by;
	uint64_t turns, us;
};
const struct loop_held *loop_held(enum loop_work work);

#endif
