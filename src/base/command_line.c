/* SPDX-License-Identifier: ISC */
/* See command_line.h. */
#include "config.h"

#include "orthrus/base/command_line.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/complete.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/near.h"
#include "orthrus/base/text.h"

#define LONG_BASE 256		/* what getopt_long() returns for row 0 */

enum reading { READ_ALL, READ_HELP, READ_WRONG };

static bool
has_value(const struct command_option *o)
{
	return o->flag == NULL && !o->bare;
}

/* The options as getopt_long() wants them; freed by the caller. */
static struct option *
command_long_options(const struct command_line *l)
{
	struct option *v = xcalloc(l->n + 2, sizeof(*v));
	size_t i, n = 0;

	for (i = 0; i < l->n; i++) {
		if (l->options[i].name == NULL)
			continue;
		v[n].name = l->options[i].name;
		v[n].has_arg = has_value(&l->options[i]) ?
		    required_argument : no_argument;
		v[n++].val = LONG_BASE + (int)i;
	}
	v[n] = (struct option){ "help", no_argument, NULL, 'h' };
	return v;
}

/* Their letters as getopt_long() wants them; freed by the caller. */
static char *
command_short_options(const struct command_line *l)
{
	char *s = xcalloc(2 * l->n + 3, 1), *end = s;
	size_t i;

	*end++ = ':';	/* tell a missing value from a wrong option */
	for (i = 0; i < l->n; i++) {
		if (l->options[i].letter == 0)
			continue;
		*end++ = (char)l->options[i].letter;
		if (has_value(&l->options[i]))
			*end++ = ':';
	}
	*end = 'h';
	return s;
}

static const struct command_option *
option_by_code(const struct command_line *l, int code)
{
	size_t i;

	if (code >= LONG_BASE)
		return &l->options[code - LONG_BASE];
	for (i = 0; l->options[i].letter != code; i++)
		;
	return &l->options[i];
}

static enum reading
take_command_option(const struct command_line *l,
    const struct command_option *o)
{
	struct error e;

	if (o->flag != NULL)
		*o->flag = true;
	else if (o->text != NULL)
		*o->text = optarg;
	else if (o->take(l->arg, optarg, &e) == -1) {
		if (o->name != NULL)
			fprintf(stderr, "%s: --%s: %s\n", l->command, o->name,
			    e.text);
		else
			fprintf(stderr, "%s: -%c: %s\n", l->command,
			    o->letter, e.text);
		return READ_WRONG;
	}
	return READ_ALL;
}

/* The option whose name is most like the word, or NULL. */
static const char *
nearest_option(const struct command_line *l, const char *word)
{
	struct near near = NEAR(word + strspn(word, "-"));
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->options[i].name != NULL)
			near_try(&near, l->options[i].name);
	near_try(&near, "help");
	return near.best;
}

/* Complains of the unknown option that word, up to a "=VALUE", is. */
static void
complain_unknown(const struct command_line *l, const char *word)
{
	char name[128], shown[256];
	const char *near;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	near = strlen(name) < 3 ? NULL : nearest_option(l, name);
	text_escape(shown, sizeof(shown), name, TEXT_PLAIN);
	if (near != NULL)
		fprintf(stderr, "%s: unknown option %s; did you mean --%s?\n",
		    l->command, shown, near);
	else
		fprintf(stderr, "%s: unknown option %s; --help lists them "
		    "all\n", l->command, shown);
}

/* Says why getopt_long(3) has returned ':' or '?' at this word. */
static void
complain(const struct command_line *l, int code, const char *word)
{
	char letter[3] = { '-', (char)optopt, '\0' };
	const char *name;

	if (code == '?' && optopt < LONG_BASE && optopt != 'h') {
		complain_unknown(l, optopt == 0 ? word : letter);
		return;
	}
	name = optopt < LONG_BASE ? letter : option_by_code(l, optopt)->name;
	fprintf(stderr, "%s: option %s%s %s\n", l->command,
	    optopt < LONG_BASE ? "" : "--", optopt == 'h' ? "--help" : name,
	    code == ':' ? "needs a value" : "takes no value");
}

static enum reading
read_command_options(const struct command_line *l, int argc, char **argv)
{
	struct option *longs = command_long_options(l);
	char *shorts = command_short_options(l);
	enum reading r = READ_ALL;
	int code;

	opterr = 0;
	optind = 0;	/* start anew */
	while (r == READ_ALL && (code = getopt_long(argc, argv, shorts, longs,
	    NULL)) != -1) {
		if (code == '?' || code == ':') {
			complain(l, code, argv[optind - 1]);
			r = READ_WRONG;
		} else if (code == 'h')
			r = READ_HELP;
		else
			r = take_command_option(l, option_by_code(l, code));
	}
	free(shorts);
	free(longs);
	return r;
}

static enum reading
check_rest(const struct command_line *l, char **arguments, int n)
{
	char shown[256];
	struct error e;

	if (n > (int)l->most) {
		text_escape(shown, sizeof(shown), arguments[l->most],
		    TEXT_PLAIN);
		fprintf(stderr, "%s: unexpected argument \"%s\"%s%s\n",
		    l->command, shown, l->hint == NULL ? "" : "; ",
		    l->hint == NULL ? "" : l->hint);
		return READ_WRONG;
	}
	if (l->check == NULL || l->check(l->arg, arguments, &e) == 0)
		return READ_ALL;
	fprintf(stderr, "%s: %s\n", l->command, e.text);
	return READ_WRONG;
}

/* LCOV_EXCL_START: tells of the table, and reads nothing that others wrote. */
static void
offer_command_options(const struct command_line *l)
{
	const struct command_option *o;

	for (o = l->options; o < l->options + l->n; o++)
		complete_option(o->name, o->letter, !has_value(o) ? NULL :
		    o->value != NULL ? o->value : "", NULL);
	if (l->argument != NULL)
		complete_argument(l->argument);
}
/* LCOV_EXCL_STOP */

bool
command_line_read(const struct command_line *l, int argc, char **argv,
    int *code)
{
	enum reading r;

	if (complete_asked(argc, argv)) {
		offer_command_options(l);
		*code = 0;
		return false;
	}
	r = read_command_options(l, argc, argv);
	if (r == READ_ALL)
		r = check_rest(l, argv + optind, argc - optind);
	if (r == READ_ALL)
		return true;
	l->usage(l->arg, r == READ_HELP ? stdout : stderr);
	*code = r == READ_HELP ? 0 : EX_USAGE;
	return false;
}

bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}
