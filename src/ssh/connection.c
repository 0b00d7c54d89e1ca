/* SPDX-License-Identifier: ISC */
/* See connection.h. */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <libssh/libssh.h>
#include <libssh/server.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"
#include "orthrus/proto/wire.h"

#include "connection.h"
#include "output.h"
#include "packet.h"

/* What may be read in one go before local sockets get their turn. */
#define TURN_BYTES (1024 * 1024)
/* Keeps what waits in the kernel short, so that small writes are not late. */
#define NOTSENT_LOWAT (128 * 1024)

#define DISCONNECT_BY_APPLICATION 11	/* RFC 4253 section 11.1 */

struct connection {
	enum { SHAKING_HANDS, RUNNING, OVER } state;
	bool client;
	bool begun;			/* libssh has its descriptor */
	bool negotiates;		/* the peer has sent its KEXINIT */
	ssh_session ssh;
	struct packet_tap *tap;
	struct output out;
	struct mux *mux;		/* that runs on it */
	const struct mux_ops *ops;	/* of the mux */
	const struct connection_role *role;
	void *arg;
	unsigned dead_ms;
	int fd;				/* ours, watched; -1: no carrier */
	/*
	 * libssh closes its descriptor whenever it meets an error, while the
	 * loop still watches: it gets a copy, so that ours stays ours.
	 */
	int copy;
	struct event_base *base;
	struct event *readable, *writable;	/* NULL: no carrier */
	struct event *flush;		/* sends what a turn has gathered */
	struct event *end;		/* tells the owner, outside of libssh */
	uint64_t received, heard_at;
	struct error why;
	const char *goodbye;
};

/* --- its end ---------------------------------------------------------- */

static void
stop_watching(struct connection *c)
{
	if (c->readable == NULL)
		return;
	event_del(c->readable);
	event_del(c->writable);
}

void
connection_fail(struct connection *c, int code, const char *goodbye,
    const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list ap;

	if (c->state == OVER)
		return;
	c->state = OVER;
	c->goodbye = goodbye;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(&c->why, code, "%s", text);
	stop_watching(c);
	timer_set(c->end, 0);
}

bool
connection_is_over(const struct connection *c)
{
	return c->state == OVER;
}

const struct error *
connection_why(const struct connection *c)
{
	return &c->why;
}

void
connection_violation(struct connection *c, const char *what)
{
	connection_fail(c, EX_UNAVAILABLE, "protocol error",
	    "protocol error: %s", what);
}

static void
on_connection_end(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	c->role->over(c->arg);
}

/* --- the way out ------------------------------------------------------ */

/* Behind the other events of this turn: one send for all of them. */
static void
flush_output_soon(struct connection *c)
{
	if (c->state == RUNNING && c->fd != -1 &&
	    !event_pending(c->writable, EV_WRITE, NULL))
		event_active(c->flush, EV_TIMEOUT, 0);
}

int
connection_send(struct connection *c, const struct iovec *iov, int n)
{
	const char *why;
	int rc;

	if (c->state == OVER)
		return -1;
	rc = output_send(&c->out, iov, n, &why);
	if (rc == -1)
		connection_violation(c, why);
	if (rc == 0)
		flush_output_soon(c);
	return rc == -1 ? -1 : 0;
}

size_t
connection_room(struct connection *c)
{
	return c->state == OVER ? 0 : output_room(&c->out);
}

/* --- its turns -------------------------------------------------------- */

/*
 * OpenSSH leaves Nagle's algorithm on for forwarded traffic and during the
 * login: it keeps a small message back until we acknowledge the one before,
 * which Linux puts off for 40 ms.  The kernel forgets this wish, so it is
 * told after each turn.
 */
