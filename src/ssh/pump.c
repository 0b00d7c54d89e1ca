/* See pump.h. */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <stdlib.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/mux.h"

#include "pump.h"

/* What may be read in one go before local sockets get their turn. */
#define TURN_BYTES (1024 * 1024)
/* Keeps what waits in the kernel short, so that small writes are not late. */
#define NOTSENT_LOWAT (128 * 1024)

struct pump {
	int fd;
	struct mux *mux;
	void (*lost)(void *arg);
	void *arg;
	bool running;
	struct event *readable, *writable;
	struct event *flush;		/* sends what a turn has gathered */
	uint64_t received, heard_at;
};

void
pump_socket_options(int fd, unsigned dead_ms)
{
	int lowat = NOTSENT_LOWAT;

	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms,
	    sizeof(dead_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
}

static void
heard(struct pump *p)
{
	struct mux_counters c;

	mux_counters(p->mux, &c);
	if (c.received == p->received)
		return;
	p->received = c.received;
	p->heard_at = clock_ms();
}

/* The kernel forgets this wish, so it is told after each turn. */
void
pump_acknowledge(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

bool
pump_turn(struct pump *p)
{
	if (!mux_flooded(p->mux) && mux_input(p->mux, TURN_BYTES) == -1) {
		p->lost(p->arg);
		return false;
	}
	heard(p);
	pump_acknowledge(p->fd);
	return p->running;
}

/* Sends; what the kernel does not take waits for the descriptor. */
static void
flush(struct pump *p)
{
	int rc = mux_output(p->mux);

	if (rc == -1)
		p->lost(p->arg);
	if (!p->running)
		return;
	if (rc == 1)
		event_add(p->writable, NULL);
	else
		event_del(p->writable);
	/* Input waits while answers to it are not taken. */
	if (mux_flooded(p->mux))
		event_del(p->readable);
	else
		event_add(p->readable, NULL);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct pump *p = arg;

	(void)fd;
	(void)what;
	if (p->running)
		flush(p);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct pump *p = arg;

	(void)fd;
	(void)what;
	if (p->running && pump_turn(p))
		flush(p);
}

void
pump_output(struct pump *p)
{
	/* Behind the other events of this turn: one send for all of them. */
	if (p->running && !event_pending(p->writable, EV_WRITE, NULL))
		event_active(p->flush, EV_TIMEOUT, 0);
}

void
pump_start(struct pump *p)
{
	p->running = true;
	p->heard_at = clock_ms();
	mux_start(p->mux, p->fd);
	event_add(p->readable, NULL);
	/* What libssh has still to send, and what it has read already. */
	event_active(p->readable, EV_READ, 0);
}

void
pump_stop(struct pump *p)
{
	p->running = false;
	event_del(p->readable);
	event_del(p->writable);
}

uint64_t
pump_heard_at(const struct pump *p)
{
	return p->heard_at;
}

struct pump *
pump_new(struct event_base *base, int fd, struct mux *mux,
    void (*lost)(void *arg), void *arg)
{
	struct pump *p = xcalloc(1, sizeof(*p));

	p->fd = fd;
	p->mux = mux;
	p->lost = lost;
	p->arg = arg;
	p->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_ready, p);
	p->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_ready, p);
	p->flush = evtimer_new(base, on_flush, p);
	return p;
}

void
pump_free(struct pump *p)
{
	if (p == NULL)
		return;
	event_free(p->readable);
	event_free(p->writable);
	event_free(p->flush);
	free(p);
}
