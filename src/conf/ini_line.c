/* SPDX-License-Identifier: ISC */
/*
 * The strict reading of one line.  libinih forgives much: it starts a new
 * line inside a long one, cuts a value at " ;", takes an indented key for a
 * second value of the one before.  Here such lines are refused.
 */
#include <stdbool.h>
#include <string.h>

#include "ini_line.h"
#include "orthrus/base/text.h"

#define BLANKS " \t"
#define KEY_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789_-"
#define OWN_LINE "write a comment on a line of its own"

static bool
is_ini_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Tabs may stand where spaces may; nothing else invisible is allowed. */
static int
check_line_text(const char *p, size_t len, struct error *e)
{
	unsigned char c;
	bool clean = true;
	size_t i, from = 0;

	for (i = 0; i < len; i++) {
		c = (unsigned char)p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return error_set(e, EX_CONFIG, "control character "
			    "0x%02x in column %zu; remove it", c, i + 1);
		if (c == '\t') {
			clean = clean && text_clean(p + from, i - from);
			from = i + 1;
		}
	}
	if (!clean || !text_clean(p + from, len - from))
		return error_set(e, EX_CONFIG, "bytes that are not UTF-8 "
		    "text; save the file as UTF-8");
	return 0;
}

/* True when a comment follows the text; libinih cuts only those with a ';'. */
static bool
has_comment(const char *s)
{
	for (; (s = strpbrk(s, ";#")) != NULL; s++) {
		if (is_ini_blank(s[-1]))
			return true;
	}
	return false;
}

static int
check_section_name(const char *name, struct error *e)
{
	size_t len = strlen(name);

	if (len == 0 || is_ini_blank(name[0]) || is_ini_blank(name[len - 1]) ||
	    strchr(name, '[') != NULL || strchr(name, '\t') != NULL ||
	    strstr(name, "  ") != NULL)
		return error_set(e, EX_CONFIG, "\"[%s]\" is malformed; write "
		    "[SECTION] or [SECTION NAME] with one space", name);
	if (has_comment(name + 1))
		return error_set(e, EX_CONFIG, "a comment inside the "
		    "brackets; " OWN_LINE);
	if (len > INI_SECTION_MAX)
		return error_set(e, EX_CONFIG, "the name of a section may "
		    "have at most %d bytes, this one has %zu; shorten it",
		    INI_SECTION_MAX, len);
	return 0;
}

static int
parse_section(char *s, struct ini_line *l, struct error *e)
{
	char *end = strchr(s, ']'), *rest;

	if (end == NULL)
		return error_set(e, EX_CONFIG,
		    "\"%s\" has no \"]\"; write [SECTION]", s);
	*end = '\0';
	rest = end + 1 + strspn(end + 1, BLANKS);
	if (*rest != '\0')
		return error_set(e, EX_CONFIG, "text after \"[%s]\" would be "
		    "ignored; %s", s + 1, *rest == ';' || *rest == '#' ?
		    OWN_LINE : "give it a line of its own");
	if (check_section_name(s + 1, e) == -1)
		return -1;
	strcpy(l->name, s + 1);
	return 0;
}

static void
trim_end(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && is_ini_blank(s[len - 1]))
		s[--len] = '\0';
}

static int
parse_key(char *s, struct ini_line *l, struct error *e)
{
	char *equals = strchr(s, '='), *value;

	if (equals == NULL)
		return error_set(e, EX_CONFIG, "\"=\" is missing; write "
		    "KEY = VALUE%s", strchr(s, ':') == NULL ? "" :
		    " (\":\" does not separate them)");
	*equals = '\0';
	trim_end(s);
	if (s[0] == '\0' || s[strspn(s, KEY_CHARS)] != '\0')
		return error_set(e, EX_CONFIG, "\"%s\" is not a key: one word "
		    "of letters, digits and _; write KEY = VALUE", s);
	value = equals + 1;
	if (has_comment(value))
		return error_set(e, EX_CONFIG, "the value of \"%s\" holds a "
		    "comment, which would cut it or become part of it; "
		    OWN_LINE, s);
	value += strspn(value, BLANKS);
	trim_end(value);
	if (value[0] == '\0')
		return error_set(e, EX_CONFIG, "\"%s\" has no value; write "
		    "one, or remove the line", s);
	strcpy(l->name, s);
	strcpy(l->value, value);
	return 0;
}

void
ini_line_parse(const char *p, size_t len, struct ini_line *l, struct error *e)
{
	enum ini_kind bad = INI_BAD;
	char text[INI_LINE_MAX + 1];
	size_t blanks = 0;

	memset(l, 0, sizeof(*l));
	while (blanks < len && is_ini_blank(p[blanks]))
		blanks++;
	if (blanks < len && p[blanks] == '[')
		bad = INI_BAD_SECTION;

	l->kind = bad;
	if (len > INI_LINE_MAX) {
		error_set(e, EX_CONFIG, "the line has %zu bytes; at most %d "
		    "are read as one line, so make it shorter", len,
		    INI_LINE_MAX);
		return;
	}
	if (check_line_text(p, len, e) == -1)
		return;
	if (blanks == len || p[blanks] == ';' || p[blanks] == '#') {
		l->kind = INI_BLANK;
		return;
	}
	if (blanks > 0) {
		error_set(e, EX_CONFIG, "an indented line would continue the "
		    "value above; begin it in the first column");
		return;
	}
	memcpy(text, p, len);
	text[len] = '\0';
	if (bad == INI_BAD_SECTION) {
		if (parse_section(text, l, e) == 0)
			l->kind = INI_SECTION;
	} else if (parse_key(text, l, e) == 0)
		l->kind = INI_KEY;
}