static void
acknowledge(const struct connection *c)
{
	int on = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void
peer_lost(struct connection *c)
{
	int error = errno;

	c->role->lost(c->arg, ssh_get_error(c->ssh), error);
}

static void
note_arrival(struct connection *c)
{
	if (packet_received(c->tap) == c->received)
		return;
	c->received = packet_received(c->tap);
	c->heard_at = clock_ms();
}

/* One recv(2): 1 when it brought all there was room for, 0 or -1 with errno. */
static int
read_once(struct connection *c, size_t *got)
{
	size_t room;
	uint8_t *p = packet_space(c->tap, &room);
	ssize_t n;

	*got = 0;
	if (p == NULL) {
		errno = EMSGSIZE;
		return -1;
	}
	do
		n = recv(c->fd, p, room, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n == 0)
		errno = ECONNRESET;	/* SSH ends with a message, not so */
	if (n <= 0)
		return -1;
	*got = (size_t)n;
	return packet_arrived(c->tap, (size_t)n) == -1 ? -1 :
	    (size_t)n == room;
}

/* What has arrived, as long as others can wait for their turn. */
static int
read_carrier(struct connection *c)
{
	size_t total = 0, got;
	int rc = packet_take_over(c->tap);

	while (rc == 1 && total < TURN_BYTES) {
		rc = read_once(c, &got);
		total += got;
	}
	return rc;
}

bool
connection_catch_up(struct connection *c)
{
	int rc = 0;

	if (c->fd != -1 && !output_flooded(&c->out))
		rc = read_carrier(c);
	c->ops->deliver();
	if (rc == -1)
		peer_lost(c);
	else
		c->ops->turn(c->mux);
	note_arrival(c);
	acknowledge(c);
	return c->state == RUNNING;
}

/* Sends; what the kernel does not take waits for the descriptor. */
static void
flush_output(struct connection *c)
{
	int rc = output_flush(&c->out);

	if (rc == -1)
		peer_lost(c);
	else
		c->ops->turn(c->mux);
	if (c->state != RUNNING)
		return;
	if (rc == 1)
		event_add(c->writable, NULL);
	else
		event_del(c->writable);
	/* Input waits while answers to it are not taken. */
	if (output_flooded(&c->out))
		event_del(c->readable);
	else
		event_add(c->readable, NULL);
}

static void
on_flush_output(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->state == RUNNING && c->fd != -1)
		flush_output(c);
}

/* Keys or the login are there: the descriptor's traffic comes to us. */
static void
start_running(struct connection *c)
{
	c->state = RUNNING;
	c->heard_at = clock_ms();
	event_del(c->writable);
	event_add(c->readable, NULL);
	/* What libssh has still to send, and what it has read already. */
	event_active(c->readable, EV_READ, 0);
}

static void
handshake_step(struct connection *c)
{
	enum connection_step step;

	c->begun = true;
	step = c->role->step(c->arg);
	acknowledge(c);
	/* A hasty client sends its login and more along with its new keys. */
	c->ops->deliver();
	if (c->state == OVER)
		return;
	if (step == STEP_RUN) {
		start_running(c);
		return;
	}
	event_add(c->readable, NULL);
	if (ssh_get_status(c->ssh) & SSH_WRITE_PENDING)
		event_add(c->writable, NULL);
	else
		event_del(c->writable);
}

static void
on_connection_ready(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->state == SHAKING_HANDS)
		handshake_step(c);
	else if (c->state == RUNNING && connection_catch_up(c))
		flush_output(c);
}

int
connection_connect(struct connection *c)
{
	int rc = packet_connect(c->tap, LEASH_AGENT_BANNER "_" PACKAGE_VERSION);

	/* It makes the descriptor block again when it is done. */
	if (rc != SSH_AGAIN)
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	return rc;
}

void
connection_begin(struct connection *c)
{
	handshake_step(c);
}

/* --- what arrives ----------------------------------------------------- */

static void
on_tap_packet(void *arg, uint8_t type, const uint8_t *p, size_t len)
{
	struct connection *c = arg;

	if (c->state == OVER)
		return;
	switch (type) {
	case MSG_KEXINIT:
		c->negotiates = true;
		break;
	case MSG_NEWKEYS:
		output_has_keys(&c->out);
		break;
	default:
		c->ops->packet(c->mux, type, p, len);
	}
}

void
connection_asked(struct connection *c)
{
	if (c->role->asked != NULL)
		c->role->asked(c->arg);
}

/* --- a server's login ------------------------------------------------- */

void
connection_filter_logins(struct connection *c,
    bool (*filter)(void *arg, const uint8_t *p, size_t len))
{
	packet_tap_logins(c->tap, filter, c->arg);
}

void
connection_refuse_login(struct connection *c, const char *methods)
{
	uint8_t b[64], *p = b;
	struct iovec iov = { b, 0 };

	*p++ = MSG_USERAUTH_FAILURE;
	p = wire_put_string(p, methods, strnlen(methods, 32));
	*p++ = 0;
	iov.iov_len = (size_t)(p - b);
	connection_send(c, &iov, 1);
}

