/* SPDX-License-Identifier: ISC */
/* See redact.h: a walk through the document that masks strings in place. */
#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "orthrus/base/mem.h"
#include "orthrus/muzzle/names.h"
#include "orthrus/muzzle/redact.h"

#define MASK "***"
#define BLANK " \t\r\n"

/* Keeps the first keep bytes of a string, and what begins at tail. */
static void
mask(json_t *s, size_t keep, const char *tail)
{
	char *text = xasprintf("%.*s" MASK "%s", (int)keep,
	    json_string_value(s), tail);

	/* Only for want of memory; the secret must not go out then. */
	if (json_string_set_nocheck(s, text) == -1)
		abort();
	free(text);
}

/* Every string below, and every number, which could be a PIN. */
static void
mask_all(json_t *v)
{
	const char *name;
	json_t *item;
	size_t i;

	if (json_is_string(v))
		mask(v, 0, "");
	else if (json_is_integer(v))
		json_integer_set(v, 0);
	else if (json_is_real(v))
		json_real_set(v, 0);
	json_array_foreach(v, i, item)
		mask_all(item);
	json_object_foreach(v, name, item)
		mask_all(item);
}

/* --- by name ---------------------------------------------------------- */

/* Names of variables that are not masked, for the document at hand. */
static const char *revealed;

/* "NAME=value" */
static void
mask_assignment(json_t *v)
{
	const char *text = json_string_value(v), *equals;

	if (text == NULL)
		mask_all(v);
	else if ((equals = strchr(text, '=')) != NULL)
		mask(v, (size_t)(equals + 1 - text), "");
}

static void
mask_assignments(json_t *v)
{
	json_t *item;
	size_t i;

	if (!json_is_array(v))
		mask_assignment(v);
	json_array_foreach(v, i, item)
		mask_assignment(item);
}

/* The same of variables, whose owner may have revealed some. */
static void
mask_variables(json_t *v)
{
	const char *text;
	json_t *item;
	size_t i;

	if (!json_is_array(v))
		mask_assignment(v);
	json_array_foreach(v, i, item) {
		text = json_string_value(item);
		if (text == NULL || !names_have(revealed, text,
		    strcspn(text, "=")))
			mask_assignment(item);
	}
}

static void
mask_options(json_t *v)
{
	const char *name;
	json_t *item;

	if (json_is_array(v))		/* podman: "nosuid", "uid=0" */
		mask_assignments(v);
	else if (!json_is_object(v))
		mask_all(v);
	json_object_foreach(v, name, item)
		if ((strcmp(name, "type") != 0 &&
		    strcmp(name, "device") != 0) || !json_is_string(item) ||
		    strpbrk(json_string_value(item), "@,=") != NULL)
			mask_all(item);
}

/* Such as "splunk-token". */
static void
mask_log_config(json_t *v)
{
	static const char *const secret[] = { "token", "url", "key", "pass",
	    "secret", "credential" };
	const char *name;
	json_t *item;
	size_t i;

	json_object_foreach(json_object_get(v, "Config"), name, item)
		for (i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
			if (strcasestr(name, secret[i]) != NULL)
				mask_all(item);
}

/* "scheme://USER:PASSWORD@host" */
static void
mask_userinfo(json_t *v)
{
	const char *text = json_string_value(v), *at, *from;

	if (text == NULL || (at = strrchr(text, '@')) == NULL)
		return;
	from = strstr(text, "://");
	from = from == NULL || from > at ? text : from + 3;
	/* Docker's engine has done it already, as "xxxxx:xxxxx". */
	if (from + strspn(from, "x:") != at)
		mask(v, (size_t)(from - text), at);
}

static void
mask_member(const char *name, json_t *v)
{
	static const struct {
		const char *name;
		void (*mask)(json_t *);
	} members[] = {
		{ "Env", mask_variables },
		{ "CreateCommand", mask_assignments },
		{ "Options", mask_options },
		{ "DriverOpts", mask_options },
		{ "HttpProxy", mask_userinfo },
		{ "HttpsProxy", mask_userinfo },
		{ "LogConfig", mask_log_config }
	};
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(name, members[i].name) == 0)
			members[i].mask(v);
}

