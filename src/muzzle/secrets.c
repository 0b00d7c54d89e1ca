/* SPDX-License-Identifier: ISC */
/* See secrets.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/text.h"
#include "orthrus/muzzle/names.h"

#include "json_text.h"
#include "secrets.h"

#define MASK "***"
#define MASK_LEN 3
#define BLANK " \t\r\n"
#define NOP "#(nop)"
#define NONE SIZE_MAX

/*
 * Where a text is changed: each mask makes it longer by 2 bytes at most for 5
 * that were there before, or once by 3.
 */
static char scratch[2 * TEXT_MAX];

void
text_init(struct text *t, const char *p, size_t n)
{
	memset(t, 0, sizeof(*t));
	t->p = p;
	t->len = n;
	t->first = NONE;
	t->open = n;
	t->has = UINT8_MAX;
}

static bool
may_have(const struct text *t, unsigned characters)
{
	return (t->has & characters) == characters;
}

/* --- bytes, which may be NUL --------------------------------------------- */

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* How many from at on are of the set, and how many are not. */
static size_t
span_of(const struct text *t, size_t at, const char *set)
{
	size_t n = 0;

	while (at + n < t->len && is_one_of(t->p[at + n], set))
		n++;
	return n;
}

static size_t
span_to(const struct text *t, size_t at, const char *set)
{
	size_t n = 0;

	while (at + n < t->len && !is_one_of(t->p[at + n], set))
		n++;
	return n;
}

/* Where the word stands, from at on, or NONE. */
static size_t
find_word(const struct text *t, size_t at, const char *word)
{
	const char *p;

	if (at >= t->len ||
	    (p = memchr(t->p + at, word[0], t->len - at)) == NULL)
		return NONE;
	/* Dear to begin with, so only where it may be. */
	p = memmem(p, t->len - (size_t)(p - t->p), word, strlen(word));
	return p == NULL ? NONE : (size_t)(p - t->p);
}

/* The last of them, or len. */
static size_t
find_last(const struct text *t, size_t at, const char *word)
{
	size_t last = t->len;

	for (; (at = find_word(t, at, word)) != NONE; at++)
		last = at;
	return last;
}

static size_t
find_last_at_sign(const struct text *t, size_t from, size_t to)
{
	const char *p = from < to ? text_last(t->p + from, to - from, '@') :
	    NULL;

	return p == NULL ? NONE : (size_t)(p - t->p);
}

static bool
is_digit(const struct text *t, size_t at)
{
	return at < t->len && t->p[at] >= '0' && t->p[at] <= '9';
}

/* --- masking ------------------------------------------------------------ */

/* Of the bytes from..to. */
static void
mask(struct text *t, size_t from, size_t to)
{
	if (from < t->first)
		t->first = from;
	if (to - from == MASK_LEN && memcmp(t->p + from, MASK, MASK_LEN) == 0)
		return;
	if (t->p != scratch) {
		memcpy(scratch, t->p, t->len);
		t->p = scratch;
	}
	memmove(scratch + from + MASK_LEN, scratch + to, t->len - to);
	memcpy(scratch + from, MASK, MASK_LEN);
	t->len = from + MASK_LEN + t->len - to;
	t->changed = true;
}

void
text_mask_all(struct text *t)
{
	mask(t, 0, t->len);
}

void
text_mask_assignment(struct text *t)
{
	size_t equals = find_word(t, 0, "=");

	if (equals != NONE)
		mask(t, equals + 1, t->len);
}

void
text_mask_variable(struct text *t, const char *revealed)
{
	size_t equals = find_word(t, 0, "=");

	if (equals != NONE && !names_have(revealed, t->p, equals))
		mask(t, equals + 1, t->len);
}

void
text_mask_device(struct text *t)
{
	if (span_to(t, 0, "@,=") < t->len)
		mask(t, 0, t->len);
}

/* Docker's engine has masked some itself, as "xxxxx:xxxxx". */
static void
mask_user(struct text *t, size_t from, size_t at)
{
	if (from + span_of(t, from, "x:") != at)
		mask(t, from, at);
}

