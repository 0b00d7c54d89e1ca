/* SPDX-License-Identifier: ISC */
/* See target.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/text.h"

#include "target.h"

_Static_assert(SEGMENTS_MAX <= 32, "each has a bit in coded");

int
verdict_refuse(struct verdict *v, int status, const char *fmt, ...)
{
	va_list ap;

	v->status = status;
	va_start(ap, fmt);
	vsnprintf(v->reason, sizeof(v->reason), fmt, ap);
	va_end(ap);
	return -1;
}

void
verdict_about(struct verdict *v, const char *p, size_t len)
{
	const size_t room = sizeof(v->about) - sizeof("...");
	size_t i;

	for (i = 0; i < len && i < room; i++)
		v->about[i] = p[i] <= ' ' || p[i] >= 0x7f || p[i] == '"' ||
		    p[i] == '\\' ? '?' : p[i];
	strcpy(v->about + i, i < len ? "..." : "");
}

/* RFC 3986 section 2.3. */
static bool
is_unreserved(unsigned char c)
{
	return is_alnum(c) || (c != '\0' && strchr("-._~", c) != NULL);
}

/* The byte that "%XX" at p stands for, or -1. */
static int
percent(const char *p, const char *end)
{
	int high, low;

	if (end - p < 3 || (high = text_hex((unsigned char)p[1])) == -1 ||
	    (low = text_hex((unsigned char)p[2])) == -1)
		return -1;
	return high << 4 | low;
}

/* Is it one of those that clients encode in an image's name? */
static bool
is_of_image(int c)
{
	return c == '/' || c == ':' || c == '@';
}

static uint32_t
segment_bit(const struct target *t)
{
	return t->nsegments == 0 ? 0 : UINT32_C(1) << (t->nsegments - 1);
}

/* The path up to '?', decoded once, split at '/'.  Returns where it ends. */
static const char *
take_path(struct target *t, const char *p, const char *end, char **out,
    struct verdict *v)
{
	char *o = *out;
	bool coded;
	int c;

	if (p == end || *p != '/') {
		verdict_refuse(v, 400, "the target must be a path that begins "
		    "with /");
		return NULL;
	}
	for (; p < end && *p != '?'; p++) {
		c = (unsigned char)*p;
		coded = c == '%';
		if (coded) {
			c = percent(p, end);
			coded = is_of_image(c);
			if (c == -1 || (!coded &&
			    !is_unreserved((unsigned char)c))) {
				verdict_refuse(v, 400, BAD_CODE);
				return NULL;
			}
			p += 2;
		} else if (c <= ' ' || c >= 0x7f || c == '\\' || c == '#') {
			verdict_refuse(v, 400, "a character in the path that "
			    "must not be there");
			return NULL;
		}
		if (coded)
			t->coded |= segment_bit(t);
		if (c != '/') {
			*o++ = (char)c;
			continue;
		}
		if (t->nsegments == SEGMENTS_MAX) {
			verdict_refuse(v, 400, "too many / in the path");
			return NULL;
		}
		*o++ = '\0';
		t->segments[t->nsegments++] = o;
		if (coded)
			t->coded |= segment_bit(t);
	}
	*o++ = '\0';
	*out = o;
	return p;
}

