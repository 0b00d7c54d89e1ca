/* SPDX-License-Identifier: ISC */
/*
 * A connection's turns in the loop: what is sent is gathered, what arrives is
 * handed to libssh and from there to the mux, and before that the role makes
 * the steps of its handshake.
 */
#include "config.h"

#include <errno.h>

#include <event2/event.h>

#include <libssh/libssh.h>

#include "orthrus/base/loop.h"
#include "orthrus/transport/transport.h"

#include "connection_state.h"

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

void
connection_on_flush(evutil_socket_t fd, short what, void *arg)
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
connection_on_ready(evutil_socket_t fd, short what, void *arg)
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

/* --- what arrives ----------------------------------------------------- */

void
connection_on_packet(void *arg, uint8_t type, const uint8_t *p, size_t len)
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
