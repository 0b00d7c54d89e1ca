/* SPDX-License-Identifier: ISC */
/* See redact.h: a reader of JSON that passes on what it reads. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/muzzle/redact.h"

#include "json_text.h"
#include "redact_rules.h"
#include "secrets.h"

/*
 * Of a string of TEXT_MAX and more so much is always kept back, for a
 * secret may begin in it.
 */
#define KEPT_BACK 1024
/* In front of a document among many (RFC 7464 section 2.2). */
#define RECORD 0x1e

/* What may come next. */
enum expected {
	VALUE, ITEM_OR_END, NAME_OR_END, NAME, COLON, COMMA_OR_END, NOTHING,
	IN_NAME, IN_STRING, IN_NUMBER, IN_WORD
};

/* An array or an object that has begun. */
struct level {
	bool object;
	uint8_t rule;		/* of what is in it */
	uint16_t arguments;	/* the next items are build arguments */
};

struct redactor {
	const char *reveal;
	bool many;		/* documents */
	enum expected expected;
	struct level *levels;
	size_t depth, size;	/* of levels: in use, allocated */
	enum rule rule;		/* of the value that comes or has begun */
	bool first;		/* it is the first of an array */

	/* A string that has begun: raw, as it came. */
	struct json_string string;
	uint8_t *held;		/* of it, without the quote; or NULL */
	size_t held_len;
	bool middle, mount;	/* of a text: see secrets.h */
	bool dropped;		/* the rest of it is masked */

	struct json_number number;
	bool hidden;		/* the number is */
	const char *word;	/* what is left of true, false, null */
};

/* The bytes at hand; what is before from was passed on. */
struct piece {
	const uint8_t *from, *p, *end;
	struct buffer *out;
	bool failed;		/* out is full */
};

struct redactor *
redactor_new(const char *reveal, bool many)
{
	struct redactor *r = xcalloc(1, sizeof(*r));

	r->reveal = reveal;
	r->many = many;
	r->expected = many ? NOTHING : VALUE;
	return r;
}

void
redactor_free(struct redactor *r)
{
	if (r == NULL)
		return;
	if (r->held != NULL)
		sodium_memzero(r->held, TEXT_MAX);
	free(r->held);
	free(r->levels);
	free(r);
}

/* --- passing on ----------------------------------------------------------- */

static void
piece_put(struct piece *s, const void *p, size_t n)
{
	if (n > 0 && buffer_put(s->out, p, n) == -1)
		s->failed = true;
}

/* All that was read, up to p. */
static void
pass(struct piece *s, const uint8_t *p)
{
	piece_put(s, s->from, (size_t)(p - s->from));
	s->from = p;
}

/* --- values ------------------------------------------------------------ */

static struct level *
top(struct redactor *r)
{
	return r->depth == 0 ? NULL : &r->levels[r->depth - 1];
}

/* The rule of the array's next item. */
static void
next_item(struct redactor *r, bool first)
{
	struct level *l = top(r);

	r->first = first;
	r->rule = l->rule;
	if (l->arguments > 0) {
		if (l->arguments < TEXT_ARGUMENTS_MAX)
			l->arguments--;
		r->rule = rule_of_argument(r->rule);
	}
}

static int
open_level(struct redactor *r, bool object)
{
	struct level *l;

	if (r->depth == REDACT_DEPTH_MAX)
		return -1;
	if (r->depth == r->size) {
		r->size = r->size == 0 ? 16 : 2 * r->size;
		r->levels = xreallocarray(r->levels, r->size, sizeof(*l));
	}
	l = &r->levels[r->depth++];
	l->object = object;
	l->rule = (uint8_t)rule_inside(r->rule, object);
	l->arguments = 0;
	r->expected = object ? NAME_OR_END : ITEM_OR_END;
	return 0;
}

static void
value_ends(struct redactor *r)
{
	r->expected = r->depth == 0 ? NOTHING : COMMA_OR_END;
}

static int
close_level(struct redactor *r, bool object)
{
	if (r->depth == 0 || top(r)->object != object)
		return -1;
	r->depth--;
	value_ends(r);
	return 0;
}

static int
begin_word(struct redactor *r, char c)
{
	r->word = c == 't' ? "rue" : c == 'f' ? "alse" : c == 'n' ? "ull" :
	    NULL;
	r->expected = IN_WORD;
	return r->word == NULL ? -1 : 0;
}

static int
begin_number(struct redactor *r, struct piece *s)
{
	if (!json_number_begins(&r->number, *s->p))
		return -1;
	r->hidden = rule_hides_numbers(r->rule);
	if (r->hidden) {
		pass(s, s->p);
		piece_put(s, "0", 1);
		s->from = s->p + 1;
	}
	r->expected = IN_NUMBER;
	return 0;
}

