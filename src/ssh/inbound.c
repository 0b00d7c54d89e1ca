/*
 * One session that came in: key exchange, login, and then its channels.
 * Nothing is freed but from the loop.
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"

#include "inbound_private.h"
#include "mux_private.h"
#include "pump.h"

#define DISCONNECT_BY_APPLICATION 11	/* RFC 4253 section 11.1 */

/* The first reason counts; the rest happens outside of libssh. */
void
inbound_fail(struct inbound *in, const char *goodbye, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list ap;

	if (in->step == INBOUND_ENDED)
		return;
	in->step = INBOUND_ENDED;
	in->goodbye = goodbye;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(&in->why, EX_UNAVAILABLE, "%s", text);
	if (in->ready != NULL)
		event_del(in->ready);
	if (in->pump != NULL)
		pump_stop(in->pump);
	timer_set(in->timer, 0);
}

void
inbound_end(struct inbound *in, const char *why)
{
	inbound_fail(in, why, "%s", why);
}

unsigned
inbound_progress(const struct inbound *in)
{
	if (in->step != INBOUND_HANDSHAKE)
		return 3;
	return mux_negotiates(in->mux) ? 2 :
	    ssh_get_clientbanner(in->ssh) != NULL;
}

void
inbound_logged_in(struct inbound *in)
{
	struct acceptor *a = in->acceptor;

	in->step = INBOUND_UP;
	in->logged_in = true;
	TAILQ_REMOVE(&a->waiting, in, next);
	TAILQ_INSERT_TAIL(&a->sessions, in, next);
	a->counters.unauthenticated--;
	a->counters.sessions++;
	a->counters.logins++;
	timer_set(in->timer, 0);	/* libssh has to send its answer first */
}

/* Before anything else is told of it. */
static void
announce(struct inbound *in)
{
	if (in->announced || !in->logged_in)
		return;
	in->announced = true;
	event_del(in->timer);
	in->acceptor->events.up(in->acceptor->arg, in);
}

/* Of one that is not logged in: its grace time is over, or libssh silent. */
static bool
is_late(struct inbound *in)
{
	struct acceptor *a = in->acceptor;
	uint64_t spent = clock_ms() - in->accepted_at;

	if (spent < a->config.grace_ms) {
		timer_set(in->timer, a->config.grace_ms - (unsigned)spent);
		login_answer(in);	/* which may set it anew */
		return false;
	}
	a->counters.timeouts++;
	error_set(&in->why, EX_UNAVAILABLE, "no login within %u s",
	    a->config.grace_ms / 1000);
	return true;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct inbound *in = arg;
	struct acceptor *a = in->acceptor;

	(void)fd;
	(void)what;
	switch (in->step) {
	case INBOUND_UP:
		announce(in);
		return;
	case INBOUND_ENDED:
		break;
	default:
		if (!is_late(in))
			return;
	}
	/* The owner hears of each login, and of its end. */
	announce(in);
	if (!in->announced) {
		inbound_drop(in, in->why.text);
		return;
	}
	a->events.ended(a->arg, in, &in->why);
	inbound_free(in);
}

/* --- what the mux says -------------------------------------------- */

static void
on_output(void *arg)
{
	struct inbound *in = arg;

	if (in->pump != NULL)
		pump_output(in->pump);
}

static void
on_violation(void *arg, const char *what)
{
	inbound_fail(arg, "protocol error", "protocol error: %s", what);
}

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	struct inbound *in = arg;

	announce(in);
	in->acceptor->events.direct(in->acceptor->arg, in, ch, to);
}

static void
on_session(void *arg, struct channel *ch)
{
	struct inbound *in = arg;

	announce(in);
	in->acceptor->events.session(in->acceptor->arg, in, ch);
}

static bool
on_listen(void *arg, const struct address *at, bool cancel, uint16_t *port)
{
	struct inbound *in = arg;

	announce(in);
	return in->acceptor->events.listen(in->acceptor->arg, in, at, cancel,
	    port);
}

/* --- the handshake ---------------------------------------------------- */

static void
on_lost(void *arg)
{
	struct inbound *in = arg;
	int error = errno;
	const char *text = ssh_get_error(in->ssh);

	inbound_fail(in, NULL, "%s", text[0] != '\0' ? text :
	    error == 0 || error == ECONNRESET ? "the client closed the "
	    "connection" : strerror(error));
}

static bool
is_orthrus(const struct inbound *in)
{
	const char *banner = ssh_get_clientbanner(in->ssh);

	return banner != NULL && strncmp(banner, LEASH_AGENT_BANNER,
	    strlen(LEASH_AGENT_BANNER)) == 0;
}

