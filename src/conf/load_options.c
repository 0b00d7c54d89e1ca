/* SPDX-License-Identifier: ISC */
/* The command line, by getopt_long(3), less forgiving about abbreviations. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/auth_key.h"

#define LONG_BASE 256		/* what getopt_long() returns for row 0 */

/* What getopt_long() wants to know; freed by the caller. */
static struct option *
keyword_long_options(const struct program *p)
{
	struct option *v = xcalloc(p->n + 1, sizeof(*v));
	size_t i, n = 0;

	for (i = 0; i < p->n; i++) {
		if (p->rows[i].option == NULL)
			continue;
		v[n].name = p->rows[i].option;
		v[n].has_arg = p->rows[i].arg == NULL ? no_argument :
		    p->rows[i].flags & KW_OPTIONAL ? optional_argument :
		    required_argument;
		v[n++].val = LONG_BASE + (int)i;
	}
	return v;
}

static char *
keyword_short_options(const struct program *p)
{
	char *s = xcalloc(2 * p->n + 2, 1), *end = s;
	size_t i;

	*end++ = ':';	/* tell a missing argument from a wrong option */
	for (i = 0; i < p->n; i++) {
		if (p->rows[i].letter == 0)
			continue;
		*end++ = (char)p->rows[i].letter;
		if (p->rows[i].arg != NULL)
			*end++ = ':';
	}
	return s;
}

/*
 * The row for what getopt_long() has returned, or left in optopt; NULL if
 * unknown.
 */
static const struct keyword *
keyword_by_code(const struct program *p, int code)
{
	size_t i;

	if (code >= LONG_BASE && (size_t)(code - LONG_BASE) < p->n)
		return &p->rows[code - LONG_BASE];
	for (i = 0; i < p->n; i++) {
		if (code > 0 && p->rows[i].letter == code)
			return &p->rows[i];
	}
	return NULL;
}

/* Reports the unknown option that text, up to a "=VALUE", is. */
static void
fail_unknown(struct loader *l, const char *text)
{
	const struct program *p = l->c->program;
	size_t i, len = strcspn(text, "=");
	char *word = xasprintf("%.*s", (int)len, text);
	struct near near = NEAR(word + 2);
	struct error e;

	for (i = 0; i < p->n && strncmp(word, "--", 2) == 0; i++) {
		if (p->rows[i].option != NULL)
			near_try(&near, p->rows[i].option);
	}
	if (near.best != NULL)
		error_set(&e, EX_USAGE, "unknown option %s; did you mean "
		    "--%s?", word, near.best);
	else
		error_set(&e, EX_USAGE, "unknown option %s; --help lists "
		    "them all", word);
	loader_fail(l, FROM_OPTION, 0, e.text);
	free(word);
}

/* Reports why getopt_long() has returned ':' or '?' for text. */
static void
fail_option(struct loader *l, int code, const char *text)
{
	const struct keyword *kw = keyword_by_code(l->c->program, optopt);
	char letter[3] = { '-', (char)optopt, '\0' };
	struct error e;

	if (kw == NULL) {	/* optopt is 0 for long ones only */
		fail_unknown(l, optopt == 0 ? text : letter);
		return;
	}
	if (code == ':')	/* so that nothing else asks for it */
		l->given[kw - l->c->program->rows] = true;
	if (optopt >= LONG_BASE)
		error_set(&e, EX_USAGE, code == ':' ?
		    "option --%s needs a value: --%s %s" :
		    "option --%s takes no value", kw->option, kw->option,
		    kw->arg);
	else
		error_set(&e, EX_USAGE, "option %s needs a value: %s %s",
		    letter, letter, kw->arg);
	loader_fail(l, FROM_OPTION, 0, e.text);
}

/*
 * An abbreviation that is unique today may be ambiguous in the next version,
 * so only the full name is taken.
 */
static bool
is_abbreviated(const struct keyword *kw, const char *text)
{
	size_t len = strlen(kw->option);

	return strncmp(text + 2, kw->option, len) != 0 ||
	    (text[2 + len] != '\0' && text[2 + len] != '=');
}

/*
 * A secret among the arguments is seen by everybody who runs ps(1), so it is
 * taken out at once.  What stands there instead tells a reload, which reads
 * the same arguments, that it was there.
 */
static char taken[] = "--auth-key=";
#define TAKEN (taken + sizeof(taken) - 1)

static void
take_out_secret(char **word)
{
	explicit_bzero(optarg, strlen(optarg));
	*word = optarg == *word ? TAKEN : taken;
}

static void
take_keyword_option(struct loader *l, const struct keyword *kw, char **word)
{
	if (optarg == TAKEN)
		return;
	loader_take(l, kw, FROM_OPTION, 0, NULL, optarg != NULL ? optarg :
	    kw->fixed);
	if ((kw->flags & KW_SECRET) && optarg != NULL)
		take_out_secret(word);
	else if ((kw->flags & KW_PASSWORD) && optarg != NULL)
		hide_in_argument(word, optarg);
}

/*
 * Hides an AUTH_KEY, and a URL with a password, in front of which somebody
 * forgot the option.
 */
static const char *
without_secret(const char *argument)
{
	if (strncmp(argument, AUTH_KEY_PREFIX, strlen(AUTH_KEY_PREFIX)) == 0)
		return AUTH_KEY_PREFIX "***";
	return strstr(argument, "://") != NULL && strchr(argument, '@') !=
	    NULL ? "***" : argument;
}

void
load_options(struct loader *l, int argc, char **argv)
{
	struct option *longs = keyword_long_options(l->c->program);
	char *shorts = keyword_short_options(l->c->program);
	const struct keyword *kw;
	const char *text;
	struct error e;
	int code, i;

	opterr = 0;
	optind = 0;	/* start anew, for this is called at SIGHUP too */
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		text = argv[optind - 1];
		if (code == '?' || code == ':') {
			fail_option(l, code, text);
			continue;
		}
		if (optarg == text)
			text = argv[optind - 2];
		kw = keyword_by_code(l->c->program, code);
		if (code >= LONG_BASE && is_abbreviated(kw, text))
			fail_unknown(l, text);
		else
			take_keyword_option(l, kw, &argv[optind - 1]);
	}
	for (i = optind; i < argc; i++) {
		error_set(&e, EX_USAGE, "unexpected argument \"%s\"; options "
		    "begin with -", without_secret(argv[i]));
		loader_fail(l, FROM_OPTION, 0, e.text);
	}
	free(shorts);
	free(longs);
}
