/* SPDX-License-Identifier: ISC */
/* See stdio.h. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/relay/stdio.h"

#include "orthrus.h"
#include "borrow.h"
#include "stdio.h"

#define LEAVE_TICK_MS 5

enum stage {
	ASKING,
	JOINED,
	WHOLE,			/* it has ended, and nothing was lost */
	CUT_OFF
};

struct stdio_run {
	struct orthrus *agent;
	struct stdio *ends;
	enum stage stage;
	struct single *single;		/* of our own session, or NULL */
	struct event *leave;		/* looks whether all is delivered */
	/* Of a borrowed stream: */
	struct relay *relay;
	struct event *bell;		/* NULL: none, or it has rung */
	int bell_fd;
	uint64_t given, taken;		/* to the far end, and by it */
	bool passed_on;			/* all of the far end's, by our relay */
	bool rung;			/* by who lent it: the end is in order */
	bool over;			/* the loop has been told to stop */
};

/* --- the end ---------------------------------------------------------- */

static void
stop_with(struct stdio_run *r, int code)
{
	r->over = true;
	r->agent->code = code;
	event_base_loopbreak(r->agent->base);
}

/* Its reader may leave whenever he likes, as that of cat(1). */
static void
tell_io_error(struct stdio_run *r, const char *which, int error)
{
	if (error == EPIPE)
		log_debug("%s: %s", which, strerror(error));
	else
		log_error("%s: %s", which, strerror(error));
	stop_with(r, EX_IOERR);
}

/*
 * The peer closes a channel when it has got everything, and leaving before
 * that might lose what is still on its way.
 */
static void
on_leave_tick(evutil_socket_t fd, short what, void *arg)
{
	struct stdio_run *r = arg;
	struct mux_counters c = { 0 };

	(void)fd;
	(void)what;
	if (r->agent->mux != NULL)
		mux_counters(r->agent->mux, &c);
	if (c.open == 0)
		stop_with(r, 0);
	else
		timer_set(r->leave, LEAVE_TICK_MS);
}

/* The stream is over. */
static void
conclude(struct stdio_run *r, bool whole, bool all_taken)
{
	const char *which;
	int error = stdio_error(r->ends, &which);

	if (r->agent->stopping)
		return;
	r->stage = whole && all_taken ? WHOLE : CUT_OFF;
	if (error != 0)
		tell_io_error(r, which, error);
	else if (r->stage == WHOLE)
		on_leave_tick(-1, 0, r);
	else if (whole) {
		log_error("the far end closed the stream before it had taken "
		    "all of standard input");
		stop_with(r, EX_UNAVAILABLE);
	} else if (r->single == NULL || r->agent->mux != NULL) {
		log_error("the stream was cut off");
		stop_with(r, EX_UNAVAILABLE);
	} else if (r->agent->trouble.code != 0) {
		log_error("%s", r->agent->trouble.text);
		stop_with(r, r->agent->trouble.code);
	}
	/* Else stdio_without_session() follows, which knows why. */
}

void
stdio_without_session(struct stdio_run *r, const struct error *why)
{
	r->agent->trouble = *why;
	if (r->stage == JOINED || r->over)
		return;
	log_error("%s", why->text);
	stop_with(r, why->code);
}

/* --- a stream of our own session -------------------------------------- */

static struct endpoint *
on_stdio_opened(void *arg)
{
	struct stdio_run *r = arg;

	r->stage = JOINED;
	return stdio_endpoint(r->ends);
}

static void
on_stdio_failed(void *arg, const char *why)
{
	struct stdio_run *r = arg;

	r->single = NULL;
	r->stage = CUT_OFF;
	log_error("%s", why);
	stop_with(r, EX_UNAVAILABLE);
}

static void
on_stdio_ended(void *arg, bool whole, uint64_t taken)
{
	struct stdio_run *r = arg;

	(void)taken;
	conclude(r, whole, !stdio_holds_input(r->ends));
	r->single = NULL;
}

