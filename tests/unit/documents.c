/* SPDX-License-Identifier: ISC */
/* See documents.h. */
#include "documents.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 41		/* version of the API */
#define SHAPES_MAX 8192
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A line of docker_shapes.txt. */
struct shape {
	unsigned depth;
	char name[64];
	char kind;
	uint32_t versions;	/* a bit for each from FIRST on */
};

/* Where a string stands, as far as that makes it a secret. */
enum place {
	ANYWHERE, SECRET,	/* by its look; whatever it says */
	VARIABLES, OPTIONS, LOG, LOG_OPTIONS, PROXY, PROCESS, ARGUMENTS
};

static struct shape shapes[SHAPES_MAX];
static size_t nshapes;

/* --- shapes --------------------------------------------------------------- */

static uint32_t
read_versions(const char *text)
{
	unsigned from, to;
	uint32_t set = 0;
	int n;

	for (; sscanf(text, "%u-%u%n", &from, &to, &n) == 2;
	    text += n + (text[n] == ','))
		for (; from <= to; from++)
			set |= UINT32_C(1) << (from - FIRST);
	return set;
}

/* The shape that the one at i is a part of. */
static const struct shape *
parent_of(size_t i)
{
	size_t p = i;

	while (p > 0 && shapes[p].depth >= shapes[i].depth)
		p--;
	return &shapes[p];
}

static void
read_shape(const char *line)
{
	struct shape *s = &shapes[nshapes];
	char versions[64] = "";

	s->depth = (unsigned)strspn(line, "\t");
	if (line[0] == '#')
		return;
	if (nshapes == SHAPES_MAX || sscanf(line + s->depth, "%63s %c %63s",
	    s->name, &s->kind, versions) < 2)
		errx(1, "docker_shapes.txt: %s", line);
	s->versions = versions[0] != '\0' ? read_versions(versions) :
	    parent_of(nshapes)->versions;
	nshapes++;
}

static void
read_shapes(void)
{
	const char *top = getenv("top_srcdir");
	char path[4096], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/docker_shapes.txt",
	    top != NULL ? top : ".");
	if ((f = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f) != NULL)
		read_shape(line);
	fclose(f);
}

/* --- texts ---------------------------------------------------------------- */

static void put(struct document *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
put(struct document *d, const char *fmt, ...)
{
	char *more, *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&more, fmt, ap);
	va_end(ap);
	if (n == -1 ||
	    (text = realloc(d->text, d->len + (size_t)n + 1)) == NULL)
		err(1, "memory");
	memcpy(text + d->len, more, (size_t)n + 1);
	d->text = text;
	d->len += (size_t)n;
	free(more);
}

/* "BEFORE...AFTER", with a secret between. */
static void
put_secret(struct document *d, const char *before, const char *after)
{
	static const char *const secrets[] = { "\xd0\xb6\xd1\x89",
	    "\\u0436\\u0449", "\xd0\xb6 \xd1\x89", "\xd0\xb6\\\"\xd1\x89",
	    "\xd0\xb6\\n\xd1\x89", "\xd0\xb6=\xd1\x89", "\xd0\xb6\\/\\u0449" };
	/* In a URL there is no blank, and no quote. */
	size_t n = after[0] == '@' ? 2 : COUNT(secrets);

	put(d, "\"%s%s%s\"", before, secrets[d->secrets++ % n], after);
}

static void
put_look(struct document *d)
{
	static const struct { const char *before, *after; } looks[] = {
		{ "x://u:", "@h/p" }, { "git clone https://", "@h x" },
		{ "ENV A=", "" }, { "/bin/sh -c #(nop)  ARG B=", " C=d" },
		{ "RUN |1 A=", " /bin/sh -c x" },
		{ "exec_create: env A=", " sh" }, { "exec_start: A=", "" },
		{ "mount a:b, data: p=", ": no" }, { "ONBUILD ENV A ", "" },
		{ "a, b http\\u003a//u:", "@h#" }
	};
	size_t i = d->secrets % COUNT(looks);

	put_secret(d, looks[i].before, looks[i].after);
}

static void
put_string(struct document *d, enum place place)
{
	switch (place) {
	case ANYWHERE:
	case LOG:
	case LOG_OPTIONS:
	case PROCESS:
		put_look(d);
		break;
	case PROXY:
		put_secret(d, "u:", "@h:1");
		break;
	case VARIABLES:
	case ARGUMENTS:
		put_secret(d, "A=", "");
		break;
	default:
		put_secret(d, "", "");
	}
}

/* --- places --------------------------------------------------------------- */

static enum place
place_of_member(enum place place, const char *name)
{
	static const struct { const char *name; enum place place; } by[] = {
		{ "Env", VARIABLES }, { "Options", OPTIONS },
		{ "DriverOpts", OPTIONS }, { "HttpProxy", PROXY },
		{ "HttpsProxy", PROXY }, { "LogConfig", LOG },
		{ "ProcessConfig", PROCESS }
	};
	size_t i;

	if (place == SECRET || place == VARIABLES || place == ARGUMENTS)
		return SECRET;
	if (place == OPTIONS)
		return strncmp(name, "com.docker.network.", 19) == 0 ?
		    ANYWHERE : SECRET;
	if (place == LOG && strcmp(name, "Config") == 0)
		return LOG_OPTIONS;
	if (place == PROCESS && strcmp(name, "arguments") == 0)
		return ARGUMENTS;
	for (i = 0; i < COUNT(by); i++)
		if (strcmp(name, by[i].name) == 0)
			return by[i].place;
	return place == LOG ? LOG : ANYWHERE;
}