static void
begin_string(struct redactor *r, enum expected expected)
{
	memset(&r->string, 0, sizeof(r->string));
	r->held_len = 0;
	r->middle = r->mount = r->dropped = false;
	r->expected = expected;
}

static int
begin_value(struct redactor *r, struct piece *s)
{
	switch (*s->p) {
	case '"':
		begin_string(r, IN_STRING);
		return 0;
	case '{':
		return open_level(r, true);
	case '[':
		return open_level(r, false);
	case 't':
	case 'f':
	case 'n':
		return begin_word(r, (char)*s->p);
	default:
		return begin_number(r, s);
	}
}

/* --- strings --------------------------------------------------------------- */

static void
read_text(const struct redactor *r, const uint8_t *raw, size_t n,
    struct text *t)
{
	static char room[TEXT_MAX];
	const char *p = (const char *)raw;

	if (r->string.escaped)
		p = json_decode(raw, &n, room);
	text_init(t, p, n);
	if (!r->string.escaped)
		t->has = r->string.has;
	t->middle = r->middle;
	t->mount = r->mount;
}

/* Passes on the first n bytes of what is held, and keeps the others. */
static void
release(struct redactor *r, struct piece *s, size_t n)
{
	piece_put(s, r->held, n);
	r->held_len -= n;
	memmove(r->held, r->held + n, r->held_len);
	r->middle = true;
}

static void
drop_the_rest(struct redactor *r, struct piece *s, const char *p, size_t n)
{
	if (json_encode(s->out, p, n) == -1)
		s->failed = true;
	piece_put(s, "***", 3);
	r->held_len = 0;
	r->dropped = true;
}

/* A string is longer than what is held of one. */
static void
spill(struct redactor *r, struct piece *s)
{
	size_t n = json_whole(r->held, r->held_len), open;
	struct text t;

	if (r->expected == IN_NAME) {
		release(r, s, n);
		return;
	}
	read_text(r, r->held, n, &t);
	rule_mask(r->rule, r->reveal, &t);
	if (t.first == SIZE_MAX && !rule_sees_parts(r->rule))
		text_mask_all(&t);
	open = text_open_end(&t);
	if (t.len > KEPT_BACK && open > t.len - KEPT_BACK)
		open = t.len - KEPT_BACK;
	open = text_boundary(&t, open);
	if (t.first != SIZE_MAX || open == 0) {
		drop_the_rest(r, s, t.p, t.first != SIZE_MAX ? t.first : 0);
		return;
	}
	r->mount = text_has_mount(&t);
	release(r, s, json_raw_length(r->held, n, open));
}

static void
hold(struct redactor *r, struct piece *s, const uint8_t *p, size_t n)
{
	size_t room;

	if (r->held == NULL)
		r->held = xreallocarray(NULL, TEXT_MAX, 1);
	while (n > 0 && !r->dropped) {
		room = TEXT_MAX - r->held_len;
		if (room > n)
			room = n;
		memcpy(r->held + r->held_len, p, room);
		r->held_len += room;
		p += room;
		n -= room;
		if (r->held_len == TEXT_MAX)
			spill(r, s);
	}
}

/* Of a name that is longer than what is held only the end is known. */
static void
name_ends(struct redactor *r, const uint8_t *raw, size_t n)
{
	struct level *l = top(r);
	struct text t = { .p = (const char *)raw, .len = n };

	if (r->string.escaped)
		read_text(r, raw, n, &t);
	if (!r->middle)
		r->rule = rule_of_member(l->rule, t.p, t.len);
	else
		r->rule = l->rule == PLAIN ? PLAIN : ALL;
	r->first = false;
	r->expected = COLON;
}

/* Of the string the n bytes at raw are left; true: masked, and passed on. */
static bool
text_ends(struct redactor *r, struct piece *s, const uint8_t *raw, size_t n)
{
	struct text t;

	read_text(r, raw, n, &t);
	if (r->first && !r->middle)
		top(r)->arguments = (uint16_t)text_build_args(&t);
	rule_mask(r->rule, r->reveal, &t);
	value_ends(r);
	if (!t.changed)
		return false;
	if (s->from < s->p)
		pass(s, s->p);
	if (json_encode(s->out, t.p, t.len) == -1)
		s->failed = true;
	return true;
}

/* Its closing quote is at quote, and all since the opening one at s->p. */
static void
string_ends(struct redactor *r, struct piece *s, const uint8_t *quote)
{
	size_t n = (size_t)(quote - s->p);

	if (r->expected == IN_NAME)
		name_ends(r, s->p, n);
	else if (r->rule == PLAIN && !r->string.escaped &&
	    text_is_harmless((const char *)s->p, n, r->string.has))
		value_ends(r);
	else if (text_ends(r, s, s->p, n))
		s->from = quote;
}

