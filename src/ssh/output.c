/*
 * The way out of the channel manager: packets handed to libssh, how many of
 * them it still holds, and who must wait because of it.
 */
#include "config.h"

#include <event2/event.h>

#include "mux_private.h"

void
mux_violation(struct mux *m, const char *what)
{
	if (m->broken)
		return;
	m->broken = true;
	m->events.violation(m->arg, what);
}

size_t
mux_backlog(struct mux *m)
{
	uint64_t gone;

	if ((ssh_get_status(m->session) & SSH_WRITE_PENDING) == 0) {
		m->handed = 0;
		m->wire_base = m->wire.out_bytes;
		return 0;
	}
	gone = m->wire.out_bytes - m->wire_base;
	return m->handed > gone ? (size_t)(m->handed - gone) : 1;
}

bool
mux_congested(struct mux *m)
{
	return m->rekeying || m->broken || mux_backlog(m) >= BACKLOG_HIGH;
}

int
mux_send(struct mux *m, const struct iovec *iov, int n)
{
	uint64_t packets = m->packets.out_packets;
	int i;

	if (m->broken)
		return -1;
	for (i = 0; i < n; i++)
		m->handed += iov[i].iov_len;
	/*
	 * Header, padding and tag are at most this.  Too much corrects itself
	 * when libssh has sent everything; too little would add up unseen.
	 */
	m->handed += 48;
	if (packet_send(m->tap, iov, n) == -1) {
		mux_violation(m, "cannot send");
		return -1;
	}
	/* Not counted as sent: libssh keeps it until new keys are there. */
	if (m->packets.out_packets == packets)
		m->rekeying = true;
	if (ssh_get_status(m->session) & SSH_WRITE_PENDING)
		m->events.output(m->arg);
	return 0;
}

/* A packet that is only a type and the recipient's channel number. */
int
mux_send_to_peer(struct channel *ch, uint8_t type)
{
	uint8_t b[5];
	struct iovec iov = { b, sizeof(b) };

	b[0] = type;
	wire_put_u32(b + 1, ch->peer);
	return mux_send(ch->mux, &iov, 1);
}

/* A timer, not event_active(): descriptors get their turn in between. */
void
mux_soon(struct mux *m)
{
	static const struct timeval now = { 0, 0 };

	if (!evtimer_pending(m->turn, NULL))
		evtimer_add(m->turn, &now);
}
