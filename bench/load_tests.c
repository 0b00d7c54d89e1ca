/* SPDX-License-Identifier: ISC */
/*
 * The measurements on long streams: bulk, small requests beside bulk, a busy
 * stream among idle ones, and the first byte after an outage.
 */

#include <sys/resource.h>
#include <sys/socket.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define GIB		(1024.0 * 1024 * 1024)
#define MAX_SAMPLES	(1 << 20)
#define BATCH		32	/* idle streams opened at a time */
#define ENOUGH		(16.0 * 1024 * 1024)
#define PATIENCE	5.0

struct bulk {
	const struct load *load;
	enum role role;		/* of the target */
	int fd;
};

struct interval {
	double began, seconds, cpu, bytes;
};

static void *
bulk_thread(void *arg)
{
	struct bulk *b = arg;

	if (b->role == ROLE_SOURCE)
		sink_forever(b->fd, b->load->sunk);
	else
		source_forever(b->fd);
	free(b);
	return NULL;
}

/* Fills one stream from now on, until the program ends. */
static void
bulk_start(const struct load *l, enum role role)
{
	struct bulk *b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		err(1, "calloc");
	b->load = l;
	b->role = role;
	b->fd = dial(l, role);
	in_thread(bulk_thread, b);
}

static void
interval_begin(const struct load *l, struct interval *i)
{
	i->began = now();
	i->bytes = (double)atomic_load(l->sunk);
	i->cpu = cpu_seconds(l);
}

static void
interval_end(const struct load *l, struct interval *i)
{
	i->seconds = now() - i->began;
	i->bytes = (double)atomic_load(l->sunk) - i->bytes;
	i->cpu = cpu_seconds(l) - i->cpu;
	if (i->bytes <= 0)
		fatal("the stream stands still");
}

static void
interval_print(const struct interval *i)
{
	printf("\"mbit_s\": %.1f, \"cpu_s_gib\": %.4f, \"cpu_s\": %.3f, "
	    "\"bytes\": %.0f, \"seconds\": %.3f", i->bytes * 8 / i->seconds /
	    1e6, i->cpu / (i->bytes / GIB), i->cpu, i->bytes, i->seconds);
}

/* Goes on for a while if little has moved, for the sake of CPU per GiB. */
static void
measure(const struct load *l, struct interval *i)
{
	double enough, end;

	nap(l->warmup);
	interval_begin(l, i);
	nap(l->seconds);
	enough = i->bytes + ENOUGH;
	end = i->began + l->seconds + PATIENCE;
	while ((double)atomic_load(l->sunk) < enough && now() < end)
		nap(0.1);
	interval_end(l, i);
}

/* Throughput, and CPU time for each GiB. */
void
test_bulk(const struct load *l, enum role role)
{
	struct interval i;
	long n;

	for (n = 0; n < l->count; n++)
		bulk_start(l, role);
	measure(l, &i);
	printf("{");
	interval_print(&i);
	printf("}\n");
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
percentile(const double *sorted, size_t n, double p)
{
	size_t at = (size_t)(p / 100 * (double)n);

	return sorted[at < n ? at : n - 1];
}

/* The time that 64 bytes take there and back, in milliseconds. */
static double
round_trip(int fd)
{
	char buf[64] = { 0 };
	double began = now();

	if (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) != sizeof(buf) ||
	    read_full(fd, buf, sizeof(buf)) == -1)
		err(1, "no answer to a request");
	return (now() - began) * 1e3;
}

/* Small requests, one after the other, beside a stream that is full. */
void
test_latency(const struct load *l, enum role role)
{
	struct interval i;
	double *ms;
	size_t n;
	char c;
	int fd;

	if ((ms = calloc(MAX_SAMPLES, sizeof(*ms))) == NULL)
		err(1, "calloc");
	fd = dial(l, ROLE_ECHO);
	if (read_full(fd, &c, 1) == -1)
		fatal("no answer from the target");
	if (l->count > 0)
		bulk_start(l, role);
	nap(l->warmup);
	setpriority(PRIO_PROCESS, 0, -10);
	interval_begin(l, &i);
	for (n = 0; n < MAX_SAMPLES && now() < i.began + l->seconds; n++) {
		ms[n] = round_trip(fd);
		nap(0.001);
	}
	if (l->count > 0)
		interval_end(l, &i);
	else
		i = (struct interval){ .seconds = 1, .bytes = 1 };
	qsort(ms, n, sizeof(*ms), compare);
	printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
	    "\"samples\": %zu, ", percentile(ms, n, 50),
	    percentile(ms, n, 99), ms[n - 1], n);
	interval_print(&i);
	printf("}\n");
	free(ms);
}

/* One batch of idle streams, each with a byte that went there and back. */
static long
open_idle(const struct load *l, long want)
{
	int fds[BATCH];
	long good = 0, i;
	char c;

	for (i = 0; i < want; i++)
		fds[i] = try_dial(l, ROLE_ECHO, 60);
	for (i = 0; i < want; i++) {
		if (fds[i] == -1)
			continue;
		if (read_full(fds[i], &c, 1) == -1)
			close(fds[i]);
		else
			good++;
	}
	return good;
}

/* Memory of so many idle streams, and the cost of a busy one among them. */
void
test_idle(const struct load *l)
{
	struct interval down;
	long before, after, opened = 0, left, n;
	double began, took;

	before = pss_kib(l);
	began = now();
	for (left = l->count; left > 0; left -= n) {
		n = left < BATCH ? left : BATCH;
		opened += open_idle(l, n);
	}
	took = now() - began;
	nap(0.5);
	after = pss_kib(l);
	printf("{\"opened\": %ld, \"failed\": %ld, \"open_seconds\": %.3f, "
	    "\"pss_before_kib\": %ld, \"pss_after_kib\": %ld, ", opened,
	    l->count - opened, took, before, after);
	if (opened > 0)
		printf("\"bytes_per_channel\": %.0f, ",
		    (double)(after - before) * 1024 / (double)opened);
	fflush(stdout);
	bulk_start(l, ROLE_SOURCE);
	measure(l, &down);
	printf("\"down\": {");
	interval_print(&down);
	printf("}}\n");
}

/* Gives the signals, then counts until a new stream has its first byte. */
void
test_first(const struct load *l)
{
	double began, end;
	long tries = 0;
	int fd, i;
	char c;

	began = now();
	for (i = 0; i < l->nsignals; i++)
		if (kill(l->signals[i].pid, l->signals[i].sig) == -1)
			err(1, "kill");
	for (end = began + l->seconds; now() < end; nap(0.01)) {
		tries++;
		if ((fd = try_dial(l, ROLE_ECHO, l->seconds)) == -1)
			continue;
		if (read_full(fd, &c, 1) == 0) {
			printf("{\"first_byte_s\": %.4f, \"tries\": %ld}\n",
			    now() - began, tries);
			return;
		}
		close(fd);
	}
	fatal("no byte within %.0f s", l->seconds);
}
