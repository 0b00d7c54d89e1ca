/* SPDX-License-Identifier: ISC */
/* The command line, by getopt_long(3), less forgiving about abbreviations. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

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
	const struct foreign_option *o;
	size_t n = 0, len;
	char *s;
	FILE *f = open_memstream(&s, &len);

	/*
	 * Words that are no options come in their order, as if of a letter 1;
	 * and a missing argument is told from a wrong option.
	 */
	fputs("-:", f);
	for (n = 0; n < p->n; n++) {
		if (p->rows[n].letter > KEYWORD_ARGUMENT)
			fprintf(f, "%c%s", p->rows[n].letter,
			    p->rows[n].arg != NULL ? ":" : "");
	}
	for (o = p->foreign; o != NULL && o->letter != 0; o++)
		fprintf(f, "%c%s", o->letter, o->value ? ":" : "");
	fclose(f);
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

static const struct foreign_option *
foreign_by_code(const struct program *p, int code)
{
	const struct foreign_option *o;

	for (o = p->foreign; o != NULL && o->letter != 0; o++) {
		if (o->letter == code)
			return o;
	}
	return NULL;
}

/* The long option that is most like the word, whatever dashes it has. */
static const char *
nearest_option(const struct program *p, const char *word)
{
	struct near near = NEAR(word + strspn(word, "-"));
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->rows[i].option != NULL)
			near_try(&near, p->rows[i].option);
	}
	near_try(&near, "help");
	return near.best;
}

/*
 * Reports the unknown option that text, up to a "=VALUE", is.  It may have been
 * meant for any other, so that what is missing is not asked for.
 */
static void
fail_unknown(struct loader *l, const char *text)
{
	size_t len = strcspn(text, "=");
	char *word = xasprintf("%.*s", (int)len, text);
	const char *near = len < 3 ? NULL : nearest_option(l->c->program,
	    word);
	struct error e;

	l->unclear = true;
	if (near != NULL)
		error_set(&e, EX_USAGE, "unknown option %s; did you mean "
		    "--%s?", word, near);
	else
		error_set(&e, EX_USAGE, "unknown option %s; --help lists "
		    "them all", word);
	loader_fail(l, FROM_OPTION, 0, e.text);
	free(word);
}

static void
fail_foreign(struct loader *l, const struct foreign_option *o,
    const char *value)
{
	struct error e;

	l->unclear = true;
	ssh_option_instead(o, value, &e);
	loader_fail(l, FROM_OPTION, 0, e.text);
}

/* True of "-server": a long option with one dash. */
static bool
is_long_by_mistake(const struct program *p, const char *text)
{
	size_t i, len = text == NULL ? 0 : strcspn(text, "=");

	for (i = 0; i < p->n && len > 2 && text[0] == '-' && text[1] != '-';
	    i++) {
		if (p->rows[i].option != NULL &&
		    strlen(p->rows[i].option) == len - 1 &&
		    strncmp(p->rows[i].option, text + 1, len - 1) == 0)
			return true;
	}
	return false;
}

/*
 * True when the letter that getopt_long() has stumbled over is of such a word,
 * which is told once.
 */
static bool
fail_one_dash(struct loader *l, char **argv)
{
	const struct program *p = l->c->program;
	char *word = is_long_by_mistake(p, argv[optind]) ? argv[optind] :
	    argv[optind - 1];

	if (!is_long_by_mistake(p, word))
		return false;
	if (word != l->one_dash)
		fail_unknown(l, word);
	l->one_dash = word;
	return true;
}

/* Reports why getopt_long() has returned ':' or '?' for text. */
static void
fail_option(struct loader *l, int code, const char *text)
{
	const struct keyword *kw = keyword_by_code(l->c->program, optopt);
	char letter[3] = { '-', (char)optopt, '\0' };
	struct error e;

	if (kw == NULL && foreign_by_code(l->c->program, optopt) != NULL) {
		fail_foreign(l, foreign_by_code(l->c->program, optopt), "");
		return;
	}
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
	sodium_memzero(optarg, strlen(optarg));
	*word = optarg == *word ? TAKEN : taken;
}

/*
 * True of a second SOCKS5 server, which is told: ssh(1) would listen on both,
 * and here one would be lost unseen.  "off" takes one back.
 */
