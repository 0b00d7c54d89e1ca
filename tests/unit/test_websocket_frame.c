/* SPDX-License-Identifier: ISC */
/* WebSocket's frames: heads, the mask, and the stream that is left of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/websocket_frame.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) s, sizeof(s) - 1

/* --- heads and mask --------------------------------------------------- */

static void
check_head(uint64_t length, bool masked)
{
	struct frame_head h = { .opcode = FRAME_BINARY, .fin = true,
	    .masked = masked, .length = length }, back;
	uint8_t out[FRAME_HEAD_MAX + 1];
	size_t n, i;

	if (masked)
		memcpy(h.key, "\x11\x22\x33\x44", FRAME_KEY_LEN);
	n = frame_head_write(&h, out);
	assert_int_equal(n, (length > 65535 ? 10 : length > 125 ? 4 : 2) +
	    (masked ? 4 : 0));
	out[n] = 0xff;
	for (i = 0; i < n; i++)
		assert_int_equal(frame_head_read(out, i, &back), 0);
	assert_int_equal(frame_head_read(out, n + 1, &back), n);
	assert_int_equal(frame_head_read(out, n, &back), n);
	assert_int_equal(back.opcode, FRAME_BINARY);
	assert_true(back.fin && !back.reserved && back.masked == masked);
	assert_int_equal(back.length, length);
	assert_memory_equal(back.key, h.key, FRAME_KEY_LEN);
}

static void
test_heads(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 2, 3, 4, 5, 125, 126, 127,
	    65535, 65536, 131072, INT64_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		check_head(lengths[i], false);
		check_head(lengths[i], true);
	}
}

