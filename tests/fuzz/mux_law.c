/* SPDX-License-Identifier: ISC */
/* See mux_law.h. */
#include <string.h>

#include "mux_law.h"

struct law law;
uint8_t law_payload[PERIOD + SIZE_LARGEST + 1];

static struct stream *
by_peer(uint32_t peer, enum life life)
{
	size_t i;

	for (i = 0; i < law.used; i++)
		if (law.streams[i].life == life && law.streams[i].peer == peer)
			return &law.streams[i];
	abort();		/* a number that the far end does not know */
}

uint32_t
law_u32(const struct sent *p, size_t at)
{
	CHECK(at + 4 <= p->len);
	return (uint32_t)p->p[at] << 24 | (uint32_t)p->p[at + 1] << 16 |
	    (uint32_t)p->p[at + 2] << 8 | p->p[at + 3];
}

void
law_number(struct stream *s, uint32_t id)
{
	const struct stream *t;

	s->id = id;
	for (t = law.streams; t < law.streams + law.used; t++)
		CHECK(law.lawless || t == s || t->id != id ||
		    t->life == FREE || t->life == INCOMING);
}

void
law_release(struct stream *s)
{
	CHECK(s->relay == NULL && !s->held);
	memory_free(&s->local);
	memset(s, 0, sizeof(*s));
}

static void
sent_data(struct stream *s, const struct sent *p)
{
	size_t n = law_u32(p, 4);

	CHECK(!s->sent_eof && n > 0 && p->len == 8 + n);
	CHECK(n <= s->window && n <= s->packet && n <= PACKET);
	CHECK(memcmp(p->p + 8, law_payload + s->sent % PERIOD, n) == 0);
	s->window -= n;
	s->sent += n;
}

static void
sent_grant(struct stream *s, uint32_t n)
{
	const struct stream *t;
	uint64_t sum = 0;

	CHECK(n > 0);
	s->granted += n;
	for (t = law.streams; t < law.streams + law.used; t++)
		sum += t->granted + t->fed - t->taken;
	CHECK(s->granted <= UINT32_MAX && sum <= UNREAD_MAX);
}

void
law_check(const struct sent *p)
{
	struct stream *s;

	CHECK(law.violations == 0 && p->len < 40000);
	law.moved = true;
	if (law.lawless)
		return;
	switch (p->type) {
	case MSG_CHANNEL_OPEN:		/* sets the number: see act_open() */
	case MSG_GLOBAL_REQUEST:
		return;
	case MSG_REQUEST_SUCCESS:
	case MSG_REQUEST_FAILURE:
		CHECK(law.server || p->type == MSG_REQUEST_FAILURE);
		CHECK(law.their_requests-- > 0);
		return;
	case MSG_CHANNEL_OPEN_FAILURE:
		if (law_u32(p, 0) >= law.next_peer)	/* refused at once */
			return;
		s = by_peer(law_u32(p, 0), INCOMING);
		s->life = FREE;
		return;
	case MSG_CHANNEL_OPEN_CONFIRMATION:
		s = by_peer(law_u32(p, 0), INCOMING);
		s->life = OPEN;
		law_number(s, law_u32(p, 4));
		s->granted = law_u32(p, 8);
		return;
	}
	s = by_peer(law_u32(p, 0), OPEN);
	CHECK(!s->sent_close);
	switch (p->type) {
	case MSG_CHANNEL_DATA:
		sent_data(s, p);
		return;
	case MSG_CHANNEL_WINDOW_ADJUST:
		sent_grant(s, law_u32(p, 4));
		return;
	case MSG_CHANNEL_EOF:
		CHECK(!s->sent_eof);
		s->sent_eof = true;
		return;
	case MSG_CHANNEL_CLOSE:
		s->sent_close = true;
		return;
	case MSG_CHANNEL_EXTENDED_DATA:
		CHECK(law.server && !s->sent_eof);
		CHECK(law_u32(p, 8) <= s->window && law_u32(p, 8) <= s->packet);
		s->window -= law_u32(p, 8);
		return;
	case MSG_CHANNEL_REQUEST:
		CHECK(!s->sent_eof && (law.server || !s->subsystem));
		s->subsystem = s->asked = true;
		return;
	case MSG_CHANNEL_SUCCESS:
	case MSG_CHANNEL_FAILURE:
		CHECK(law.server || p->type == MSG_CHANNEL_FAILURE);
		CHECK(law.their_requests-- > 0);
		return;
	}
	abort();
}

/* In pieces as large as the payload is known from any place. */
static bool
same(const struct stream *s)
{
	size_t i, n;

	for (i = 0; i < s->local.out_len; i += n) {
		n = s->local.out_len - i;
		if (n > SIZE_LARGEST)
			n = SIZE_LARGEST;
		if (memcmp(s->local.out + i, law_payload +
		    (s->taken + i) % PERIOD, n) != 0)
			return false;
	}
	return true;
}

/* What both have closed is over, for them as for us. */
void
law_tidy(void)
{
	struct stream *s;
	size_t i;

	for (i = 0; i < law.used; i++) {
		s = &law.streams[i];
		if (s->local.out_len > 0) {
			law.moved = true;
			CHECK(law.lawless || same(s));
			s->taken += s->local.out_len;
			memory_free(&s->local);
			s->local.out_len = 0;
		}
		if (!law.lawless && !s->held && (s->life == FREE ||
		    (s->sent_close && s->fed_close)))
			law_release(s);
	}
}

void
law_reset(void)
{
	size_t i;

	memset(&law, 0, sizeof(law));
	law.next_peer = 1000;
	/* Filled once: that takes longer than most inputs. */
	if (law_payload[1] != 0)
		return;
	for (i = 0; i < sizeof(law_payload); i++)
		law_payload[i] = (uint8_t)(i % PERIOD);
}
