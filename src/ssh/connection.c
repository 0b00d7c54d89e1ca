/* SPDX-License-Identifier: ISC */
/*
 * One SSH connection from its beginning to its end, and what is asked about it
 * on the way; its turns are connection_turns.c's.
 */
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

#include "connection_state.h"
#include "wording.h"

#define DISCONNECT_BY_APPLICATION 11	/* RFC 4253 section 11.1 */

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

const char *
connection_trouble(const struct connection *c)
{
	static char text[ERROR_TEXT_MAX];
	const char *why = carrier_why(&c->carrier);

	return why != NULL ? why : wording_of(ssh_get_error(c->ssh), text);
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

/* --- its handshake ---------------------------------------------------- */

size_t
connection_peek(const struct connection *c, uint8_t *p, size_t n)
{
	ssize_t len = c->carrier.copy == -1 ? 0 : recv(c->carrier.copy, p, n,
	    MSG_PEEK | MSG_DONTWAIT);

	return len > 0 ? (size_t)len : 0;
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
connection_greeted(struct connection *c, size_t n)
{
	packet_greeted(c->tap, n);
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
	    connection_on_ready, c);
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
	c->flush = evtimer_new(base, connection_on_flush, c);
	c->end = evtimer_new(base, on_connection_end, c);
	c->tap = c->out.tap = packet_tap_new(ssh, connection_on_packet, c);
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
connection_asked(struct connection *c)
{
	if (c->role->asked != NULL)
		c->role->asked(c->arg);
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