/* Keys are there: what follows are whole packets, the login first. */
static void
start_pump(struct inbound *in)
{
	if (in->step == INBOUND_HANDSHAKE)	/* else it did not wait */
		in->step = INBOUND_LOGIN;
	in->acceptor->counters.handshakes++;
	event_free(in->ready);
	in->ready = NULL;
	if (is_orthrus(in))
		mux_peer_is_ours(in->mux);
	in->pump = pump_new(in->acceptor->base, in->fd, in->mux, on_lost, in);
	pump_start(in->pump);
}

static void
watch(struct inbound *in)
{
	short wanted = EV_READ | EV_PERSIST;

	if (ssh_get_status(in->ssh) & SSH_WRITE_PENDING)
		wanted |= EV_WRITE;
	if (event_get_events(in->ready) == wanted &&
	    event_pending(in->ready, EV_READ, NULL))
		return;
	event_del(in->ready);
	event_assign(in->ready, in->acceptor->base, in->fd, wanted,
	    event_get_callback(in->ready), in);
	event_add(in->ready, NULL);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct inbound *in = arg;
	int rc = ssh_handle_key_exchange(in->ssh);

	(void)fd;
	(void)what;
	pump_acknowledge(in->fd);
	/* A hasty client sends its login and more along with its new keys. */
	channel_deliver();
	if (rc == SSH_AGAIN && ssh_is_connected(in->ssh))
		watch(in);
	else if (rc == SSH_OK)
		start_pump(in);
	else
		inbound_fail(in, NULL, "key exchange failed");
}

/* --- life ------------------------------------------------------------- */

static void
name_peer(struct inbound *in)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getpeername(in->fd, (struct sockaddr *)&ss, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&ss, len, in->peer,
	    sizeof(in->peer), NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(in->peer, sizeof(in->peer), "unknown");
}

void
inbound_new(struct acceptor *a, int fd)
{
	static const struct mux_events events = {
		NULL, on_output, on_violation
	};
	static const struct mux_service service = {
		on_direct, on_session, on_listen
	};
	struct inbound *in = xcalloc(1, sizeof(*in));
	int on = 1, copy;

	in->acceptor = a;
	in->fd = fd;
	in->accepted_at = clock_ms();
	TAILQ_INSERT_TAIL(&a->waiting, in, next);
	a->counters.unauthenticated++;
	name_peer(in);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	pump_socket_options(fd, a->config.dead_ms);
	/* libssh closes its descriptor as it likes: it gets a copy. */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy == -1 || (in->ssh = ssh_new()) == NULL ||
	    ssh_options_set(in->ssh, SSH_OPTIONS_COMPRESSION, "none") != 0 ||
	    ssh_bind_accept_fd(a->bind, in->ssh, copy) != SSH_OK) {
		if (copy != -1 && in->ssh == NULL)
			close(copy);
		inbound_free(in);
		return;
	}
	ssh_set_blocking(in->ssh, 0);
	in->mux = mux_new(a->base, in->ssh, &events, in);
	mux_serve(in->mux, &service);
	login_init(in);
	in->timer = evtimer_new(a->base, on_timer, in);
	in->ready = event_new(a->base, fd, EV_READ | EV_PERSIST, on_ready, in);
	timer_set(in->timer, a->config.grace_ms);
	on_ready(fd, 0, in);	/* our identification goes first */
}

void
inbound_free(struct inbound *in)
{
	struct acceptor *a = in->acceptor;

	if (in->logged_in) {
		TAILQ_REMOVE(&a->sessions, in, next);
		a->counters.sessions--;
	} else {
		TAILQ_REMOVE(&a->waiting, in, next);
		a->counters.unauthenticated--;
	}
	in->step = INBOUND_ENDED;
	if (in->ready != NULL)
		event_free(in->ready);
	if (in->mux != NULL)
		mux_goodbye(in->mux, DISCONNECT_BY_APPLICATION, in->goodbye);
	mux_free(in->mux);
	pump_free(in->pump);
	if (in->ssh != NULL)
		ssh_free(in->ssh);
	if (in->timer != NULL)
		event_free(in->timer);
	close(in->fd);
	free(in);
}

void
inbound_drop(struct inbound *in, const char *why)
{
	in->acceptor->events.turned_away(in->acceptor->arg, in, why);
	inbound_free(in);
}

void
inbound_soon(struct inbound *in)
{
	timer_set(in->timer, 0);
}

const char *
inbound_user(const struct inbound *in)
{
	return in->user;
}

const char *
inbound_peer(const struct inbound *in)
{
	return in->peer;
}

struct mux *
inbound_mux(struct inbound *in)
{
	return in->mux;
}

void
inbound_set_data(struct inbound *in, void *data)
{
	in->data = data;
}

void *
inbound_data(const struct inbound *in)
{
	return in->data;
}

uint64_t
inbound_heard_at(const struct inbound *in)
{
	return in->pump != NULL ? pump_heard_at(in->pump) : in->accepted_at;
}