static bool
fail_second_socks5(struct loader *l, const struct keyword *kw)
{
	const struct setting *first;
	struct address a, b;
	struct error e;

	if (strcmp(kw->option != NULL ? kw->option : "", "socks5") != 0 ||
	    (first = setting_find(l->c, kw->section, kw->key)) == NULL ||
	    strcmp(first->value, "off") == 0 || strcmp(optarg, "off") == 0 ||
	    address_parse(first->value, false, &a, NULL) == -1 ||
	    address_parse(optarg, false, &b, NULL) == -1 ||
	    address_equal(&a, &b))
		return false;
	error_set(&e, EX_USAGE, "option -D %s: there is one SOCKS5 server, and "
	    "it is on %s already; give one -D", optarg, first->value);
	loader_fail(l, FROM_OPTION, 0, e.text);
	return true;
}

static void
take_keyword_option(struct loader *l, const struct keyword *kw, char **word)
{
	if (optarg == TAKEN || fail_second_socks5(l, kw))
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
 * forgot the option.  The address of a server has none.
 */
static const char *
without_secret(const char *argument)
{
	struct server server;

	if (strncmp(argument, AUTH_KEY_PREFIX, strlen(AUTH_KEY_PREFIX)) == 0)
		return AUTH_KEY_PREFIX "***";
	return strstr(argument, "://") != NULL && strchr(argument, '@') !=
	    NULL && server_parse(argument, &server, NULL) == -1 ? "***" :
	    argument;
}

/*
 * A word that is no option: what the row of KEYWORD_ARGUMENT stands for, if
 * there is one.
 */
static void
take_argument(struct loader *l, const char *word)
{
	const struct keyword *kw = keyword_by_code(l->c->program,
	    KEYWORD_ARGUMENT);
	const char *shown = without_secret(word);
	struct error e;

	l->unclear |= kw != NULL;	/* it may have been the server */
	if (kw != NULL && (word[0] == '/' || word[0] == '~')) {
		error_set(&e, EX_USAGE, "unexpected argument \"%s\"; a socket "
		    "of --docker stands behind a '=': --docker=%s", word, word);
		loader_fail(l, FROM_OPTION, 0, e.text);
		return;
	}
	if (kw != NULL && shown == word && !l->argued) {
		l->argued = true;
		loader_take(l, kw, FROM_OPTION, 0, NULL, word);
		return;
	}
	if (kw != NULL && shown == word)
		error_set(&e, EX_USAGE, "unexpected argument \"%s\": no command "
		    "is run at the server, and one server is given so; "
		    "--server gives another", word);
	else
		error_set(&e, EX_USAGE, "unexpected argument \"%s\"; options "
		    "begin with -", shown);
	loader_fail(l, FROM_OPTION, 0, e.text);
}

/*
 * A word without an option is the one server, where no option gives any: it is
 * too easily something that was left over.
 */
static void
check_argument(struct loader *l)
{
	const struct setting *argument = NULL, *s;
	bool given = false;
	struct error e;
	size_t i;

	for (i = 0; l->argued && i < l->c->nsettings; i++) {
		s = &l->c->settings[i];
		if (s->from->letter == KEYWORD_ARGUMENT)
			argument = s;
		else if (strcmp(s->kw->key, "address") == 0)
			given = true;
	}
	if (argument == NULL || !given)
		return;
	error_set(&e, EX_USAGE, "unexpected argument: %s would be a server, "
	    "and --server gives one; write --server for each",
	    argument->value);
	loader_fail(l, FROM_OPTION, 0, e.text);
}

static void
take_code(struct loader *l, int code, const char *text, char **argv)
{
	const struct program *p = l->c->program;
	const struct keyword *kw = keyword_by_code(p, code);
	const struct foreign_option *foreign = foreign_by_code(p, code);

	if (code == KEYWORD_ARGUMENT)
		take_argument(l, optarg);
	else if (kw == NULL && fail_one_dash(l, argv))
		return;
	else if (code == '?' || code == ':')
		fail_option(l, code, text);
	else if (kw != NULL && code >= LONG_BASE &&
	    is_abbreviated(kw, text))
		fail_unknown(l, text);
	else if (kw != NULL)
		take_keyword_option(l, kw, &argv[optind - 1]);
	else if (foreign->instead != NULL || foreign->value)
		fail_foreign(l, foreign, optarg);
}

void
load_options(struct loader *l, int argc, char **argv)
{
	struct option *longs = keyword_long_options(l->c->program);
	char *shorts = keyword_short_options(l->c->program);
	const char *text;
	int code, i;

	opterr = 0;
	optind = 0;	/* start anew, for this is called at SIGHUP too */
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		text = argv[optind - 1];
		if (code != '?' && code != ':' && optarg == text)
			text = argv[optind - 2];
		take_code(l, code, text, argv);
	}
	for (i = optind; i < argc; i++)
		take_argument(l, argv[i]);
	check_argument(l);
	free(shorts);
	free(longs);
}
