/* SPDX-License-Identifier: ISC */
/* See output.h. */
#include "config.h"

#include <errno.h>
#include <stdint.h>

#include "orthrus/base/budget.h"
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
/*
 * What is kept until it is acknowledged: streams leave room in it for answers,
 * and everybody may keep a little.
 */
#define KEPT_STREAMS (OUTPUT_KEPT_MAX - 256 * 1024)
#define KEPT_LEAST (64 * 1024)
/* A peer that lives has acknowledged long before. */
#define KEPT_FLOOD (2 * OUTPUT_KEPT_MAX)

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
	if (rc == 0 && o->keeps && packet_kept(o->tap) > KEPT_FLOOD) {
		*why = "it acknowledges nothing of what it is sent";
		return -1;
	}
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

/*
 * How much more may be sent and kept.  As with all that is shared, whoever has
 * as much as is left waits for his own acknowledgements.
 */
static size_t
room_to_keep(struct output *o)
{
	size_t most = KEPT_STREAMS, left, mine;

	if (!o->keeps)
		return SIZE_MAX;
	output_note_kept(o);
	mine = packet_kept(o->tap) + packet_backlog(o->tap);
	if (o->memory != NULL) {
		left = budget_left(o->memory);
		if (left < most)
			most = left > KEPT_LEAST ? left : KEPT_LEAST;
	}
	return mine + ROOM_LEAST <= most ? most - mine : 0;
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
output_room(struct output *o)
{
	size_t left, kept = room_to_keep(o);

	if (o->rekeying || kept == 0)
		return 0;
	if (packet_backlog(o->tap) >= BACKLOG_HIGH)
		output_flush(o);
	if (packet_backlog(o->tap) >= BACKLOG_HIGH)
		return 0;
	if (o->unhindered >= UNHINDERED)
		return smaller(RELAY_QUANTUM, kept);
	left = BACKLOG_HIGH - packet_backlog(o->tap);
	return smaller(left > ROOM_LEAST ? left : ROOM_LEAST, kept);
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

/* --- what is kept ----------------------------------------------------- */

void
output_keep(struct output *o, struct budget *memory)
{
	packet_keep(o->tap, true);
	o->keeps = true;
	o->memory = memory;
}

void
output_keep_no_more(struct output *o)
{
	if (!o->keeps)
		return;
	packet_keep(o->tap, false);
	output_note_kept(o);
	o->keeps = false;
	o->memory = NULL;
}

void
output_note_kept(struct output *o)
{
	if (o->memory != NULL)
		budget_note(o->memory, &o->noted, packet_kept(o->tap));
}