void
stdio_ask(struct stdio_run *r)
{
	static const struct single_events events = {
		on_stdio_opened, on_stdio_failed, on_stdio_ended
	};

	r->single = tunnels_single(r->agent->tunnels, &r->agent->config->stdio,
	    0, &events, r);
}

/* --- a borrowed stream ------------------------------------------------ */

/* It is over when both say so, our relay and who has lent it. */
static void
conclude_borrowed(struct stdio_run *r)
{
	if (r->relay == NULL && r->bell == NULL)
		conclude(r, r->passed_on && r->rung, r->taken >= r->given &&
		    !stdio_holds_input(r->ends));
}

static void
on_borrowed_done(void *arg, uint64_t down, uint64_t up)
{
	struct stdio_run *r = arg;

	(void)down;
	r->passed_on = relay_was_whole(r->relay);
	r->relay = NULL;
	r->given = up;
	if (r->bell_fd == -1) {
		r->taken = up;
		r->rung = true;
	}
	conclude_borrowed(r);
}

/*
 * Nothing goes to the far end any more.  What it has given lies in the
 * connection, up to its end.
 */
static void
on_bell(evutil_socket_t fd, short what, void *arg)
{
	struct stdio_run *r = arg;

	(void)what;
	r->rung = recv(fd, &r->taken, sizeof(r->taken), 0) ==
	    (ssize_t)sizeof(r->taken);
	event_free(r->bell);
	r->bell = NULL;
	stdio_end_input(r->ends);
	conclude_borrowed(r);
}

static void
join_borrowed(struct stdio_run *r, const struct borrowed *b)
{
	struct event_base *base = r->agent->base;

	fcntl(b->fd, F_SETFL, O_NONBLOCK);
	r->stage = JOINED;
	r->bell_fd = b->bell;
	if (b->bell != -1) {
		r->bell = event_new(base, b->bell, EV_READ, on_bell, r);
		event_add(r->bell, NULL);
	}
	r->relay = relay_start(socket_endpoint_new(base, b->fd, NULL, 0),
	    stdio_endpoint(r->ends), on_borrowed_done, r);
}

/* --- life ------------------------------------------------------------- */

/*
 * Takes a descriptor away from the rest of the program, for which the null
 * device stays: nothing but the stream is ever read or written there.
 */
static int
take_descriptor(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int taken = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (taken == -1)
		abort();	/* of descriptors, in a fresh process */
	if (null != -1) {
		dup2(null, fd);
		close(null);
	}
	return taken;
}

static int
check_stdio_server(const struct config *c, struct error *e)
{
	char text[ADDRESS_TEXT_MAX];

	if (c->nservers > 0)
		return 0;
	return error_set(e, EX_CONFIG, "no server to dial, and no orthrus of "
	    "this name runs (nobody answers on %s): give --server HOST[:PORT], "
	    "or --name or --control of the one that runs",
	    address_format(&c->control, text));
}

struct stdio_run *
stdio_start(struct orthrus *a, bool *lent, struct error *e)
{
	struct stdio_run *r;
	struct borrowed b;
	int rc = borrow_stream(&a->config->control, &a->config->stdio, &b, e);

	if (rc == -1 || (rc == 0 && check_stdio_server(a->config, e) == -1))
		return NULL;
	*lent = rc == 1;
	r = xcalloc(1, sizeof(*r));
	r->agent = a;
	r->bell_fd = -1;
	r->ends = stdio_new(a->base, take_descriptor(STDIN_FILENO),
	    take_descriptor(STDOUT_FILENO));
	r->leave = evtimer_new(a->base, on_leave_tick, r);
	if (*lent)
		join_borrowed(r, &b);
	return r;
}

void
stdio_end(struct stdio_run *r)
{
	if (r == NULL)
		return;
	single_end(r->single);
	if (r->relay != NULL)
		relay_abort(r->relay);
	if (r->bell != NULL)
		event_free(r->bell);
	if (r->bell_fd != -1)
		close(r->bell_fd);
	event_free(r->leave);
	stdio_free(r->ends);
	free(r);
}
