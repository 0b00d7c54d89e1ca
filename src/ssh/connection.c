/* SPDX-License-Identifier: ISC */
/* See connection.h. */
#include "config.h"

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
#include "orthrus/transport/transport.h"

#include "carrier.h"
#include "connection.h"
#include "output.h"
#include "packet.h"
#include "wording.h"

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
	const struct connection_heir *heir;	/* NULL: it ends with a carrier */
	void *heir_arg;
	unsigned dead_ms;
	struct carrier carrier;
	struct event_base *base;
	struct event *flush;		/* sends what a turn has gathered */
	struct event *end;		/* tells the owner, outside of libssh */
	uint64_t received, heard_at;
	struct error why;
	const char *goodbye;
};

/* --- its end ---------------------------------------------------------- */

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
	carrier_watch(&c->carrier, false, false);
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
	loop_doing(LOOP_SESSION);
	c->role->over(c->arg);
}

/* --- the way out ------------------------------------------------------ */

/*
 * Flushes behind the other events of this turn, so that one send(2) carries
 * what all of them have written.
 */
static void
flush_output_soon(struct connection *c)
{
	if (c->state == RUNNING && c->carrier.transport != NULL &&
	    !carrier_is_full(&c->carrier))
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

const char *
connection_trouble(const struct connection *c)
{
	static char text[ERROR_TEXT_MAX];
	const char *why = carrier_why(&c->carrier);

	return why != NULL ? why : wording_of(ssh_get_error(c->ssh), text);
}

size_t
connection_peek(const struct connection *c, uint8_t *p, size_t n)
{
	ssize_t len = c->carrier.copy == -1 ? 0 : recv(c->carrier.copy, p, n,
	    MSG_PEEK | MSG_DONTWAIT);

	return len > 0 ? (size_t)len : 0;
}

static void
peer_lost(struct connection *c)
{
	int error = errno;

	if (c->carrier.broken && connection_part(c,
	    transport_why(c->carrier.transport, error)))
		return;
	c->role->lost(c->arg, connection_trouble(c), error);
}

static void
note_arrival(struct connection *c)
{
	if (packet_received(c->tap) == c->received)
		return;
	c->received = packet_received(c->tap);
	c->heard_at = clock_awake_ms();
	if (c->heir != NULL)
		c->heir->arrived(c->heir_arg);
}

bool
connection_catch_up(struct connection *c)
{
	int rc = 0;

	if (c->carrier.transport != NULL && !output_flooded(&c->out))
		rc = carrier_read(&c->carrier, c->tap);
	c->ops->deliver();
	if (rc == -1)
		peer_lost(c);
	else
		c->ops->turn(c->mux);
	note_arrival(c);
	carrier_acknowledge(&c->carrier);
	return c->state == RUNNING;
}

/*
 * Sends what is there.  What the kernel does not take is sent when the carrier
 * can be written again.
 */
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
	/* Input waits while answers to it are not taken. */
	carrier_watch(&c->carrier, !output_flooded(&c->out), rc == 1);
}

static void
on_flush_output(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	loop_doing(LOOP_SESSION);
	if (c->state == RUNNING && c->carrier.transport != NULL)
		flush_output(c);
}

/*
 * The handshake is done: from here on we read and write the carrier ourselves.
 */
static void
start_running(struct connection *c)
{
	c->state = RUNNING;
	c->heard_at = clock_awake_ms();
	carrier_watch(&c->carrier, true, false);
	/*
	 * libssh may still hold bytes to send, and bytes that it has read:
	 * they are dealt with in the next turn.
	 */
	carrier_read_soon(&c->carrier);
}

static void
handshake_step(struct connection *c)
{
	enum connection_step step;

	c->begun = true;
	carrier_shuttle_in(&c->carrier);
	packet_handshake(c->tap);
	step = c->role->step(c->arg);
	packet_handshake(NULL);
	carrier_shuttle_out(&c->carrier);
	carrier_acknowledge(&c->carrier);
	/*
	 * A client may send its login and more together with its NEWKEYS, so
	 * that data may have landed in this step.
	 */
	c->ops->deliver();
	if (c->state == OVER)
		return;
	if (step == STEP_RUN) {
		start_running(c);
		return;
	}
	carrier_watch(&c->carrier, true, carrier_holds_output(&c->carrier) ||
	    (ssh_get_status(c->ssh) & SSH_WRITE_PENDING) != 0);
}

static void
on_connection_ready(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	loop_doing(c->state == SHAKING_HANDS ? LOOP_LOGIN : LOOP_SESSION);
	if (c->state == SHAKING_HANDS)
		handshake_step(c);
	else if (c->state == RUNNING && connection_catch_up(c))
		flush_output(c);
}

int
connection_connect(struct connection *c)
{
	int rc = packet_connect(c->tap, LEASH_AGENT_BANNER "_" PACKAGE_VERSION);
	int fd = ssh_get_fd(c->ssh);

	/*
	 * When ssh_connect() is done, it has set the descriptor to blocking,
	 * and with it ours, of which it is a copy.
	 */
	if (rc != SSH_AGAIN && fd != -1)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return rc;
}

void
connection_begin(struct connection *c)
{
	handshake_step(c);
}

