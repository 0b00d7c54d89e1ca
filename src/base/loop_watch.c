/* SPDX-License-Identifier: ISC */
/*
 * A watch over the loop: how long each turn took, how much of it we were
 * running, and what the time went to.
 *
 * Time alone says little: on a busy machine, or one that was stopped, a turn is
 * long without having done much.  The thread's processor time tells that from
 * work of our own.
 */
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/log.h"
#include "orthrus/base/os.h"

#include "loop_private.h"

#define HELD_US 50000		/* what is told */
#define LOG_US 1000000		/* between two lines */
#define SAMPLE_US 1000		/* between two looks at the processor time */

static struct loop_held held[NLOOP_WORKS] = {
	[LOOP_OTHER] = { .by = "other" }, [LOOP_ACCEPT] = { .by = "accept" },
	[LOOP_LOGIN] = { .by = "login" }, [LOOP_SESSION] = { .by = "session" },
	[LOOP_STREAM] = { .by = "stream" }, [LOOP_HTTP] = { .by = "http" },
	[LOOP_LIST] = { .by = "list" }, [LOOP_SWEEP] = { .by = "sweep" },
	[LOOP_REGISTRY] = { .by = "registry" },
	[LOOP_RELOAD] = { .by = "reload" },
};

static struct {
	uint64_t began;			/* 0: no turn has begun */
	uint64_t since;			/* ... of work */
	enum loop_work work;
	uint64_t spent[NLOOP_WORKS];
	uint64_t cpu, cpu_read;		/* processor time, and when it was so */
	uint64_t told;
	unsigned untold;
} turn;

static bool watched;

static uint64_t
processor_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static enum loop_work
longest_work(void)
{
	enum loop_work most = LOOP_OTHER, i;

	for (i = LOOP_OTHER; i < NLOOP_WORKS; i++)
		if (turn.spent[i] > turn.spent[most])
			most = i;
	return most;
}

static void
tell_held(uint64_t us, uint64_t cpu, enum loop_work most, uint64_t now)
{
	void (*tell)(const char *, ...) __attribute__((format(printf, 1, 2))) =
	    cpu > HELD_US ? log_warn : log_info;

	turn.untold++;
	if (now - turn.told < LOG_US && turn.told != 0)
		return;
	tell("the loop was held for %llu ms (CPU %llu ms), %llu ms of them by: "
	    "%s; %u such turns since the last line of this kind",
	    (unsigned long long)us / 1000, (unsigned long long)cpu / 1000,
	    (unsigned long long)turn.spent[most] / 1000, held[most].by,
	    turn.untold);
	turn.told = now;
	turn.untold = 0;
}

/*
 * The last look at the processor time was at the end of a turn, SAMPLE_US or
 * less of work ago: so a turn of 50 ms is measured well enough, and the many
 * short ones pay nothing.
 */
void
loop_turn_end(void)
{
	uint64_t now, us, cpu = turn.cpu;
	enum loop_work most;

	loop_doing(LOOP_OTHER);
	now = turn.since;
	us = now - turn.began;
	if (us > HELD_US || now - turn.cpu_read > SAMPLE_US) {
		turn.cpu = processor_us();
		turn.cpu_read = now;
	}
	if (!watched || turn.began == 0 || us <= HELD_US)
		return;
	most = longest_work();
	held[most].turns++;
	held[most].us += us;
	cpu = turn.cpu - cpu;
	tell_held(us, cpu < us ? cpu : us, most, now);
}

void
loop_turn_begin(void)
{
	memset(turn.spent, 0, sizeof(turn.spent));
	turn.began = turn.since = clock_us();
	turn.work = LOOP_OTHER;
}

enum loop_work
loop_doing(enum loop_work work)
{
	enum loop_work before = turn.work;
	uint64_t now = clock_us();

	turn.spent[before] += now - turn.since;
	turn.since = now;
	turn.work = work;
	return before;
}

void
loop_watch(void)
{
	watched = os_tells_turns();
	turn.began = 0;
}

uint64_t
loop_turn_us(void)
{
	return turn.began == 0 ? 0 : clock_us() - turn.began;
}

const struct loop_held *
loop_held(enum loop_work work)
{
	return &held[work];
}