/* Maps have members that the API's description does not name. */
static void
put_members(struct document *d, enum place place)
{
	static const char *const options[] = { "o", "password", "key" };
	size_t i;

	if (place == LOG_OPTIONS) {
		put(d, "{\"splunk-token\":");
		put_secret(d, "", "");
		put(d, ",\"gelf-address\":");
		put_look(d);
		put(d, "}");
		return;
	}
	put(d, "{\"type\":\"nfs\",\"device\":");
	put_secret(d, "//u:", "@h/x");
	put(d, ",\"com.docker.network.bridge.name\":");
	put_look(d);
	for (i = 0; i < COUNT(options); i++) {
		put(d, ",\"%s\":", options[i]);
		put_secret(d, "", "");
	}
	put(d, "}");
}

/* --- documents ------------------------------------------------------------ */

static void put_shape(struct document *d, size_t i, uint32_t version,
    enum place place, unsigned many);

static void
put_object(struct document *d, size_t i, uint32_t version, enum place place,
    unsigned many)
{
	const char *separator = "";
	size_t k;

	put(d, "{");
	for (k = i + 1; k < nshapes && shapes[k].depth > shapes[i].depth; k++) {
		if (shapes[k].depth != shapes[i].depth + 1 ||
		    !(shapes[k].versions & version))
			continue;
		put(d, "%s\"%s\":", separator, shapes[k].name);
		put_shape(d, k, version,
		    place_of_member(place, shapes[k].name), many);
		separator = ",";
	}
	put(d, "}");
}

/* Of a list's items. */
static enum place
place_of_item(enum place place, const struct shape *item)
{
	switch (place) {
	case VARIABLES:
	case ARGUMENTS:
		return item->kind == 's' ? place : SECRET;
	case OPTIONS:
		return item->kind == 's' ? VARIABLES : SECRET;
	default:
		return place;
	}
}

/* Two of what is below, or one where there are many already. */
static void
put_some(struct document *d, size_t i, uint32_t version, enum place place,
    unsigned many)
{
	bool map = shapes[i].kind == '*';
	size_t n = many < 2 ? 2 : 1, k;

	while (++i < nshapes && !(shapes[i].versions & version))
		continue;
	place = map ? place_of_member(place, "") :
	    place_of_item(place, &shapes[i]);
	put(d, map ? "{" : "[");
	for (k = 0; k < n; k++) {
		put(d, "%s", k > 0 ? ",\n" : "");
		if (map)
			put(d, "\"member%zu\": ", k);
		put_shape(d, i, version, place, many + 1);
	}
	put(d, map ? "}" : "]");
}

static void
put_shape(struct document *d, size_t i, uint32_t version, enum place place,
    unsigned many)
{
	switch (shapes[i].kind) {
	case 's':
		put_string(d, place);
		break;
	case 'n':
		put(d, "%u", d->secrets);
		break;
	case 'b':
		put(d, d->secrets % 2 == 0 ? "true" : "false");
		break;
	case '{':
		put_object(d, i, version, place, many);
		break;
	default:
		if (shapes[i].kind == '*' &&
		    (place == OPTIONS || place == LOG_OPTIONS))
			put_members(d, place);
		else
			put_some(d, i, version, place, many);
	}
}

bool
document_make(size_t i, unsigned seed, struct document *d)
{
	size_t k;
	unsigned v;

	if (nshapes == 0)
		read_shapes();
	memset(d, 0, sizeof(*d));
	for (k = 0; k < nshapes; k++)
		for (v = 0; shapes[k].depth == 0 && v < 32; v++)
			if ((shapes[k].versions & UINT32_C(1) << v) &&
			    i-- == 0) {
				snprintf(d->name, sizeof(d->name), "1.%u %s",
				    FIRST + v, shapes[k].name);
				d->secrets = seed;
				put_shape(d, k, UINT32_C(1) << v, ANYWHERE, 0);
				d->secrets -= seed;
				return true;
			}
	return false;
}

void
document_free(struct document *d)
{
	free(d->text);
}

/* --- what comes out ------------------------------------------------------- */

bool
document_tells(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] >= 0x80 || (p[i] == '\\' && i + 3 < n &&
		    memcmp(p + i, "\\u04", 4) == 0))
			return true;
	return false;
}

/* Where the string ends that begins at p. */
static size_t
behind_string(const uint8_t *p, size_t i, size_t n)
{
	for (i++; i < n && p[i] != '"'; i++)
		i += p[i] == '\\';
	return i + 1;
}

char *
document_bones(const uint8_t *p, size_t n)
{
	char *bones = calloc(n + 1, 1);
	size_t i = 0, len = 0;

	if (bones == NULL)
		err(1, "memory");
	while (i < n) {
		bones[len++] = (char)p[i];
		if (p[i] == '"')
			i = behind_string(p, i, n);
		else if (p[i] >= '0' && p[i] <= '9') {
			bones[len - 1] = '0';
			while (i < n && p[i] >= '0' && p[i] <= '9')
				i++;
		} else
			i++;
	}
	return bones;
}
