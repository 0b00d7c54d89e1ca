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

/* Sends at once what a turn has gathered, before it says that it is full. */
bool
mux_congested(struct mux *m)
{
	if (m->rekeying || m->broken)
		return true;
	if (packet_backlog(m->tap) < BACKLOG_HIGH)
		return false;
	packet_output(m->tap);
	return packet_backlog(m->tap) >= BACKLOG_HIGH;
}

int
mux_send(struct mux *m, const struct iovec *iov, int n)
{
	int i, rc;

	if (m->broken)
		return -1;
	rc = packet_send(m->tap, iov, n);
	if (rc == -1) {
		mux_violation(m, "cannot send");
		return -1;
	}
	if (rc == 0) {
		m->events.output(m->arg);
		return 0;
	}
	m->rekeying = true;
	/* Streams wait meanwhile; what is sent is answers. */
	for (i = 0; i < n; i++)
		m->kept_bytes += iov[i].iov_len + QUEUED_COST;
	if (m->kept_bytes < BACKLOG_FLOOD)
		return 0;
	mux_violation(m, "requests without end during a key exchange");
	return -1;
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
	if (!evtimer_pending(m->turn, NULL))
		timer_set(m->turn, 0);
}
