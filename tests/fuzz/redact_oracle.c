/* SPDX-License-Identifier: ISC */
/* See redact_oracle.h. */
#include "redact_oracle.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOWHERE ((size_t)-1)
#define BLANKS " \t\r\n"

/* --- strings, which may hold NUL ------------------------------------------ */

struct str {
	char *p;
	size_t n;
};

static bool
among(const char *set, char c)
{
	return memchr(set, c, strlen(set)) != NULL;
}

/* The first place from at on that is (or is not) of the set, or n. */
static size_t
seek(const struct str *s, size_t at, const char *set, bool is)
{
	while (at < s->n && among(set, s->p[at]) != is)
		at++;
	return at;
}

static bool
stands(const struct str *s, size_t at, const char *word)
{
	size_t n = strlen(word);

	return at <= s->n && s->n - at >= n && memcmp(s->p + at, word, n) == 0;
}

static size_t
find(const struct str *s, size_t at, const char *word)
{
	for (; at < s->n; at++)
		if (stands(s, at, word))
			return at;
	return NOWHERE;
}

static size_t
find_last(const struct str *s, size_t from, size_t to, const char *word)
{
	size_t at = to, n = strlen(word);

	while (at-- > from)
		if (at + n <= s->n && stands(s, at, word))
			return at;
	return NOWHERE;
}

/* "***" instead of what stands from..to. */
static void
hide(struct str *s, size_t from, size_t to)
{
	char *p = malloc(s->n + 4);

	if (p == NULL)
		abort();
	memcpy(p, s->p, from);
	memcpy(p + from, "***", 3);
	memcpy(p + from + 3, s->p + to, s->n - to);
	s->n += 3 - (to - from);
	free(s->p);
	s->p = p;
}

/* --- by its look ---------------------------------------------------------- */

/* Behind the "://" that ends at from: where the host ends. */
static size_t
end_of_authority(const struct str *s, size_t from)
{
	static const char word_end[] = BLANKS "\"'`<>\\";
	size_t word = seek(s, from, word_end, true);
	size_t end = seek(s, from, "/?#", true), colon;

	if (end > word)
		end = word;
	colon = seek(s, from, ":", true);
	if (colon >= end || s->p[from] == '[' ||
	    find_last(s, from, end, "@") != NOWHERE)
		return end;
	/* "host:port", or a password with a slash in it. */
	return seek(s, colon + 1, "0123456789", false) == end ? end : word;
}

static bool
of_the_web(const struct str *s, size_t from)
{
	return (from >= 7 && strncasecmp(s->p + from - 7, "http", 4) == 0) ||
	    (from >= 8 && strncasecmp(s->p + from - 8, "https", 5) == 0);
}

/* Of from..at, in front of the '@', unless an engine has done it. */
static void
hide_user(struct str *s, size_t from, size_t at)
{
	if (seek(s, from, "x:", false) < at)
		hide(s, from, at);
}

static void
hide_urls(struct str *s)
{
	size_t at, from = 0;
	bool password;

	while ((from = find(s, from, "://")) != NOWHERE) {
		from += 3;
		at = find_last(s, from, end_of_authority(s, from), "@");
		if (at == NOWHERE)
			continue;
		password = memchr(s->p + from, ':', at - from) != NULL;
		if (password || of_the_web(s, from))
			hide_user(s, from, at);
	}
}

/* Behind the word and blanks, or at itself. */
static size_t
skip_word(const struct str *s, size_t at, const char *word)
{
	size_t n = strlen(word);

	if (s->n - at > n && strncasecmp(s->p + at, word, n) == 0 &&
	    among(BLANKS, s->p[at + n]))
		return seek(s, at + n, BLANKS, false);
	return at;
}

static void
hide_arguments(struct str *s, size_t at)
{
	size_t equals = find(s, at, "="), end;

	if (equals == NOWHERE)
		return;
	end = find_last(s, equals, s->n, " /bin/sh -c ");
	hide(s, equals + 1, end == NOWHERE ? s->n : end);
}

