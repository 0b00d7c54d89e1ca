/* SPDX-License-Identifier: ISC */
/*
 * The first half of the input says what is read from the second, by the reader
 * of SSH's data types and by one that knows only offsets: both see the same,
 * and after the first thing that is not there neither sees anything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/wire.h"

#define TEXT_MAX 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct simple {
	const uint8_t *p;
	size_t at, n;
	bool bad;
};

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static uint64_t
number(struct simple *s, size_t bytes)
{
	uint64_t v = 0;

	if (s->bad || s->n - s->at < bytes) {
		s->bad = true;
		return 0;
	}
	while (bytes-- > 0)
		v = v << 8 | s->p[s->at++];
	return v;
}

static const uint8_t *
string(struct simple *s, size_t *len)
{
	*len = (size_t)number(s, 4);
	if (s->bad || s->n - s->at < *len) {
		s->bad = true;
		*len = 0;
		return NULL;
	}
	s->at += *len;
	return s->p + s->at - *len;
}

static void
check_string(struct wire *w, struct simple *s)
{
	size_t n, m;
	const uint8_t *a = wire_string(w, &n), *b = string(s, &m);
	uint8_t *copy, *end;

	check(n == m && (w->bad || a == b));
	if (w->bad)
		return;
	copy = malloc(4 + n);
	check(copy != NULL);
	end = wire_put_string(copy, a, n);
	check(end == copy + 4 + n && memcmp(copy, b - 4, 4 + n) == 0);
	free(copy);
}

/* A text has no NUL and its room; what is too long for it is bad. */
static void
check_text(struct wire *w, struct simple *s)
{
	char text[TEXT_MAX];
	const uint8_t *p;
	size_t n;

	wire_text(w, text, sizeof(text));
	p = string(s, &n);
	if (!s->bad && (n >= sizeof(text) || memchr(p, '\0', n) != NULL))
		s->bad = true;
	check(memchr(text, '\0', sizeof(text)) != NULL);
	check(strlen(text) == (s->bad ? 0 : n));
	check(s->bad || memcmp(text, p, n) == 0);
}

static void
check_is(struct wire *w, struct simple *s)
{
	bool is = wire_is(w, "none");
	size_t n;
	const uint8_t *p = string(s, &n);

	check(is == (!s->bad && n == 4 && memcmp(p, "none", 4) == 0));
}

static void
check_number(struct wire *w, struct simple *s, unsigned bytes)
{
	uint8_t again[8];
	uint64_t v;

	switch (bytes) {
	case 1:
		check(wire_u8(w) == number(s, 1));
		return;
	case 2:				/* any value but 0 is true */
		check(wire_bool(w) == (number(s, 1) != 0));
		return;
	case 4:
		v = wire_u32(w);
		check(wire_put_u32(again, (uint32_t)v) == again + 4);
		break;
	default:
		v = wire_u64(w);
		check(wire_put_u64(again, v) == again + 8);
	}
	check(v == number(s, bytes));
	check(s->bad || memcmp(again, s->p + s->at - bytes, bytes) == 0);
}

static void
check_one(uint8_t what, struct wire *w, struct simple *s)
{
	switch (what % 7) {
	case 0:
		check_string(w, s);
		return;
	case 1:
		check_text(w, s);
		return;
	case 2:
		check_is(w, s);
		return;
	case 3:
		check_number(w, s, 1);
		return;
	case 4:
		check_number(w, s, 2);
		return;
	case 5:
		check_number(w, s, 4);
		return;
	default:
		check_number(w, s, 8);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = size / 2, i;
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	uint8_t *copy = malloc(size - half + (size == half));
	struct simple s = { copy, 0, size - half, false };
	struct wire w;

	check(copy != NULL);
	if (size > half)
		memcpy(copy, data + half, size - half);
	wire_init(&w, copy, size - half);
	for (i = 0; i < half; i++) {
		check_one(data[i], &w, &s);
		check(w.bad == s.bad);
		check(w.bad || w.left == s.n - s.at);
	}
	free(copy);
	return 0;
}