void
text_mask_proxy(struct text *t)
{
	size_t at = find_last_at_sign(t, 0, t->len), from;

	if (at == NONE)
		return;
	from = find_word(t, 0, "://");
	mask_user(t, from == NONE || from > at ? 0 : from + 3, at);
}

/* --- instructions of a Dockerfile ----------------------------------------- */

/* Where the text goes on after a word and blanks, or NONE. */
static size_t
behind(const struct text *t, size_t at, const char *word)
{
	size_t n = strlen(word), blank;

	if (t->len - at < n || strncasecmp(t->p + at, word, n) != 0 ||
	    (blank = span_of(t, at + n, BLANK)) == 0)
		return NONE;
	return at + n + blank;
}

/* From from on it cannot be judged without what follows the text. */
static void
leave_open(struct text *t, size_t from)
{
	if (from < t->open)
		t->open = from;
}

/*
 * At at is "|N NAME=value ... /bin/sh -c command"; false when there is no
 * value.  The last such command counts: a value may look like one, too.
 */
static bool
mask_build_args(struct text *t, size_t at)
{
	size_t equals = find_word(t, at, "=");

	if (equals == NONE)
		return false;
	mask(t, equals + 1, find_last(t, equals, " /bin/sh -c "));
	return true;
}

/* At at is "NAME=value", or "NAME value"; false when there is no value. */
static bool
mask_values(struct text *t, size_t at)
{
	at += span_to(t, at, "=" BLANK);
	if (at == t->len)
		return false;
	mask(t, at + 1, t->len);
	return true;
}

/* What the instruction at at lays open; from from on it is known as one. */
static void
mask_instruction(struct text *t, size_t from, size_t at)
{
	bool whole;
	size_t next;

	/* "Command" has quotes around it. */
	at += span_of(t, at, BLANK "'\"");
	if (at < t->len && !is_one_of(t->p[at], "|OoRrEeAa"))
		return;
	while ((next = behind(t, at, "ONBUILD")) != NONE ||
	    (next = behind(t, at, "RUN")) != NONE)
		at = next;
	if ((next = behind(t, at, "ENV")) != NONE ||
	    (next = behind(t, at, "ARG")) != NONE)
		whole = mask_values(t, next);
	else if (at < t->len && t->p[at] == '|' && is_digit(t, at + 1))
		whole = mask_build_args(t, at);
	else
		whole = t->len - at > strlen("ONBUILD");
	if (!whole)
		leave_open(t, from);
}

/*
 * "exec_create: COMMAND", "exec_start: COMMAND", as moby's events have it: words
 * without their quotes, of which "NAME=value" may be one.
 */
static void
mask_exec(struct text *t)
{
	size_t equals;

	if (t->len == 0 || (t->p[0] != 'e' && t->p[0] != 'E') ||
	    (behind(t, 0, "exec_create:") == NONE &&
	    behind(t, 0, "exec_start:") == NONE))
		return;
	if ((equals = find_word(t, 0, "=")) == NONE)
		leave_open(t, 0);
	else
		mask(t, equals + 1, t->len);
}

/* Of all instructions in a text, alone or behind "#(nop)". */
static void
mask_instructions(struct text *t)
{
	size_t at = 0;

	if (!t->middle) {
		mask_instruction(t, 0, 0);
		mask_exec(t);
	}
	if (!may_have(t, JSON_HASH))
		return;
	for (; (at = find_word(t, at, NOP)) != NONE; at += strlen(NOP))
		mask_instruction(t, at, at + strlen(NOP));
}

/* --- others -------------------------------------------------------------- */

/* "mount SOURCE:TARGET, data: OPTIONS: reason", as moby says it. */
static bool
mask_mount_error(struct text *t)
{
	static const char data[] = ", data: ";
	size_t at, mount;

	if (!may_have(t, JSON_COMMA | JSON_COLON) ||
	    find_word(t, 0, data) == NONE)
		return false;
	mount = t->mount ? 0 : find_word(t, 0, "mount ");
	if (mount == NONE || (at = find_word(t, mount, data)) == NONE)
		return false;
	at += strlen(data);
	mask(t, at, find_last(t, at, ": "));
	return true;
}

/* What ends a word, and with it any URL. */
#define WORD_END BLANK "\"'`<>\\"

