/* SPDX-License-Identifier: ISC */
/* See probe.h. */
#include "config.h"

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/ssh/mux.h"

#include "connection.h"
#include "probe.h"

#define LOOK_AGAIN_MS 100	/* the answer is late, but not by much */

static uint64_t
silence(const struct probe *p)
{
	return clock_awake_ms() - connection_heard_at(p->connection);
}

/*
 * The peer is dead when it has been silent for dead_ms and a probe had its
 * time to be answered.  Silence alone proves nothing: it may have been this
 * process that did not run, whose time does not count either.
 */
static bool
peer_is_dead(const struct probe *p)
{
	return p->sent_at != 0 && silence(p) >= p->dead_ms &&
	    clock_awake_ms() - p->asked_at >= p->dead_ms - p->probe_ms;
}

static void
on_peer_probe_answer(void *arg, enum mux_answer answer, uint16_t port)
{
	struct probe *p = arg;

	(void)answer;		/* a refusal is an answer as well */
	(void)port;
	if (connection_is_over(p->connection))
		return;
	/* Not of one that another carrier had to bring. */
	if (!p->carried_on)
		p->rtt_ms = (int64_t)(clock_ms() - p->sent_at);
	p->carried_on = false;
	p->sent_at = 0;
	timer_set(p->timer, p->probe_ms);
}

static void
send_probe(struct probe *p)
{
	p->sent_at = clock_ms();
	p->asked_at = clock_awake_ms();
	mux_ping(connection_mux(p->connection), on_peer_probe_answer, p);
}

/* True when that was the end. */
static bool
give_up_dead_peer(struct probe *p)
{
	if (!peer_is_dead(p))
		return false;
	/* A sign of life may have arrived that was not read yet. */
	if (!connection_catch_up(p->connection) ||
	    connection_is_parted(p->connection))
		return true;
	if (!peer_is_dead(p))
		return false;
	if (connection_part(p->connection, "no sign of life from the server"))
		return true;
	connection_fail(p->connection, EX_UNAVAILABLE, NULL, "no sign of life "
	    "from the server for %llu s",
	    (unsigned long long)silence(p) / 1000);
	return true;
}

/* When to look next: at the probe's deadline, or at that of the silence. */
static uint64_t
next_look(const struct probe *p, uint64_t silent)
{
	uint64_t spent, allowed = p->dead_ms - p->probe_ms;

	if (p->sent_at == 0)
		return p->probe_ms - silent;
	spent = clock_awake_ms() - p->asked_at;
	return spent < allowed ? allowed - spent : LOOK_AGAIN_MS;
}

static void
on_peer_probe_timer(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	uint64_t silent;

	(void)fd;
	(void)what;
	if (connection_is_over(p->connection) ||
	    connection_is_parted(p->connection) || give_up_dead_peer(p))
		return;
	silent = silence(p);
	if (silent >= p->probe_ms && p->sent_at == 0)
		send_probe(p);
	timer_set(p->timer, next_look(p, silent));
}

void
probe_init(struct probe *p, struct event_base *base, struct connection *c,
    uint64_t probe_ms, uint64_t dead_ms)
{
	p->connection = c;
	p->timer = evtimer_new(base, on_peer_probe_timer, p);
	p->probe_ms = probe_ms;
	p->dead_ms = dead_ms;
	p->sent_at = 0;
	p->carried_on = false;
	p->rtt_ms = -1;
}

void
probe_start(struct probe *p)
{
	send_probe(p);
	timer_set(p->timer, p->probe_ms);
}

void
probe_rejoined(struct probe *p)
{
	if (p->sent_at == 0)
		send_probe(p);
	else
		p->carried_on = true;
	p->asked_at = clock_awake_ms();
	timer_set(p->timer, p->probe_ms);
}

void
probe_clear(struct probe *p)
{
	event_free(p->timer);
}
