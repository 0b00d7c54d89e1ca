/* SPDX-License-Identifier: ISC */
/* See message.h. */
#include "config.h"

#include <string.h>

#include "orthrus/proto/wire.h"

#include "message.h"

#define HEAD_MAX (1 + 1 + 4 + 8 + 8 + 4 + NAME_MAX_LEN + 4 + 4)

static uint8_t *
put_bytes(uint8_t *p, const uint8_t *bytes, size_t len)
{
	return wire_put_string(p, len > 0 ? bytes : (const uint8_t *)"", len);
}

size_t
message_write(const struct message *m, uint8_t out[MESSAGE_MAX])
{
	uint8_t *p = out;

	if (m->len > MESSAGE_MAX - HEAD_MAX ||
	    m->more_len > MESSAGE_MAX - HEAD_MAX - m->len)
		return 0;
	*p++ = m->kind;
	*p++ = m->flag;
	p = wire_put_u32(p, m->code);
	p = wire_put_u64(p, m->session);
	p = wire_put_u64(p, m->number);
	p = wire_put_string(p, m->name, strlen(m->name));
	p = put_bytes(p, m->bytes, m->len);
	p = put_bytes(p, m->more, m->more_len);
	return (size_t)(p - out);
}

/* A byte that is 0 or 1: there is one way to say a thing. */
static bool
read_flag(struct wire *w)
{
	uint8_t v = wire_u8(w);

	if (v > 1)
		w->bad = true;
	return v == 1;
}

bool
message_read(struct message *m, const uint8_t *p, size_t len)
{
	struct wire w;

	memset(m, 0, sizeof(*m));
	wire_init(&w, p, len);
	m->kind = wire_u8(&w);
	m->flag = read_flag(&w);
	m->code = wire_u32(&w);
	m->session = wire_u64(&w);
	m->number = wire_u64(&w);
	wire_text(&w, m->name, sizeof(m->name));
	m->bytes = wire_string(&w, &m->len);
	m->more = wire_string(&w, &m->more_len);
	return !w.bad && w.left == 0 && len <= MESSAGE_MAX &&
	    m->kind >= ASK_STARTED && m->kind <= ASK_LAST && m->code <= 255 &&
	    (m->name[0] == '\0' || name_valid(m->name));
}

void
message_error(const struct message *m, struct error *e)
{
	if (m->code != 0)
		error_set(e, (int)m->code, "%.*s", (int)m->more_len,
		    (const char *)m->more);
	else if (e != NULL)
		e->code = 0;
}

/* --- rows --------------------------------------------------------- */

#define ROW_MAX (1 + 8 + 1 + (4 + NAME_MAX_LEN) + 8 + 1 + (4 + ALLOW_MAX) + \
    4 + 8 + 1 + 8 + 8 + 8 + (4 + LEASH_FRAME_MAX))

_Static_assert(ROW_MAX + HEAD_MAX <= MESSAGE_MAX, "the longest row fits");

static uint64_t
bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static double
number_of(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint8_t *
put_text(uint8_t *p, const char *text)
{
	return wire_put_string(p, text, strlen(text));
}

static uint8_t *
put_hello(uint8_t *p, const struct leash_message *hello)
{
	static uint8_t frame[4 + LEASH_FRAME_MAX];
	size_t n = 4;

	if (hello->kind == LEASH_HELLO)
		n = leash_encode(hello, frame);
	return wire_put_string(p, frame + 4, n - 4);
}

bool
row_write(const struct peer_row *row, uint8_t *out, size_t size, size_t *len)
{
	static uint8_t text[ROW_MAX];
	const struct peer *q = &row->peer;
	uint8_t *p = text;

	*p++ = (uint8_t)(row->removed | row->revoked << 1 |
	    (q->kind == PEER_CLIENT) << 2 | q->enrolled << 3 | q->online << 4);
	p = wire_put_u64(p, q->id);
	p = put_text(p, q->name);
	p = wire_put_u64(p, (uint64_t)q->created);
	p = put_text(p, q->allow);
	p = wire_put_u32(p, q->docker_port);
	p = wire_put_u64(p, (uint64_t)q->last_seen);
	p = wire_put_u64(p, bits_of(q->load));
	p = wire_put_u64(p, q->memory_used);
	p = wire_put_u64(p, q->memory_total);
	p = put_hello(p, &q->hello);
	if ((size_t)(p - text) > size - *len)
		return false;
	memcpy(out + *len, text, (size_t)(p - text));
	*len += (size_t)(p - text);
	return true;
}

static void
read_marks(struct wire *w, struct peer_row *row)
{
	uint8_t marks = wire_u8(w);

	if (marks > 31)
		w->bad = true;
	row->removed = (marks & 1) != 0;
	row->revoked = (marks & 2) != 0;
	row->peer.kind = (marks & 4) != 0 ? PEER_CLIENT : PEER_AGENT;
	row->peer.enrolled = (marks & 8) != 0;
	row->peer.online = (marks & 16) != 0;
}

static void
read_hello(struct wire *w, struct leash_message *hello)
{
	const char *why;
	size_t n;
	const uint8_t *p = wire_string(w, &n);

	hello->kind = LEASH_UNKNOWN;
	if (!w->bad && n > 0 && (leash_decode(p, n, hello, &why) == -1 ||
	    hello->kind != LEASH_HELLO))
		w->bad = true;
}

bool
row_read(struct peer_row *row, const uint8_t **p, size_t *left)
{
	struct peer *q = &row->peer;
	struct wire w;
	uint32_t port;

	if (*left == 0)
		return false;
	memset(row, 0, offsetof(struct peer_row, peer.hello));
	wire_init(&w, *p, *left);
	read_marks(&w, row);
	q->id = wire_u64(&w);
	wire_text(&w, q->name, sizeof(q->name));
	q->created = (int64_t)wire_u64(&w);
	wire_text(&w, q->allow, sizeof(q->allow));
	q->docker_port = (uint16_t)(port = wire_u32(&w));
	q->last_seen = (int64_t)wire_u64(&w);
	q->load = number_of(wire_u64(&w));
	q->memory_used = wire_u64(&w);
	q->memory_total = wire_u64(&w);
	read_hello(&w, &q->hello);
	/* What is gone has no name; everybody else has a good one. */
	if (w.bad || port > UINT16_MAX || (q->name[0] != '\0' ?
	    !name_valid(q->name) : !row->removed))
		return false;
	*p = w.p;
	*left = w.left;
	return true;
}
