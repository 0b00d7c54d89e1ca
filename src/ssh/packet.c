/* SPDX-License-Identifier: ISC */
/*
 * Whole packets in and out of libssh, through internal functions that Debian's
 * static library keeps global from 0.10 to 0.12; configure proves by linking
 * that they exist.
 *
 * In: a handler in front of libssh's own, and what arrives is fed to the
 * function that libssh's socket layer would call.
 * Out: the shortest function that builds and sends a packet; the linker
 * (--wrap) routes its building step and its last step, the write, through
 * here.
 */
#include "config.h"

#include <libssh/libssh.h>
#include <libssh/callbacks.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/wire.h"

#include "pack.h"
#include "packet_state.h"

/*
 * Input that libssh may take before it is empty-handed; of a stranger, a
 * packet of 35,000 bytes (RFC 4253 section 6.1) and a piece.
 */
#define HAND_OVER_MAX (256 * 1024)
#define HAND_OVER_STRANGER (40 * 1024)
#define AVERAGE_FIRST 64	/* bytes of a packet, until it is known */

/* libssh's, not in its headers. */
void ssh_packet_set_callbacks(ssh_session session,
    ssh_packet_callbacks callbacks);
int ssh_packet_send_unimplemented(ssh_session session, uint32_t seqnum);
uint32_t ssh_buffer_pass_bytes(struct ssh_buffer_struct *buffer, uint32_t len);
struct ssh_socket_struct;
void ssh_socket_set_write_wontblock(struct ssh_socket_struct *socket);
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 11, 0)
size_t ssh_packet_socket_callback(const void *data, size_t len, void *session);
#else
int ssh_packet_socket_callback(const void *data, size_t len, void *session);
#endif
int __real_ssh_socket_write(struct ssh_socket_struct *socket,
    const void *data, uint32_t len);
int __wrap_ssh_socket_write(struct ssh_socket_struct *socket,
    const void *data, uint32_t len);
int __wrap__ssh_buffer_pack(struct ssh_buffer_struct *buffer,
    const char *format, size_t argc, ...);

/*
 * libssh 0.10 and 0.11 handle the packets of one call by recursion: so it is
 * fed this much at a time, which bounds the depth (of the smallest packets
 * some 1,800 small frames) and holds the largest packet.
 */
#define FEED_SIZE INPUT_KEPT_MAX

/*
 * The tap that is at work, and the packet that packet_send() is handing to
 * libssh.  libssh passes neither on to the functions that we wrap; there is
 * one thread.
 */
static struct packet_tap *current;
static const struct iovec *outgoing;
static int outgoing_n;
/* The tap whose handshake libssh is at work on. */
static struct packet_tap *shaking;
/*
 * The tap whose connection libssh is about to begin, and what it is to call
 * itself.
 */
static struct packet_tap *greeter;
static const char *greeting;

struct packet_tap *
packet_tap_at_work(void)
{
	return current != NULL ? current : shaking;
}

/*
 * libssh builds a packet of its own.  What it says to packets that it does not
 * know is the only sign of them: they reach no handler.
 */
static int
pack_own(struct ssh_buffer_struct *buffer, const char *format, va_list ap)
{
	struct packet_tap *tap = packet_tap_at_work();
	size_t before = ssh_buffer_get_len(buffer);
	int rc = pack_for_libssh(buffer, format, ap);

	if (rc == SSH_OK && before == 0 && tap != NULL &&
	    tap->handler != NULL && strcmp(format, "bd") == 0 &&
	    *(const uint8_t *)ssh_buffer_get(buffer) == MSG_UNIMPLEMENTED)
		tap->handler(tap->arg, MSG_UNIMPLEMENTED, NULL, 0);
	return rc;
}

int
__wrap__ssh_buffer_pack(struct ssh_buffer_struct *buffer, const char *format,
    size_t argc, ...)
{
	static const uint8_t header[5];
	va_list ap;
	int i, rc = SSH_OK;

	if (outgoing == NULL) {
		va_start(ap, argc);
		rc = pack_own(buffer, format, ap);
		va_end(ap);
		return rc;
	}
	/* Room for the header, which else moves the whole packet along. */
	ssh_buffer_add_data(buffer, header, sizeof(header));
	for (i = 0; i < outgoing_n && rc == SSH_OK; i++)
		if (ssh_buffer_add_data(buffer, outgoing[i].iov_base,
		    (uint32_t)outgoing[i].iov_len) != 0)
			rc = SSH_ERROR;
	ssh_buffer_pass_bytes(buffer, sizeof(header));
	/* Sending may make libssh build packets of its own (a re-keying). */
	outgoing = NULL;
	return rc;
}

