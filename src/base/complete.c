/* SPDX-License-Identifier: ISC */
/* See complete.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/command.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/mem.h"

static char asked[] = "--complete";	/* argv[1] of a command that is asked */

/* What the command that was asked has offered. */
static struct offer {
	char *word;		/* with its dashes; NULL: an argument */
	char *value, *help;	/* or NULL */
} *offers;
static size_t noffers;

static void
add_offer(char *word, const char *value, const char *help)
{
	offers = xreallocarray(offers, noffers + 1, sizeof(*offers));
	offers[noffers++] = (struct offer){ word, value == NULL ? NULL :
	    xstrdup(value), help == NULL ? NULL : xstrdup(help) };
}

static void
forget_offers(void)
{
	while (noffers > 0) {
		noffers--;
		free(offers[noffers].word);
		free(offers[noffers].value);
		free(offers[noffers].help);
	}
	free(offers);
	offers = NULL;
}

bool
complete_asked(int argc, char **argv)
{
	return argc == 2 && argv[1] == asked;
}

void
complete_command(const char *word, const char *help)
{
	add_offer(xstrdup(word), NULL, help);
}

void
complete_option(const char *name, int letter, const char *value,
    const char *help)
{
	if (name != NULL)
		add_offer(xasprintf("--%s", name), value, help);
	if (letter > ' ')
		add_offer(xasprintf("-%c", letter), value, help);
}

void
complete_argument(const char *value)
{
	add_offer(NULL, value, NULL);
}

/* --- what is printed ---------------------------------------------- */

static void
print_word(const char *before, const char *word, const char *help)
{
	printf("%s%s%s%s\n", before, word, help == NULL ? "" : "\t",
	    help == NULL ? "" : help);
}

static const char *names_before;

static void
print_name(const char *name)
{
	print_word(names_before, name, NULL);
}

/* before is "--option=" where that stands in the same word. */
static void
print_value(const struct command_table *t, const char *before,
    const char *value)
{
	char *copy, *rest, *word;

	value += value[0] == '=';
	copy = rest = xstrdup(value);
	if (strncmp(value, "FILE", 4) == 0 || strncmp(value, "SOCKET", 6) == 0 ||
	    strchr(value, '/') != NULL)
		print_word("", ":files", NULL);
	else if (strcmp(value, "AGENT") == 0 && t->names != NULL) {
		names_before = before;
		t->names(print_name);
	}
	while (strchr(value, '|') != NULL &&
	    (word = strsep(&rest, "|")) != NULL)
		if (islower((unsigned char)word[0]))
			print_word(before, word, NULL);
	free(copy);
}

static const struct offer *
find_offer(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < noffers; i++)
		if (offers[i].word != NULL &&
		    strlen(offers[i].word) == len &&
		    strncmp(offers[i].word, word, len) == 0)
			return &offers[i];
	return NULL;
}

/* The options for a word that begins with '-', else all others. */
static void
print_offers(const struct command_table *t, const char *last)
{
	size_t i;

	for (i = 0; i < noffers; i++) {
		if (offers[i].word == NULL && last[0] != '-')
			print_value(t, "", offers[i].value);
		else if (offers[i].word != NULL &&
		    (offers[i].word[0] == '-') == (last[0] == '-'))
			print_word("", offers[i].word, offers[i].help);
	}
	if (last[0] == '-')
		print_word("", "--help", NULL);
}

/* --- the command line --------------------------------------------- */

/* Has the command of n words offer what it takes: false when there is none. */
static bool
ask_command(const struct command_table *t, char **words, int n)
{
	char *argv[] = { words[0], n > 1 ? words[1] : asked, asked, NULL };
	size_t i;

	forget_offers();
	for (i = 0; i < t->n; i++) {
		if (strcmp(words[0], t->rows[i].name) == 0) {
			t->rows[i].run(n > 1 ? 3 : 2, argv);
			return noffers > 0;
		}
	}
	return false;
}

/* True when the command has commands of its own: they have no dashes. */
static bool
is_group(void)
{
	return noffers > 0 && offers[0].word != NULL &&
	    offers[0].word[0] != '-';
}

static void
complete_program(const struct command_table *t, const char *last)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		print_word("", t->rows[i].name, t->rows[i].help);
	print_word("", "help", "what a command takes");
	if (last[0] == '-') {
		print_word("", "--help", NULL);
		print_word("", "--version", NULL);
	}
}

/*
 * The last word, behind n - 1 others; bash makes three words of "--option=x",
 * other shells one.
 */
static void
complete_last(const struct command_table *t, char **words, int n)
{
	const char *last = words[n - 1], *option = n > 1 ? words[n - 2] : "";
	size_t len = strcspn(last, "=");
	const struct offer *o;
	char *before;

	if (strcmp(last, "=") == 0)
		last = "";
	else if (n > 2 && strcmp(option, "=") == 0)
		option = words[n - 3];
	if (last[0] == '-' && last[len] == '=' &&
	    (o = find_offer(last, len)) != NULL && o->value != NULL) {
		before = xasprintf("%.*s", (int)len + 1, last);
		print_value(t, before, o->value);
		free(before);
		return;
	}
	o = find_offer(option, strlen(option));
	if (o != NULL && o->value != NULL && option[0] == '-' &&
	    (o->value[0] != '=' || option != words[n - 2]))
		print_value(t, "", o->value);
	else
		print_offers(t, last);
}

int
complete_run(const struct command_table *t, int argc, char **argv)
{
	char empty[] = "", *none[] = { empty, NULL };

	if (argc == 0) {
		argc = 1;
		argv = none;
	}
	if (argc > 1 && strcmp(argv[0], "help") == 0) {
		argc--;
		argv++;
	}
	if (argc == 1)
		complete_program(t, argv[0]);
	else if (ask_command(t, argv, 1)) {
		if (argc > 2 && is_group()) {
			if (ask_command(t, argv, 2))
				complete_last(t, argv, argc);
		} else
			complete_last(t, argv, argc);
	}
	forget_offers();
	return 0;
}