static int
check_segments(const struct target *t, struct verdict *v)
{
	const char *s;
	size_t i;

	for (i = 0; i < t->nsegments; i++) {
		s = t->segments[i];
		/* An empty last one is a path that no route has. */
		if ((s[0] == '\0' && i + 1 < t->nsegments) ||
		    strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
			return verdict_refuse(v, 400, "//, /./ and /../ are "
			    "not allowed in the path");
	}
	return 0;
}

/* "v1.N" or "v1.NN" in front, once. */
static void
take_version(struct target *t)
{
	const char *s = t->segments[0];
	size_t n;

	if (t->nsegments < 2 || strncmp(s, "v1.", 3) != 0)
		return;
	n = strspn(s + 3, "0123456789");
	if (n < 1 || n > 2 || s[3 + n] != '\0')
		return;
	t->version = s;
	t->coded = (t->coded & 1) | t->coded >> 1;
	t->nsegments--;
	memmove(t->segments, t->segments + 1,
	    t->nsegments * sizeof(t->segments[0]));
}

/* One name or value of the query: until '=' (names), '&' or the end. */
static const char *
take_word(const char *p, const char *end, bool name, char **out,
    struct verdict *v)
{
	int c;

	for (; p < end && *p != '&' && !(name && *p == '='); p++) {
		c = (unsigned char)*p;
		if (c == '%') {
			if ((c = percent(p, end)) == -1) {
				verdict_refuse(v, 400, "a %% in the query "
				    "without two hexadecimal digits");
				return NULL;
			}
			p += 2;
		} else if (c <= ' ' || c >= 0x7f || c == '#' || c == ';') {
			verdict_refuse(v, 400, "a character in the query that "
			    "must be encoded");
			return NULL;
		} else if (c == '+')
			c = ' ';
		if (c < ' ' || c == 0x7f) {
			verdict_refuse(v, 400, "a control character in the "
			    "query");
			return NULL;
		}
		*(*out)++ = (char)c;
	}
	*(*out)++ = '\0';
	return p;
}

/* Is there one of this name already, in whatever case, that may not be? */
static bool
is_twice(struct target *t, const struct parameter *q)
{
	const struct parameter *other;

	for (other = t->parameters; other < q; other++) {
		if (strcasecmp(other->name, q->name) != 0)
			continue;
		if (strcmp(other->name, REPEATABLE) != 0 ||
		    strcmp(q->name, REPEATABLE) != 0)
			return true;
		t->repeated = true;
	}
	return false;
}

static int
take_query(struct target *t, const char *p, const char *end, char *out,
    struct verdict *v)
{
	struct parameter *q;

	/* "?" alone is no query, and "&" need not separate anything. */
	for (; p < end; p += p < end) {
		if (*p == '&')
			continue;
		if (t->nparameters == PARAMETERS_MAX)
			return verdict_refuse(v, 400, "too many parameters");
		q = &t->parameters[t->nparameters++];
		q->name = out;
		if ((p = take_word(p, end, true, &out, v)) == NULL)
			return -1;
		if (q->name[0] == '\0')
			return verdict_refuse(v, 400, "a parameter without a "
			    "name");
		q->value = out;
		if (p < end && *p == '=')
			p++;
		if ((p = take_word(p, end, false, &out, v)) == NULL)
			return -1;
		if (is_twice(t, q))
			return verdict_refuse(v, 400, TWICE);
	}
	return 0;
}

int
target_read(struct target *t, const char *p, size_t len, struct verdict *v)
{
	const char *end = p + len;
	char *out = t->text;

	t->nsegments = t->nparameters = 0;
	t->coded = 0;
	t->repeated = false;
	t->version = NULL;
	if (len > MUZZLE_TARGET_MAX)
		return verdict_refuse(v, 414, "the target is longer than %d "
		    "bytes", MUZZLE_TARGET_MAX);
	if ((p = take_path(t, p, end, &out, v)) == NULL ||
	    check_segments(t, v) == -1)
		return -1;
	take_version(t);
	return p < end ? take_query(t, p + 1, end, out, v) : 0;
}

/* --- writing it anew -------------------------------------------------- */

static char *
put_encoded(char *o, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		if (is_unreserved((unsigned char)*s))
			*o++ = *s;
		else {
			*o++ = '%';
			*o++ = digits[(unsigned char)*s >> 4];
			*o++ = digits[(unsigned char)*s & 15];
		}
	}
	return o;
}

/* Writes at most three bytes for each that came: v->target has room. */
void
target_write(const struct target *t, struct verdict *v)
{
	char *o = v->target;
	size_t i;

	if (t->version != NULL)
		o += sprintf(o, "/%s", t->version);
	for (i = 0; i < t->nsegments; i++)
		o += sprintf(o, "/%s", t->segments[i]);
	for (i = 0; i < t->nparameters; i++) {
		*o++ = i == 0 ? '?' : '&';
		o = put_encoded(o, t->parameters[i].name);
		*o++ = '=';
		o = put_encoded(o, t->parameters[i].value);
	}
	*o = '\0';
}