/*
 * libssh has no option for a client's identification.  Its line is replaced on
 * its way out, and where libssh keeps it for the exchange hash, in which both
 * sides have it (RFC 4253 section 8).
 */
static int
send_greeting(struct ssh_socket_struct *socket)
{
	char line[128];
	const char *kept = ssh_get_clientbanner(greeter->session);
	int n;

	if (kept == NULL)
		kept = greeting;
	else if (strlen(greeting) <= strlen(kept))
		memcpy((char *)(uintptr_t)kept, greeting,
		    strlen(greeting) + 1);
	n = snprintf(line, sizeof(line), "%s\r\n", kept);
	greeter = NULL;
	return __real_ssh_socket_write(socket, line, (uint32_t)n);
}

/* libssh's first line, of either side. */
static bool
is_greeting(const void *data, uint32_t len)
{
	return len > 4 && memcmp(data, "SSH-", 4) == 0;
}

/* A server's line went out before libssh had a descriptor. */
static bool
was_greeted(void)
{
	return current == NULL && shaking != NULL && shaking->greeted > 0;
}

int
__wrap_ssh_socket_write(struct ssh_socket_struct *socket, const void *data,
    uint32_t len)
{
	/*
	 * During the handshake libssh has to write at once.  Else its proposal
	 * waits for the next POLLOUT, and is lost if the peer's, read
	 * meanwhile, does not match it: then the peer cannot tell its user
	 * why.
	 */
	if (current == NULL)
		ssh_socket_set_write_wontblock(socket);
	if (is_greeting(data, len) && greeter != NULL)
		return send_greeting(socket);
	if (is_greeting(data, len) && was_greeted())
		return SSH_OK;
	if (current == NULL || !current->ours)
		return __real_ssh_socket_write(socket, data, len);
	current->wrote = true;
	ring_add(&current->out, data, len);
	return SSH_OK;
}

static int
on_connection_packet(ssh_session session, uint8_t type, ssh_buffer packet,
    void *arg)
{
	struct packet_tap *tap = arg;

	(void)session;
	if (tap->handler != NULL)
		tap->handler(tap->arg, type, ssh_buffer_get(packet),
		    ssh_buffer_get_len(packet));
	return SSH_PACKET_USED;
}

static int
on_kex_packet(ssh_session session, uint8_t type, ssh_buffer packet, void *arg)
{
	struct packet_tap *tap = arg;

	(void)session;
	(void)packet;
	if (tap->handler != NULL)
		tap->handler(tap->arg, type, NULL, 0);
	return SSH_PACKET_NOT_USED;
}

void
packet_set_handlers(struct packet_tap *tap, ssh_packet_callbacks messages,
    uint8_t first, uint8_t n, ssh_packet_callback *table)
{
	messages->start = first;
	messages->n_callbacks = n;
	messages->callbacks = table;
	messages->user = tap;
	ssh_packet_set_callbacks(tap->session, messages);
}

void
packet_tap_stranger(struct packet_tap *tap, bool stranger)
{
	tap->stranger = stranger;
	/* One who does not read would keep much for his few bytes. */
	tap->out.small = stranger;
}

void
packet_handshake(struct packet_tap *tap)
{
	shaking = tap;
}

/* RFC 4250 section 4.1.2: the numbers between the two groups are not. */
static bool
is_assigned(size_t type)
{
	return type <= MSG_REQUEST_FAILURE || type >= MSG_CHANNEL_OPEN;
}

struct packet_tap *
packet_tap_new(ssh_session session, packet_handler *handler, void *arg)
{
	struct packet_tap *tap = xcalloc(1, sizeof(*tap));
	size_t i;

	tap->session = session;
	tap->handler = handler;
	tap->arg = arg;
	tap->average = AVERAGE_FIRST;
	ssh_set_counters(session, &tap->by_libssh, &tap->raw);
	for (i = 0; i < sizeof(tap->table) / sizeof(tap->table[0]); i++)
		tap->table[i] = is_assigned(PACKET_FIRST + i) ?
		    on_connection_packet : NULL;
	tap->kex_table[0] = tap->kex_table[1] = on_kex_packet;
	packet_set_handlers(tap, &tap->messages, PACKET_FIRST,
	    PACKET_LAST - PACKET_FIRST + 1, tap->table);
	packet_set_handlers(tap, &tap->debug, MSG_DEBUG, 1, tap->table);
	packet_set_handlers(tap, &tap->kex, MSG_KEXINIT, 2, tap->kex_table);
	return tap;
}