/* The same where a part of it came earlier. */
static void
held_string_ends(struct redactor *r, struct piece *s, const uint8_t *quote)
{
	pass(s, s->p);
	hold(r, s, s->p, (size_t)(quote - s->p));
	s->from = s->p = quote;
	if (r->dropped)
		value_ends(r);
	else if (r->expected == IN_NAME) {
		name_ends(r, r->held, r->held_len);
		piece_put(s, r->held, r->held_len);
	} else if (!text_ends(r, s, r->held, r->held_len))
		piece_put(s, r->held, r->held_len);
	r->held_len = 0;
}

static int
read_string(struct redactor *r, struct piece *s)
{
	const uint8_t *quote = json_string_read(&r->string, s->p, s->end);

	if (quote == NULL)
		return -1;
	if (quote == s->end) {
		pass(s, s->p);
		hold(r, s, s->p, (size_t)(s->end - s->p));
		s->from = s->p = s->end;
		return 0;
	}
	if (r->held_len == 0 && !r->middle && !r->dropped &&
	    quote - s->p < TEXT_MAX)
		string_ends(r, s, quote);
	else
		held_string_ends(r, s, quote);
	s->p = quote + 1;
	return 0;
}

/* --- the rest of the grammar ------------------------------------------- */

static int
read_number(struct redactor *r, struct piece *s)
{
	enum json_step step = JSON_GOES_ON;

	while (s->p < s->end &&
	    (step = json_number_step(&r->number, *s->p)) == JSON_GOES_ON)
		s->p++;
	if (r->hidden)
		s->from = s->p;
	if (step == JSON_ENDS)
		value_ends(r);
	return step == JSON_BAD ? -1 : 0;
}

static int
read_word(struct redactor *r, struct piece *s)
{
	for (; *r->word != '\0' && s->p < s->end; s->p++, r->word++)
		if (*s->p != (uint8_t)*r->word)
			return -1;
	if (*r->word == '\0')
		value_ends(r);
	return 0;
}

static int
read_name(struct redactor *r, uint8_t c)
{
	if (c != '"')
		return -1;
	begin_string(r, IN_NAME);
	return 0;
}

static int
read_comma(struct redactor *r, uint8_t c)
{
	if (c != ',')
		return c == ']' || c == '}' ? close_level(r, c == '}') : -1;
	if (top(r)->object)
		r->expected = NAME;
	else {
		next_item(r, false);
		r->expected = VALUE;
	}
	return 0;
}

/* Something stands behind the document, or in front of the first of many. */
static int
next_document(struct redactor *r, struct piece *s, uint8_t c)
{
	if (!r->many)
		return -1;
	if (c == RECORD)
		return 0;
	r->rule = PLAIN;
	r->first = false;
	return begin_value(r, s);
}

/* One byte that is no blank, between strings, numbers and words. */
static int
read_mark(struct redactor *r, struct piece *s, uint8_t c)
{
	switch (r->expected) {
	case ITEM_OR_END:
		if (c == ']')
			return close_level(r, false);
		next_item(r, true);
		return begin_value(r, s);
	case VALUE:
		return begin_value(r, s);
	case NAME_OR_END:
		return c == '}' ? close_level(r, true) : read_name(r, c);
	case NAME:
		return read_name(r, c);
	case COLON:
		r->expected = VALUE;
		return c == ':' ? 0 : -1;
	case COMMA_OR_END:
		return read_comma(r, c);
	default:
		return next_document(r, s, c);
	}
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int
read_some(struct redactor *r, struct piece *s)
{
	int rc = 0;

	switch (r->expected) {
	case IN_NAME:
	case IN_STRING:
		return read_string(r, s);
	case IN_NUMBER:
		return read_number(r, s);
	case IN_WORD:
		return read_word(r, s);
	default:
		if (!is_blank(*s->p))
			rc = read_mark(r, s, *s->p);
		s->p++;
		return rc;
	}
}

int
redactor_feed(struct redactor *r, const uint8_t *p, size_t n,
    struct buffer *out)
{
	struct piece s = { p, p, p + n, out, false };

	while (s.p < s.end)
		if (read_some(r, &s) == -1 || s.failed)
			return -1;
	pass(&s, s.end);
	return s.failed ? -1 : 0;
}

int
redactor_end(const struct redactor *r)
{
	if (r->expected == IN_NUMBER)
		return r->depth == 0 && json_number_is_whole(&r->number) ?
		    0 : -1;
	return r->expected == NOTHING ? 0 : -1;
}