/* --- by look ---------------------------------------------------------- */

/* Where p goes on after a word and blanks, or NULL. */
static const char *
behind(const char *p, const char *word)
{
	size_t n = strlen(word), blank;

	if (strncasecmp(p, word, n) != 0 ||
	    (blank = strspn(p + n, BLANK)) == 0)
		return NULL;
	return p + n + blank;
}

/* At p is "|N NAME=value ... /bin/sh -c command". */
static void
mask_build_args(json_t *s, const char *p)
{
	static const char shell[] = " /bin/sh -c ";
	const char *equals = strchr(p, '='), *tail = "", *found;

	if (equals == NULL)
		return;
	/* The last one: a value may look like a command, too. */
	for (found = equals; (found = strstr(found, shell)) != NULL; found++)
		tail = found;
	mask(s, (size_t)(equals + 1 - json_string_value(s)), tail);
}

/* What a Dockerfile's instruction at p lays open; false when it is none. */
static bool
mask_instruction(json_t *s, const char *p)
{
	const char *next;

	p += strspn(p, BLANK "'\"");	/* "Command" has quotes around it */
	while ((next = behind(p, "ONBUILD")) != NULL ||
	    (next = behind(p, "RUN")) != NULL)
		p = next;
	if ((next = behind(p, "ENV")) != NULL ||
	    (next = behind(p, "ARG")) != NULL) {
		next += strcspn(next, "=" BLANK);
		if (*next != '\0')
			mask(s, (size_t)(next + 1 - json_string_value(s)), "");
		return true;
	}
	if (p[0] != '|' || !isdigit((unsigned char)p[1]))
		return false;
	mask_build_args(s, p);
	return true;
}

/* The first instruction in a string, alone or behind "#(nop)". */
static void
mask_instructions(json_t *s)
{
	static const char nop[] = "#(nop)";
	const char *p = json_string_value(s);

	while (!mask_instruction(s, p) && (p = strstr(p, nop)) != NULL)
		p += strlen(nop);
}

/* "mount SOURCE:TARGET, data: OPTIONS: reason", as moby says it. */
static bool
mask_mount_error(json_t *s)
{
	static const char data[] = ", data: ";
	const char *text = json_string_value(s), *p, *tail = "", *found;

	if ((p = strstr(text, "mount ")) == NULL ||
	    (p = strstr(p, data)) == NULL)
		return false;
	p += strlen(data);
	for (found = p; (found = strstr(found, ": ")) != NULL; found++)
		tail = found;
	mask(s, (size_t)(p - text), tail);
	return true;
}

static void
mask_look(json_t *s)
{
	mask_instructions(s);
	if (mask_mount_error(s))
		mask_instructions(s);	/* of what is left */
}

/* ["|N", "NAME=value", ..., "/bin/sh", "-c", "command"] */
static void
mask_list(json_t *list)
{
	const char *first = json_string_value(json_array_get(list, 0));
	unsigned long i, n;

	if (first == NULL || first[0] != '|' ||
	    !isdigit((unsigned char)first[1]))
		return;
	n = strtoul(first + 1, NULL, 10);
	for (i = 1; i <= n && i < json_array_size(list); i++)
		mask_assignment(json_array_get(list, i));
}

/* No deeper than jansson itself went when it read the document. */
static void
walk(json_t *v)
{
	const char *name;
	json_t *item;
	size_t i;

	if (json_is_string(v))
		mask_look(v);
	if (json_is_array(v))
		mask_list(v);
	json_array_foreach(v, i, item)
		walk(item);
	json_object_foreach(v, name, item) {
		mask_member(name, item);
		walk(item);
	}
}

char *
redact_json(const uint8_t *p, size_t n, const char *reveal, size_t *len)
{
	json_t *document;
	char *out;

	if (n > REDACT_MAX)
		return NULL;
	document = json_loadb((const char *)p, n,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (document == NULL)
		return NULL;
	revealed = reveal;
	walk(document);
	revealed = NULL;
	out = json_dumps(document, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(document);
	if (out != NULL)
		*len = strlen(out);
	return out;
}