/* --- life ------------------------------------------------------------- */

/* fd is the carrier; libssh gets its copy.  0, or -1 with errno. */
static int
connection_attach(struct connection *c, int fd)
{
	int lowat = NOTSENT_LOWAT, on = 1;

	c->fd = c->out.carrier = fd;
	if ((c->copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &c->dead_ms,
	    sizeof(c->dead_ms));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
	c->readable = event_new(c->base, fd, EV_READ | EV_PERSIST,
	    on_connection_ready, c);
	c->writable = event_new(c->base, fd, EV_WRITE | EV_PERSIST,
	    on_connection_ready, c);
	return 0;
}

int
connection_dialled(struct connection *c, int fd)
{
	c->client = true;
	if (connection_attach(c, fd) == -1)
		return -1;
	errno = ENOMEM;
	return ssh_options_set(c->ssh, SSH_OPTIONS_FD, &c->copy) == SSH_OK ?
	    0 : -1;
}

int
connection_accepted(struct connection *c, ssh_bind bind, int fd)
{
	int rc;

	if (connection_attach(c, fd) == -1)
		return -1;
	errno = ENOMEM;
	rc = ssh_bind_accept_fd(bind, c->ssh, c->copy);
	c->copy = -1;		/* ssh_free() closes it */
	return rc == SSH_OK ? 0 : -1;
}

struct connection *
connection_new(struct event_base *base, unsigned dead_ms,
    const struct connection_role *role, void *arg)
{
	struct connection *c;
	ssh_session ssh = ssh_new();

	if (ssh == NULL || ssh_options_set(ssh, SSH_OPTIONS_COMPRESSION,
	    "none") != SSH_OK)
		abort();	/* of no memory */
	ssh_set_blocking(ssh, 0);
	c = xcalloc(1, sizeof(*c));
	c->base = base;
	c->ssh = ssh;
	c->role = role;
	c->arg = arg;
	c->dead_ms = dead_ms;
	c->fd = c->out.carrier = c->copy = -1;
	c->heard_at = clock_ms();
	c->flush = evtimer_new(base, on_flush_output, c);
	c->end = evtimer_new(base, on_connection_end, c);
	c->tap = c->out.tap = packet_tap_new(ssh, on_tap_packet, c);
	return c;
}

/* libssh leaves open what came through SSH_OPTIONS_FD. */
static int
fd_left_open(const struct connection *c)
{
	return c->client && c->begun ? ssh_get_fd(c->ssh) : c->copy;
}

void
connection_free(struct connection *c)
{
	int left;

	if (c == NULL)
		return;
	c->state = OVER;
	left = fd_left_open(c);
	packet_disconnect(c->tap, DISCONNECT_BY_APPLICATION, c->goodbye);
	output_flush(&c->out);
	c->ops->free(c->mux);
	packet_tap_free(c->tap);
	if (left != -1)
		close(left);
	ssh_free(c->ssh);
	if (c->readable != NULL) {
		event_free(c->readable);
		event_free(c->writable);
	}
	event_free(c->flush);
	event_free(c->end);
	if (c->fd != -1)
		close(c->fd);
	free(c);
}

ssh_session
connection_ssh(const struct connection *c)
{
	return c->ssh;
}

void
connection_carry(struct connection *c, const struct mux_ops *ops,
    struct mux *m)
{
	c->ops = ops;
	c->mux = m;
}

struct mux *
connection_mux(const struct connection *c)
{
	return c->mux;
}

int
connection_fd(const struct connection *c)
{
	return c->fd;
}

const char *
connection_peer_version(const struct connection *c)
{
	const char *text = c->client ? ssh_get_serverbanner(c->ssh) :
	    ssh_get_clientbanner(c->ssh);

	return text != NULL ? text : "";
}

const char *
connection_kex(const struct connection *c)
{
	const char *text = ssh_get_kex_algo(c->ssh);

	return text != NULL ? text : "";
}

bool
connection_negotiates(const struct connection *c)
{
	return c->negotiates;
}

uint64_t
connection_heard_at(const struct connection *c)
{
	return c->heard_at;
}

size_t
connection_backlog(const struct connection *c)
{
	return packet_backlog(c->tap);
}

uint64_t
connection_received(const struct connection *c)
{
	return packet_received(c->tap);
}
