/*
 * Whole packets in and out of libssh, through two internal functions that
 * Debian's static library keeps global and that have had the same prototypes
 * since 0.8: a handler in front of libssh's own, and the shortest function
 * that builds and sends a packet, whose building step the linker (--wrap)
 * routes through here.  configure proves by linking that both exist.
 */
#include "config.h"

#include <libssh/libssh.h>
#include <libssh/callbacks.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include "orthrus/base/mem.h"

#include "packet.h"

#define FIRST MSG_GLOBAL_REQUEST
#define LAST MSG_CHANNEL_FAILURE

/* libssh's, not in its headers. */
void ssh_packet_set_callbacks(ssh_session session,
    ssh_packet_callbacks callbacks);
int ssh_packet_send_unimplemented(ssh_session session, uint32_t seqnum);
int ssh_buffer_pack_va(struct ssh_buffer_struct *buffer, const char *format,
    size_t argc, va_list ap);
int __wrap__ssh_buffer_pack(struct ssh_buffer_struct *buffer,
    const char *format, size_t argc, ...);

struct packet_tap {
	ssh_session session;
	packet_handler *handler;
	void *arg;
	struct ssh_packet_callbacks_struct messages, newkeys;
	ssh_packet_callback table[LAST - FIRST + 1];
	ssh_packet_callback newkeys_table[1];
};

/* The packet that packet_send() is handing over; everything is one thread. */
static const struct iovec *outgoing;
static int outgoing_n;

int
__wrap__ssh_buffer_pack(struct ssh_buffer_struct *buffer, const char *format,
    size_t argc, ...)
{
	va_list ap;
	int i, rc = SSH_OK;

	if (outgoing == NULL) {
		va_start(ap, argc);
		rc = ssh_buffer_pack_va(buffer, format, argc, ap);
		va_end(ap);
		return rc;
	}
	for (i = 0; i < outgoing_n && rc == SSH_OK; i++)
		if (ssh_buffer_add_data(buffer, outgoing[i].iov_base,
		    (uint32_t)outgoing[i].iov_len) != 0)
			rc = SSH_ERROR;
	/* Sending may make libssh build packets of its own (a re-keying). */
	outgoing = NULL;
	return rc;
}

static int
on_message(ssh_session session, uint8_t type, ssh_buffer packet, void *arg)
{
	struct packet_tap *tap = arg;

	(void)session;
	if (tap->handler != NULL)
		tap->handler(tap->arg, type, ssh_buffer_get(packet),
		    ssh_buffer_get_len(packet));
	return SSH_PACKET_USED;
}

static int
on_newkeys(ssh_session session, uint8_t type, ssh_buffer packet, void *arg)
{
	struct packet_tap *tap = arg;

	(void)session;
	(void)packet;
	if (tap->handler != NULL)
		tap->handler(tap->arg, type, NULL, 0);
	return SSH_PACKET_NOT_USED;
}

struct packet_tap *
packet_tap_new(ssh_session session, packet_handler *handler, void *arg)
{
	struct packet_tap *tap = xcalloc(1, sizeof(*tap));
	size_t i;

	tap->session = session;
	tap->handler = handler;
	tap->arg = arg;
	for (i = 0; i < sizeof(tap->table) / sizeof(tap->table[0]); i++)
		tap->table[i] = on_message;
	tap->newkeys_table[0] = on_newkeys;
	tap->messages.start = FIRST;
	tap->messages.n_callbacks = LAST - FIRST + 1;
	tap->messages.callbacks = tap->table;
	tap->messages.user = tap;
	tap->newkeys.start = MSG_NEWKEYS;
	tap->newkeys.n_callbacks = 1;
	tap->newkeys.callbacks = tap->newkeys_table;
	tap->newkeys.user = tap;
	ssh_packet_set_callbacks(session, &tap->messages);
	ssh_packet_set_callbacks(session, &tap->newkeys);
	return tap;
}

void
packet_tap_free(struct packet_tap *tap)
{
	free(tap);
}

int
packet_send(struct packet_tap *tap, const struct iovec *iov, int n)
{
	int rc;

	outgoing = iov;
	outgoing_n = n;
	rc = ssh_packet_send_unimplemented(tap->session, 0);
	if (outgoing != NULL) {		/* the step we route was not taken */
		outgoing = NULL;
		return -1;
	}
	return rc == SSH_OK ? 0 : -1;
}