void
packet_tap_free(struct packet_tap *tap)
{
	ssh_set_counters(tap->session, NULL, NULL);
	input_clear(&tap->in);
	ring_clear(&tap->out);
	free(tap->shown);
	free(tap);
}

int
packet_send(struct packet_tap *tap, const struct iovec *iov, int n)
{
	struct packet_tap *before = current;
	int rc;

	current = tap;
	outgoing = iov;
	outgoing_n = n;
	tap->wrote = !tap->ours;
	rc = ssh_packet_send_unimplemented(tap->session, 0);
	current = before;
	if (outgoing != NULL) {		/* libssh did not build a packet */
		outgoing = NULL;
		return -1;
	}
	return rc != SSH_OK ? -1 : tap->wrote ? 0 : 1;
}

int
packet_connect(struct packet_tap *tap, const char *identification)
{
	int rc;

	greeter = tap;
	greeting = identification;
	rc = ssh_connect(tap->session);
	greeter = NULL;
	return rc;
}

/*
 * Nobody counts what libssh keeps for the peer until we take over, so that it
 * may not take input for ever.  It is bytes that count, not turns: they may
 * come one by one.
 */
static bool
may_wait(struct packet_tap *tap)
{
	return tap->by_libssh.in_bytes - tap->waits_from <=
	    (tap->stranger ? HAND_OVER_STRANGER : HAND_OVER_MAX);
}

/*
 * libssh's socket may still hold a part of a packet, or bytes to send: it
 * goes on until it is empty-handed, and then gives up both ways at once, for
 * while it sends it also reads.  Whoever logs in waits for answers, and so
 * leaves it empty-handed soon.
 */
int
packet_take_over(struct packet_tap *tap)
{
	struct packet_tap *before = current;
	ssh_event event;
	int rc, status;

	if (tap->ours)
		return 1;
	if (tap->waits_from == 0)
		tap->waits_from = tap->by_libssh.in_bytes;
	current = tap;
	errno = 0;
	event = ssh_event_new();
	rc = ssh_event_add_session(event, tap->session);
	if (rc == SSH_OK)
		rc = ssh_event_dopoll(event, 0);
	ssh_event_remove_session(event, tap->session);
	ssh_event_free(event);
	current = before;
	if (rc == SSH_ERROR || !ssh_is_connected(tap->session))
		return -1;
	status = ssh_get_status(tap->session);
	if (status & SSH_CLOSED_ERROR)	/* what it read broke the protocol */
		return -1;
	tap->ours = (status & (SSH_READ_PENDING | SSH_WRITE_PENDING)) == 0;
	if (tap->ours || may_wait(tap))
		return tap->ours;
	errno = EPROTO;
	return -1;
}

/*
 * Feeds libssh what has arrived, but for an incomplete packet at the end.
 * Returns -1 when the session is over.
 */
static int
feed_libssh(struct packet_tap *tap)
{
	const uint8_t *p;
	size_t n;
	ssize_t used = 1;

	while (used > 0 && ssh_is_connected(tap->session)) {
		p = input_bytes(&tap->in, &n);
		if (n == 0)
			break;
		used = (ssize_t)ssh_packet_socket_callback(p,
		    n < FEED_SIZE ? n : FEED_SIZE, tap->session);
		if (used > 0)
			input_taken(&tap->in, (size_t)used);
	}
	return ssh_is_connected(tap->session) &&
	    !(ssh_get_status(tap->session) & SSH_CLOSED_ERROR) ? 0 : -1;
}

int
packet_arrived(struct packet_tap *tap, size_t n)
{
	struct packet_tap *before = current;
	uint64_t packets = tap->raw.in_packets;
	int rc;

	current = tap;
	errno = 0;
	input_added(&tap->in, n);
	tap->received += n;
	tap->turn_bytes += n;
	rc = feed_libssh(tap);
	packet_note_average(tap, n, tap->raw.in_packets - packets);
	current = before;
	return rc;
}

void
packet_disconnect(struct packet_tap *tap, uint32_t reason, const char *text)
{
	struct packet_tap *before = current;
	uint8_t b[128], *p = b;
	struct iovec iov = { b, 0 };

	current = tap;
	if (text != NULL) {
		*p++ = MSG_DISCONNECT;
		p = wire_put_u32(p, reason);
		p = wire_put_string(p, text, strnlen(text, 100));
		p = wire_put_string(p, "", 0);
		iov.iov_len = (size_t)(p - b);
		packet_send(tap, &iov, 1);
	}
	ssh_disconnect(tap->session);
	current = before;
}