static void
test_bad_heads(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
		{ BYTES("\x82\x7e\x00\x7d\x00") },	/* longer than needed */
		{ BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff\x00") },
		{ BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00\x00") },
		{ BYTES("\x89\x7e\x00\x7e\x00") },	/* a ping of 126 */
		{ BYTES("\x09\x00") }			/* half a ping */
	};
	struct frame_head h;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(frame_head_read((const uint8_t *)bad[i].p,
		    bad[i].n, &h), -1);
}

static void
test_mask(void **state)
{
	static const uint8_t key[FRAME_KEY_LEN] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t from[64], to[64];
	size_t n, at, i;

	(void)state;
	for (i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 7);
	for (n = 0; n < sizeof(from) - 3; n++)
		for (at = 0; at < 9; at++) {
			memset(to, 0xee, sizeof(to));
			frame_mask(to, from + 3, n, key, at);
			for (i = 0; i < n; i++)
				assert_int_equal(to[i], from[i + 3] ^
				    key[(at + i) % 4]);
			assert_int_equal(to[n], 0xee);
			frame_mask(to, to, n, key, at);
			assert_memory_equal(to, from + 3, n);
			/* Down to where it begins a little before. */
			memcpy(to, from, sizeof(to));
			frame_mask(to + 1, to + 3, n, key, at);
			frame_mask(to + 1, to + 1, n, key, at);
			assert_memory_equal(to + 1, from + 3, n);
		}
}

/* --- the reader ------------------------------------------------------- */

#define MASK "\x80\x01\x02\x04"		/* of section 5.3 */

static const struct reading {
	const char *name;
	bool from_client;
	const char *in;
	size_t nin;
	const char *stream;
	const char *why;		/* what it holds; NULL: no error */
	int goodbye;			/* 0: still open */
} readings[] = {
	{ "nothing", false, BYTES(""), "", NULL, 0 },
	{ "a frame", false, BYTES("\x82\x03" "abc"), "abc", NULL, 0 },
	{ "frames", false, BYTES("\x82\x01" "a\x82\x00\x82\x02" "bc"), "abc",
	    NULL, 0 },
	{ "masked", true, BYTES("\x82\x83\x01\x02\x03\x04" "```"), "abc",
	    NULL, 0 },
	{ "fragments", false, BYTES("\x02\x01" "a\x00\x01" "b\x00\x00\x80\x01"
	    "c\x82\x01" "d"), "abcd", NULL, 0 },
	{ "a ping between fragments", false, BYTES("\x02\x01" "a\x89\x02" "hi"
	    "\x80\x01" "b"), "ab", NULL, 0 },
	{ "pong", false, BYTES("\x8a\x02" "hi\x82\x01" "a"), "a", NULL, 0 },
	{ "close", false, BYTES("\x82\x01" "a\x88\x02\x03\xe9\x82\x01" "b"),
	    "a", "the server closed: 1001", 1001 },
	{ "close with a reason", true, BYTES("\x88\x85\x00\x00\x00\x00"
	    "\x0f\xa0" "b\x1b" "e"), "", "the client closed: 4000 b\\x1be",
	    4000 },
	{ "close without", false, BYTES("\x88\x00"), "", "server closed",
	    1000 },
	{ "close of one byte", false, BYTES("\x88\x01\x03"), "",
	    "a goodbye without a reason", 1002 },
	{ "close 1005", false, BYTES("\x88\x02\x03\xed"), "",
	    "a goodbye without a reason", 1002 },
	{ "close 999", false, BYTES("\x88\x02\x03\xe7"), "",
	    "a goodbye without a reason", 1002 },
	{ "text", false, BYTES("\x81\x02" "hi"), "", "a text frame", 1003 },
	{ "reserved", false, BYTES("\xc2\x01" "a"), "", "extension", 1002 },
	{ "unknown", false, BYTES("\x83\x01" "a"), "", "not assigned", 1002 },
	{ "unknown control", false, BYTES("\x8b\x01" "a"), "", "not assigned",
	    1002 },
	{ "a mask by a server", false, BYTES("\x82\x81" MASK "a"), "",
	    "server sent a frame with a mask", 1002 },
	{ "no mask by a client", true, BYTES("\x82\x01" "a"), "",
	    "client sent a frame without a mask", 1002 },
	{ "huge", false, BYTES("\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x01"),
	    "", "a frame of 16777217 bytes; at most 16777216", 1009 },
	{ "garbage", false, BYTES("\x89\x7f" "abcdefghijklm"), "",
	    "what is no frame", 1002 },
	{ "continuation alone", false, BYTES("\x80\x01" "a"), "",
	    "has not begun", 1002 },
	{ "binary inside", false, BYTES("\x02\x01" "a\x82\x01" "b"), "a",
	    "has not ended", 1002 }
};

struct outcome {
	char stream[256];
	size_t len;
	int rc;
	struct frame_reader r;
};

/* One call with n more bytes, in memory of just the size. */
static void
feed(struct outcome *o, const char *in, size_t n)
{
	size_t held = o->r.nheld;
	uint8_t *p = xcalloc(1, held + n + 1);
	long got;

	p = xreallocarray(p, held + n > 0 ? held + n : 1, 1);
	memcpy(p, o->r.held, held);
	memcpy(p + held, in, n);
	got = frame_read(&o->r, p, held + n);
	assert_true(got <= (long)(held + n));
	if (got == -1)
		o->rc = -1;
	else if (got > 0) {
		memcpy(o->stream + o->len, p, (size_t)got);
		o->len += (size_t)got;
	}
	free(p);
}

static void
read_cut(const struct reading *c, size_t piece, struct outcome *o)
{
	size_t done = 0, n;

	memset(o, 0, sizeof(*o));
	frame_reader_init(&o->r, c->from_client);
	for (; done < c->nin && o->rc == 0 && !o->r.closed; done += n) {
		n = c->nin - done < piece ? c->nin - done : piece;
		feed(o, c->in + done, n);
	}
}

static void
check_reading(const struct reading *c, size_t piece)
{
	struct outcome o;

	read_cut(c, piece, &o);
	assert_int_equal(o.rc, c->why != NULL && !o.r.closed ? -1 : 0);
	if (c->why == NULL)
		assert_string_equal(o.r.why, "");
	else if (strstr(o.r.why, c->why) == NULL)
		fail_msg("%s: %s", c->name, o.r.why);
	assert_int_equal(o.r.goodbye, c->goodbye == 0 ? GOODBYE_NORMAL :
	    c->goodbye);
	/* What came before a fault is lost with it where it came together. */
	if (o.rc == 0 || piece == 1)
		assert_string_equal(o.stream, c->stream);
}

static void
test_readings(void **state)
{
	size_t i, piece;

	(void)state;
	for (i = 0; i < COUNT(readings); i++)
		for (piece = 1; piece <= readings[i].nin + 1; piece++)
			check_reading(&readings[i], piece);
}

/* The last of several pings is the one to answer. */
static void
test_ping(void **state)
{
	struct reading c = { "pings", true, BYTES("\x89\x82\x01\x01\x01\x01"
	    "hi\x89\x83\x00\x00\x00\x00you"), "", NULL, 0 };
	struct outcome o;

	(void)state;
	read_cut(&c, 100, &o);
	assert_true(o.r.pinged);
	assert_int_equal(o.r.ping_len, 3);
	assert_memory_equal(o.r.ping, "you", 3);
}

/* A megabyte of empty frames and of frames of a byte takes no time to move. */
static void
test_many_small(void **state)
{
	size_t n = 1024 * 1024, i;
	uint8_t *p = xcalloc(1, n);
	struct frame_reader r;

	(void)state;
	frame_reader_init(&r, false);
	for (i = 0; i + 3 <= n; i += 3)
		memcpy(p + i, "\x82\x01" "x", 3);
	assert_int_equal(frame_read(&r, p, i), i / 3);
	for (n = 0; n < i / 3; n++)
		assert_int_equal(p[n], 'x');
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_readings),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_many_small)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
