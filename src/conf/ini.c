/* SPDX-License-Identifier: ISC */
/*
 * libinih behind a strict gate: it gets one line at a time, and only lines that
 * ini_line_parse() has understood.  What libinih makes of a line is compared
 * with that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "ini.h"
#include "ini_line.h"
#include "orthrus/base/mem.h"

#define BOM "\xef\xbb\xbf"

/* Names that were seen, to find duplicates. */
struct seen {
	struct {
		char *name;
		unsigned line;
	} *v;
	size_t n, size;
};

struct reader {
	const struct ini_hooks *hooks;
	void *arg;
	const char *p, *end;	/* what is left of the text */
	unsigned line;
	struct ini_line now;	/* the line that libinih is at */
	bool full;		/* it fills libinih's buffer */
	bool expected;		/* libinih must call on_inih_key() for it */
	bool any;		/* a section has begun */
	bool wanted;		/* the keys of this section are */
	char section[INI_SECTION_MAX + 1];
	struct seen sections, keys;
};

/*
 * The line on which name was seen before; 0 when it is new, and is then
 * remembered.
 */
static unsigned
seen_before(struct seen *s, const char *name, unsigned line)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (strcmp(s->v[i].name, name) == 0)
			return s->v[i].line;
	}
	if (s->n == s->size) {
		s->size = s->size == 0 ? 16 : 2 * s->size;
		s->v = xreallocarray(s->v, s->size, sizeof(*s->v));
	}
	s->v[s->n].name = xstrdup(name);
	s->v[s->n++].line = line;
	return 0;
}

static void
seen_clear(struct seen *s)
{
	while (s->n > 0)
		free(s->v[--s->n].name);
	free(s->v);
	memset(s, 0, sizeof(*s));
}

static void
ini_fail(struct reader *r, const char *text)
{
	r->hooks->error(r->arg, r->line, text);
}

/*
 * libinih made something else of the line, as another version of it may do.
 * LCOV_EXCL_START
 */
static void
ini_fail_differs(struct reader *r)
{
	r->expected = false;
	ini_fail(r, "this line can be read in two ways; write it more simply");
}
/* LCOV_EXCL_STOP */

static void
ini_begin_section(struct reader *r, const char *name)
{
	struct error e;
	unsigned line = 0;

	seen_clear(&r->keys);
	r->any = true;
	if (name != NULL)
		line = seen_before(&r->sections, name, r->line);
	if (line != 0) {
		error_set(&e, EX_CONFIG, "[%s] is there already, on line %u; "
		    "put its keys together there", name, line);
		ini_fail(r, e.text);
		name = NULL;
	}
	r->wanted = r->hooks->section(r->arg, r->line, name) && name != NULL;
	if (name != NULL)
		strcpy(r->section, name);
}

static void
ini_begin_key(struct reader *r)
{
	struct error e;
	unsigned line;

	if (!r->any) {
		error_set(&e, EX_CONFIG, "\"%s\" stands before any section; "
		    "put a line such as [%s] above it", r->now.name,
		    r->hooks->example);
		ini_fail(r, e.text);
		return;
	}
	if (!r->wanted)
		return;
	line = seen_before(&r->keys, r->now.name, r->line);
	if (line != 0) {
		error_set(&e, EX_CONFIG, "\"%s\" is set already, on line %u; "
		    "keep one of them", r->now.name, line);
		ini_fail(r, e.text);
		return;
	}
	r->expected = true;
}

/* Takes the next line off the text; false at its end. */
static bool
ini_cut_line(struct reader *r, const char **line, size_t *len)
{
	const char *nl;

	if (r->p == r->end)
		return false;
	nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
	*line = r->p;
	*len = (size_t)((nl == NULL ? r->end : nl) - r->p);
	r->p = nl == NULL ? r->end : nl + 1;
	r->line++;
	if (nl != NULL && *len > 0 && (*line)[*len - 1] == '\r')
		(*len)--;
	return true;
}

/*
 * libinih's reader, which gets the line, or a harmless one in its place.  As
 * with fgets(3), a line that fills the buffer gets its newline with the next
 * call: recent versions throw away everything up to the next newline.
 */
static char *
next_inih_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	struct error e;
	const char *line;
	size_t len;

	if (r->full) {
		r->full = false;
		return strcpy(buf, "\n");
	}
	if (r->expected)
		ini_fail_differs(r);
	if (!ini_cut_line(r, &line, &len))
		return NULL;
	ini_line_parse(line, len, &r->now, &e);
	if (r->now.kind == INI_BAD || r->now.kind == INI_BAD_SECTION)
		ini_fail(r, e.text);
	if (r->now.kind == INI_SECTION)
		ini_begin_section(r, r->now.name);
	else if (r->now.kind == INI_BAD_SECTION)
		ini_begin_section(r, NULL);
	else if (r->now.kind == INI_KEY)
		ini_begin_key(r);

	buf[0] = '\0';
	if (r->expected || (r->now.kind == INI_SECTION && r->wanted)) {
		if (len >= (size_t)size) {
			ini_fail_differs(r);
			return buf;
		}
		memcpy(buf, line, len);
		buf[len] = '\0';
		r->full = len == (size_t)size - 1;
	}
	return buf;
}

/* libinih's handler. */
static int
on_inih_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reader *r = arg;

	if (!r->expected || strcmp(section, r->section) != 0 ||
	    strcmp(key, r->now.name) != 0 || strcmp(value, r->now.value) != 0)
		ini_fail_differs(r);
	else {
		r->expected = false;
		r->hooks->key(r->arg, r->line, key, value);
	}
	return 1;
}

void
ini_read(const char *text, size_t len, const struct ini_hooks *hooks,
    void *arg)
{
	struct reader r = { .hooks = hooks, .arg = arg, .p = text };

	r.end = text + len;
	if (len >= strlen(BOM) && memcmp(text, BOM, strlen(BOM)) == 0) {
		hooks->error(arg, 1, "the file begins with a byte order mark; "
		    "save it as UTF-8 without one");
		r.p += strlen(BOM);
	}
	ini_parse_stream(next_inih_line, &r, on_inih_key, &r);
	if (r.expected)
		ini_fail_differs(&r);
	seen_clear(&r.sections);
	seen_clear(&r.keys);
}
