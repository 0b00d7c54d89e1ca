/* SPDX-License-Identifier: ISC */
/*
 * The bytes that packets come and go in: how many are read in a turn, which
 * wait to be sent, and where in the two streams a session goes on over another
 * carrier.
 */
#include "config.h"

#include <libssh/libssh.h>

#include "packet_state.h"

/* What may be read in one turn before others get theirs; of a stranger. */
#define TURN_BYTES (1024 * 1024)
#define TURN_STRANGER (4 * 1024)
/*
 * In packets the same, for each costs something, however small it is: no read
 * is larger than what the average of late has in so many, or than READ_LEAST.
 */
#define TURN_PACKETS 512
#define READ_LEAST (4 * 1024)

/* --- in --------------------------------------------------------------- */

void
packet_turn(struct packet_tap *tap)
{
	tap->turn_bytes = 0;
	tap->turn_began = tap->raw.in_packets;
}

static uint64_t
turn_packets(const struct packet_tap *tap)
{
	return tap->raw.in_packets - tap->turn_began;
}

bool
packet_may_read(const struct packet_tap *tap)
{
	return turn_packets(tap) < TURN_PACKETS && tap->turn_bytes <
	    (tap->stranger ? TURN_STRANGER : TURN_BYTES);
}

uint8_t *
packet_space(struct packet_tap *tap, size_t *n)
{
	uint8_t *p = input_space(&tap->in, n);
	size_t most = tap->average * TURN_PACKETS;

	if (most < READ_LEAST)
		most = READ_LEAST;
	if (*n > most)
		*n = most;
	if (tap->stranger && *n > TURN_STRANGER)
		*n = TURN_STRANGER;
	return p;
}

/* A packet that is large does not yet say that the next ones are. */
void
packet_note_average(struct packet_tap *tap, size_t n, uint64_t packets)
{
	size_t now;

	if (packets == 0)
		return;
	now = n / packets + 1;
	tap->average = now < 2 * tap->average ? now : 2 * tap->average;
}

/* --- out -------------------------------------------------------------- */

const uint8_t *
packet_unsent(const struct packet_tap *tap, size_t *n)
{
	return ring_unsent(&tap->out, n);
}

void
packet_sent(struct packet_tap *tap, size_t n)
{
	ring_sent(&tap->out, n);
}

bool
packet_waits(const struct packet_tap *tap)
{
	return tap->ours ? ring_backlog(&tap->out) > 0 :
	    (ssh_get_status(tap->session) & SSH_WRITE_PENDING) != 0;
}

size_t
packet_backlog(const struct packet_tap *tap)
{
	return ring_backlog(&tap->out);
}

uint64_t
packet_received(const struct packet_tap *tap)
{
	return tap->received;
}

/* --- over several carriers -------------------------------------------- */

void
packet_greeted(struct packet_tap *tap, size_t n)
{
	tap->greeted = n;
}

/* Where the ring begins in the stream: it has what libssh's socket has not. */
static uint64_t
ring_begins(const struct packet_tap *tap)
{
	return tap->by_libssh.out_bytes + tap->greeted;
}

void
packet_keep(struct packet_tap *tap, bool keep)
{
	ring_keep(&tap->out, keep);
}

size_t
packet_kept(const struct packet_tap *tap)
{
	return ring_kept(&tap->out);
}

uint64_t
packet_position(const struct packet_tap *tap)
{
	return tap->by_libssh.in_bytes + tap->received;
}

bool
packet_acknowledged(struct packet_tap *tap, uint64_t position)
{
	uint64_t begins = ring_begins(tap);

	return position < begins ||
	    ring_acknowledged(&tap->out, position - begins);
}

bool
packet_has(const struct packet_tap *tap, uint64_t position)
{
	uint64_t begins = ring_begins(tap);

	return position >= begins && ring_has(&tap->out, position - begins);
}

bool
packet_rewind(struct packet_tap *tap, uint64_t position)
{
	return packet_has(tap, position) &&
	    ring_rewind(&tap->out, position - ring_begins(tap));
}