/*
 * Behind the "://" that ends at from: where that ends in which user and
 * password may stand.  RFC 3986 section 3.2: an authority ends at '/', '?' or
 * '#'; but people write these into passwords as they are, which shows in a
 * port that is no number.
 */
static size_t
authority_end(const struct text *t, size_t from)
{
	size_t end = from + span_to(t, from, "/?#" WORD_END);
	size_t colon = from + span_to(t, from, ":");

	if (colon >= end || t->p[from] == '[' ||
	    find_last_at_sign(t, from, end) != NONE ||
	    colon + 1 + span_of(t, colon + 1, "0123456789") == end)
		return end;
	return from + span_to(t, from, WORD_END);
}

/* A user without a password is one of ssh:// or git://; of http, a token. */
static bool
is_secret_user(const struct text *t, size_t from, size_t at)
{
	static const char *const web[] = { "http", "https" };
	size_t i, n;

	if (memchr(t->p + from, ':', at - from) != NULL)
		return true;
	for (i = 0; i < sizeof(web) / sizeof(web[0]); i++) {
		n = strlen(web[i]);
		if (from >= n + 3 &&
		    strncasecmp(t->p + from - 3 - n, web[i], n) == 0)
			return true;
	}
	return false;
}

/*
 * Where the next URL is looked for when that from..end has no '@': none that
 * begins within it and ends there has one, but its "://" may go beyond.
 */
static size_t
behind_url(size_t from, size_t end)
{
	return end > from + 2 ? end - 2 : from;
}

void
text_mask_urls(struct text *t)
{
	size_t from = 0, at, end;

	if (!may_have(t, JSON_AT | JSON_COLON))
		return;
	while ((from = find_word(t, from, "://")) != NONE) {
		from += 3;
		end = authority_end(t, from);
		at = find_last_at_sign(t, from, end);
		if (at == NONE)
			from = behind_url(from, end);
		else if (is_secret_user(t, from, at))
			mask_user(t, from, at);
	}
}

void
text_mask_look(struct text *t)
{
	mask_instructions(t);
	if (mask_mount_error(t))
		mask_instructions(t);	/* of what is left */
}

bool
text_is_harmless(const char *p, size_t n, unsigned has)
{
	/* What instructions, commands and build arguments begin with. */
	static const bool first[256] = { [' '] = true, ['\t'] = true,
	    ['\r'] = true, ['\n'] = true, ['"'] = true, ['\''] = true,
	    ['|'] = true, ['O'] = true, ['o'] = true, ['R'] = true,
	    ['r'] = true, ['E'] = true, ['e'] = true, ['A'] = true,
	    ['a'] = true };

	if ((has & JSON_HASH) || ((has & JSON_COLON) &&
	    (has & (JSON_AT | JSON_COMMA))))
		return false;
	return n == 0 || !first[(uint8_t)p[0]];
}

#define SCHEME_MAX 16

size_t
text_open_end(const struct text *t)
{
	size_t from = 0, end;

	while ((from = find_word(t, from, "://")) != NONE) {
		from += 3;
		end = authority_end(t, from);
		if (end == t->len) {
			from = from < SCHEME_MAX ? 0 : from - SCHEME_MAX;
			return from < t->open ? from : t->open;
		}
		from = behind_url(from, end);
	}
	return t->open;
}

size_t
text_boundary(const struct text *t, size_t at)
{
	size_t i;

	for (i = 0; i < 3 && at > 0 && at < t->len &&
	    ((uint8_t)t->p[at] & 0xc0) == 0x80; i++)
		at--;
	return at;
}

bool
text_has_mount(const struct text *t)
{
	return t->mount || find_word(t, 0, "mount ") != NONE;
}

unsigned
text_build_args(const struct text *t)
{
	unsigned n = 0;
	size_t i;

	if (t->len == 0 || t->p[0] != '|')
		return 0;
	for (i = 1; is_digit(t, i); i++)
		n = n >= TEXT_ARGUMENTS_MAX ? n :
		    10 * n + (unsigned)(t->p[i] - '0');
	return n < TEXT_ARGUMENTS_MAX ? n : TEXT_ARGUMENTS_MAX;
}