static void
hide_instruction(struct str *s, size_t at)
{
	size_t next;

	at = seek(s, at, BLANKS "'\"", false);
	for (;;) {
		next = skip_word(s, skip_word(s, at, "ONBUILD"), "RUN");
		if (next == at)
			break;
		at = next;
	}
	next = skip_word(s, at, "ENV");
	if (next == at)
		next = skip_word(s, at, "ARG");
	if (next != at) {
		at = seek(s, next, "=" BLANKS, true);
		if (at < s->n)
			hide(s, at + 1, s->n);
	} else if (at + 1 < s->n && s->p[at] == '|' &&
	    among("0123456789", s->p[at + 1]))
		hide_arguments(s, at);
}

static void
hide_instructions(struct str *s)
{
	size_t at;

	hide_instruction(s, 0);
	if (skip_word(s, 0, "exec_create:") != 0 ||
	    skip_word(s, 0, "exec_start:") != 0) {
		at = find(s, 0, "=");
		if (at != NOWHERE)
			hide(s, at + 1, s->n);
	}
	for (at = 0; (at = find(s, at, "#(nop)")) != NOWHERE; at += 6)
		hide_instruction(s, at + 6);
}

static void
hide_by_look(struct str *s)
{
	size_t mount, data, end;

	hide_instructions(s);
	mount = find(s, 0, "mount ");
	data = mount == NOWHERE ? NOWHERE : find(s, mount, ", data: ");
	if (data == NOWHERE)
		return;
	data += 8;
	end = find_last(s, data, s->n, ": ");
	hide(s, data, end == NOWHERE ? s->n : end);
	hide_instructions(s);
}

/* --- by its place --------------------------------------------------------- */

enum place {
	ANYWHERE, ALL_OF_IT, VARIABLES, ARGUMENTS, OPTIONS, DEVICE, PROXY,
	PROCESS, LOG, LOG_OPTIONS,
	ASSIGNMENT		/* an item of VARIABLES, ARGUMENTS, OPTIONS */
};

static void
hide_string(struct str *s, enum place place)
{
	size_t at, scheme;

	if (place == ALL_OF_IT || place == OPTIONS) {
		hide(s, 0, s->n);
		return;
	}
	hide_urls(s);
	at = find(s, 0, "=");
	if (at != NOWHERE && (place == ASSIGNMENT || place == VARIABLES ||
	    place == ARGUMENTS))
		hide(s, at + 1, s->n);
	if (place == DEVICE && seek(s, 0, "@,=", true) < s->n)
		hide(s, 0, s->n);
	if (place == PROXY &&
	    (at = find_last(s, 0, s->n, "@")) != NOWHERE) {
		scheme = find(s, 0, "://");
		hide_user(s, scheme == NOWHERE || scheme > at ? 0 :
		    scheme + 3, at);
	}
	hide_by_look(s);
}

static bool
tells_of_secret(const char *name)
{
	static const char *const words[] = { "token", "url", "key", "pass",
	    "secret", "credential", "auth", "dsn" };
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		if (strcasestr(name, words[i]) != NULL)
			return true;
	return false;
}

static enum place
place_of_option(const char *name)
{
	static const char *const of_networks[] = { "parent", "mode",
	    "ipvlan_mode", "ipvlan_flag", "macvlan_mode", "mtu", "vlan",
	    "isolate", "metric", "no_default_route", "encrypted" };
	size_t i;

	if (strcmp(name, "type") == 0 || strcmp(name, "device") == 0)
		return DEVICE;
	for (i = 0; i < COUNT(of_networks); i++)
		if (strcmp(name, of_networks[i]) == 0)
			return ANYWHERE;
	return strncmp(name, "com.docker.network.", 19) == 0 &&
	    !tells_of_secret(name) ? ANYWHERE : ALL_OF_IT;
}

static enum place
place_by_name(const char *name, enum place otherwise)
{
	static const struct { const char *name; enum place place; } by[] = {
		{ "Env", VARIABLES }, { "CreateCommand", ARGUMENTS },
		{ "Options", OPTIONS }, { "DriverOpts", OPTIONS },
		{ "HttpProxy", PROXY }, { "HttpsProxy", PROXY },
		{ "LogConfig", LOG }, { "ProcessConfig", PROCESS }
	};
	size_t i;

	for (i = 0; i < COUNT(by); i++)
		if (strcmp(name, by[i].name) == 0)
			return by[i].place;
	return otherwise;
}

