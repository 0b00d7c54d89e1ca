/* SPDX-License-Identifier: ISC */
/* See output.h. */
#include "config.h"

#include <errno.h>

#include "orthrus/relay/relay.h"

#include "carrier.h"
#include "output.h"
#include "packet.h"

/* With more than this unsent, streams wait, and each is woken in its turn. */
#define BACKLOG_HIGH (128 * 1024)
/* With more than this unsent (answers that nobody reads) input waits, too. */
#define BACKLOG_FLOOD (2 * 1024 * 1024)
/*
 * The same before the login.  What is read in one turn is answered beyond it:
 * 32 KiB in all.
 */
#define BACKLOG_STRANGER (16 * 1024)
/*
 * A carrier that took so much without a pause will, as a rule, take a quantum.
 */
#define UNHINDERED (4 * 1024 * 1024)
#define ROOM_LEAST (32 * 1024)	/* a whole packet */
#define QUEUED_COST 128		/* memory for each that it keeps, about */

static size_t
flood(const struct output *o)
{
	if (o->stranger)
		return BACKLOG_STRANGER;
	return o->frugal ? OUTPUT_FRUGAL : BACKLOG_FLOOD;
}

/*
 * Counts a packet that libssh keeps.  Streams wait during a key exchange, so
 * that these are answers, which a peer could demand without end.
 */
static int
count_kept(struct output *o, const struct iovec *iov, int n, const char **why)
{
	int i;

	o->rekeying = true;
	for (i = 0; i < n; i++)
		o->kept_bytes += iov[i].iov_len + QUEUED_COST;
	if (o->kept_bytes < flood(o))
		return 1;
	*why = "requests without end during a key exchange";
	return -1;
}

int
output_send(struct output *o, const struct iovec *iov, int n, const char **why)
{
	int rc = packet_send(o->tap, iov, n);

	if (rc == 1)
		return count_kept(o, iov, n, why);
	if (rc == -1)
		*why = "cannot send";
	return rc;
}

int
output_flush(struct output *o)
{
	const uint8_t *p;
	size_t left;
	ssize_t n;

	while ((p = packet_unsent(o->tap, &left)) != NULL && left > 0) {
		n = carrier_write(o->carrier, p, left);
		if (n == -1) {
			o->unhindered = 0;
			return errno == EAGAIN ? 1 : -1;
		}
		packet_sent(o->tap, (size_t)n);
		if (o->unhindered < UNHINDERED)
			o->unhindered += (size_t)n;
	}
	if (carrier_holds_output(o->carrier) &&
	    carrier_write(o->carrier, NULL, 0) == -1 && errno != EAGAIN)
		return -1;
	return packet_waits(o->tap) || carrier_holds_output(o->carrier);
}

void
output_has_keys(struct output *o)
{
	o->rekeying = false;
	o->kept_bytes = 0;
}

size_t
output_room(struct output *o)
{
	size_t left;

	if (o->rekeying)
		return 0;
	if (packet_backlog(o->tap) >= BACKLOG_HIGH)
		output_flush(o);
	if (packet_backlog(o->tap) >= BACKLOG_HIGH)
		return 0;
	if (o->unhindered >= UNHINDERED)
		return RELAY_QUANTUM;
	left = BACKLOG_HIGH - packet_backlog(o->tap);
	return left > ROOM_LEAST ? left : ROOM_LEAST;
}

bool
output_flooded(const struct output *o)
{
	return packet_backlog(o->tap) >= flood(o);
}

size_t
output_unsent(const struct output *o)
{
	return packet_backlog(o->tap) + o->kept_bytes;
}