void
connection_go_on(struct connection *c)
{
	if (c->state == SHAKING_HANDS)
		handshake_step(c);
}

void
connection_greeted(struct connection *c, size_t n)
{
	packet_greeted(c->tap, n);
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
	case MSG_UNIMPLEMENTED:
		if (c->out.stranger)
			connection_violation(c, "a message of a type that is "
			    "not assigned");
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

/* --- another carrier -------------------------------------------------- */

void
connection_bequeath(struct connection *c, const struct connection_heir *heir,
    void *arg)
{
	c->heir = heir;
	c->heir_arg = arg;
}

bool
connection_is_asked(struct connection *c, const uint8_t *name, size_t len,
    struct wire *w, bool *ok)
{
	return c->heir != NULL && c->heir->asked(c->heir_arg, name, len, w, ok);
}

bool
connection_is_parted(const struct connection *c)
{
	return c->state == RUNNING && c->carrier.transport == NULL;
}

bool
connection_part(struct connection *c, const char *text)
{
	if (c->state != RUNNING || c->heir == NULL ||
	    c->carrier.transport == NULL ||
	    !c->heir->parted(c->heir_arg, text))
		return false;
	carrier_part(&c->carrier);
	return true;
}

void
connection_rejoin(struct connection *c, struct transport *t,
    uint64_t received, uint64_t doubled)
{
	carrier_part(&c->carrier);
	packet_rewind(c->tap, received);
	connection_acknowledged(c, received);
	carrier_join(&c->carrier, c->base, t, c->dead_ms, doubled,
	    on_connection_ready, c);
	c->heard_at = clock_awake_ms();
	c->out.unhindered = 0;
	carrier_watch(&c->carrier, true, true);
}

void
connection_keep(struct connection *c, bool keep, struct budget *memory)
{
	if (keep)
		output_keep(&c->out, memory);
	else
		output_keep_no_more(&c->out);
}

bool
connection_acknowledged(struct connection *c, uint64_t position)
{
	bool ok = packet_acknowledged(c->tap, position);

	output_note_kept(&c->out);
	return ok;
}

bool
connection_has(const struct connection *c, uint64_t position)
{
	return packet_has(c->tap, position);
}

uint64_t
connection_position(const struct connection *c)
{
	return packet_position(c->tap);
}

/* --- a server's login ------------------------------------------------- */

void
connection_filter_logins(struct connection *c,
    bool (*filter)(void *arg, const uint8_t *p, size_t len))
{
	packet_tap_logins(c->tap, filter, c->arg);
}

static void
set_stranger(struct connection *c, bool stranger)
{
	c->out.stranger = stranger;
	packet_tap_stranger(c->tap, stranger);
}

void
connection_trust(struct connection *c)
{
	set_stranger(c, false);
}

void
connection_host_key(struct connection *c, const struct host_key *key)
{
	packet_tap_host_key(c->tap, key, c->arg);
}

const uint8_t *
connection_shown_key(const struct connection *c, size_t *n)
{
	return packet_shown(c->tap, n);
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

static int
connection_attach(struct connection *c, struct transport *t)
{
	return carrier_attach(&c->carrier, c->base, t, c->dead_ms,
	    on_connection_ready, c);
}

int
connection_dialled(struct connection *c, struct transport *t)
{
	c->client = true;
	if (connection_attach(c, t) == -1)
		return -1;
	errno = ENOMEM;
	return ssh_options_set(c->ssh, SSH_OPTIONS_FD, &c->carrier.copy) ==
	    SSH_OK ? 0 : -1;
}

int
connection_accepted(struct connection *c, ssh_bind bind, struct transport *t)
{
	int rc;

	if (connection_attach(c, t) == -1)
		return -1;
	set_stranger(c, true);
	errno = ENOMEM;
	rc = ssh_bind_accept_fd(bind, c->ssh, c->carrier.copy);
	c->carrier.copy = -1;	/* ssh_free() closes it */
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
	carrier_init(&c->carrier);
	c->out.carrier = &c->carrier;
	c->heard_at = clock_awake_ms();
	c->flush = evtimer_new(base, on_flush_output, c);
	c->end = evtimer_new(base, on_connection_end, c);
	c->tap = c->out.tap = packet_tap_new(ssh, on_tap_packet, c);
	return c;
}

/* libssh leaves open what came through SSH_OPTIONS_FD. */
static int
fd_left_open(const struct connection *c)
{
	return c->client && c->begun ? ssh_get_fd(c->ssh) :
	    c->carrier.copy;
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
	output_keep_no_more(&c->out);
	c->ops->free(c->mux);
	packet_tap_free(c->tap);
	if (left != -1)
		close(left);
	ssh_free(c->ssh);
	event_free(c->flush);
	event_free(c->end);
	carrier_close(&c->carrier);
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
	return carrier_fd(&c->carrier);
}

const char *
connection_transport(const struct connection *c)
{
	return c->carrier.transport != NULL ? c->carrier.transport->ops->name :
	    "";
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

void
connection_be_frugal(struct connection *c, bool frugal)
{
	c->out.frugal = frugal;
}

size_t
connection_unsent(const struct connection *c)
{
	return output_unsent(&c->out);
}

size_t
connection_kept(const struct connection *c)
{
	return packet_kept(c->tap);
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