static enum place
place_of_member(enum place place, const char *name)
{
	switch (place) {
	case ANYWHERE:
	case PROXY:
		return place_by_name(name, place);
	case LOG:
		return strcmp(name, "Config") == 0 ? LOG_OPTIONS :
		    place_by_name(name, ANYWHERE);
	case LOG_OPTIONS:
		return tells_of_secret(name) ? ALL_OF_IT :
		    place_by_name(name, LOG_OPTIONS);
	case PROCESS:
		return strcasecmp(name, "env") == 0 ? VARIABLES :
		    strcmp(name, "arguments") == 0 ? ARGUMENTS :
		    place_by_name(name, PROCESS);
	case OPTIONS:
		return place_of_option(name);
	default:
		return ALL_OF_IT;
	}
}

static enum place
place_of_item(enum place place)
{
	switch (place) {
	case VARIABLES:
	case ARGUMENTS:
	case OPTIONS:
		return ASSIGNMENT;
	case ALL_OF_IT:
	case DEVICE:
	case ASSIGNMENT:
		return ALL_OF_IT;
	default:
		return place;
	}
}

/* --- trees ---------------------------------------------------------------- */

static bool agrees(const json_t *in, const json_t *out, enum place place);

static bool
string_agrees(const json_t *in, const json_t *out, enum place place)
{
	struct str s = { NULL, json_string_length(in) };
	bool same;

	if ((s.p = malloc(s.n + 1)) == NULL)
		abort();
	memcpy(s.p, json_string_value(in), s.n + 1);
	hide_string(&s, place);
	same = s.n == json_string_length(out) &&
	    memcmp(s.p, json_string_value(out), s.n) == 0;
	free(s.p);
	return same;
}

/* "|N" in front of a list: the N behind it are build arguments. */
static size_t
arguments_of(const json_t *list)
{
	const char *first = json_string_value(json_array_get(list, 0));

	return first == NULL || first[0] != '|' || first[1] < '0' ||
	    first[1] > '9' ? 0 : strtoul(first + 1, NULL, 10);
}

static bool
list_agrees(const json_t *in, const json_t *out, enum place place)
{
	size_t i, arguments = arguments_of(in);
	enum place its = place_of_item(place), item;

	for (i = 0; i < json_array_size(in); i++) {
		item = i == 0 || i > arguments ? its :
		    its == ALL_OF_IT || its == PROXY ? ALL_OF_IT : ASSIGNMENT;
		if (!agrees(json_array_get(in, i), json_array_get(out, i),
		    item))
			return false;
	}
	return true;
}

static bool
members_agree(json_t *in, const json_t *out, enum place place)
{
	const char *name;
	json_t *value;

	json_object_foreach(in, name, value)
		if (!agrees(value, json_object_get(out, name),
		    place_of_member(place, name)))
			return false;
	return true;
}

static bool
hides_numbers(enum place place)
{
	return place != ANYWHERE && place != PROXY && place != PROCESS &&
	    place != LOG && place != LOG_OPTIONS;
}

static bool
agrees(const json_t *in, const json_t *out, enum place place)
{
	if (out == NULL)
		return false;
	if (json_is_number(in) && hides_numbers(place))
		return json_is_integer(out) && json_integer_value(out) == 0;
	if (json_typeof(in) != json_typeof(out) ||
	    json_array_size(in) != json_array_size(out) ||
	    json_object_size(in) != json_object_size(out))
		return false;
	if (json_is_string(in))
		return string_agrees(in, out, place);
	if (json_is_array(in))
		return list_agrees(in, out, place);
	if (json_is_object(in))
		return members_agree((json_t *)(uintptr_t)in, out, place);
	return json_equal(in, out);
}

bool
oracle_agrees(const json_t *in, const json_t *out)
{
	return agrees(in, out, ANYWHERE);
}
