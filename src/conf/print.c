/* SPDX-License-Identifier: ISC */
/* The configuration and the options, for people. */
#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/complete.h"

const char *
option_text(const struct keyword *kw, char text[OPTION_TEXT_MAX])
{
	if (kw->option != NULL)
		snprintf(text, OPTION_TEXT_MAX, "option --%s", kw->option);
	else if (kw->letter == KEYWORD_ARGUMENT)
		snprintf(text, OPTION_TEXT_MAX, "argument");
	else
		snprintf(text, OPTION_TEXT_MAX, "option -%c", kw->letter);
	return text;
}

const char *
origin_text(const struct config_head *c, const struct setting *s,
    char text[ORIGIN_TEXT_MAX])
{
	if (s->origin == FROM_ENVIRONMENT)
		snprintf(text, ORIGIN_TEXT_MAX, "environment %s", s->from->env);
	else if (s->origin == FROM_FILE)
		snprintf(text, ORIGIN_TEXT_MAX, "%s:%u", c->file, s->line);
	else if (s->origin == FROM_SSH_CONFIG)
		snprintf(text, ORIGIN_TEXT_MAX, "%s:%u", s->file, s->line);
	else if (s->origin == FROM_DEFAULT)
		snprintf(text, ORIGIN_TEXT_MAX, "default");
	else
		return option_text(s->from, text);
	return text;
}

static void
print_key(const struct keyword *kw, const char *label, FILE *f)
{
	if (kw->section == NULL)
		fprintf(f, "%s = ", kw->key);
	else if (label == NULL)
		fprintf(f, "%s.%s = ", kw->section, kw->key);
	else
		fprintf(f, "%s %s.%s = ", kw->section, label, kw->key);
}

/*
 * A secret's setting has only "***" for its text, and passwords are in files.
 */
static size_t
print_settings(const struct config_head *c, const struct keyword *kw,
    FILE *f)
{
	char origin[ORIGIN_TEXT_MAX];
	const struct setting *s;
	size_t i, n = 0;

	for (i = 0; i < c->nsettings; i++) {
		s = &c->settings[i];
		if (s->kw != kw)
			continue;
		print_key(kw, s->label, f);
		fprintf(f, "%s  # %s%s%s\n", s->value,
		    origin_text(c, s, origin), s->note == NULL ? "" : ", ",
		    s->note == NULL ? "" : s->note);
		n++;
	}
	return n;
}

void
head_print(const struct config_head *c, FILE *f)
{
	const struct program *p = c->program;
	const struct keyword *kw;

	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (keyword_first(p, kw) == kw &&
		    print_settings(c, kw, f) == 0 && !(kw->flags & KW_NAMED)) {
			print_key(kw, NULL, f);
			fprintf(f, "none  # default\n");
		}
	}
}

void
head_blame(const struct config_head *c, const char *section, const char *key,
    struct error *e)
{
	const struct setting *s = setting_find(c, section, key);
	char origin[ORIGIN_TEXT_MAX];

	if (s == NULL || s->origin == FROM_DEFAULT)
		error_prefix(e, "%s", key);
	else if (s->origin == FROM_FILE || s->origin == FROM_SSH_CONFIG)
		error_prefix(e, "%s: %s", origin_text(c, s, origin), key);
	else
		error_prefix(e, "%s", origin_text(c, s, origin));
}

/* A value that may be left out stands behind a '=' of the long option only. */
static void
complete_keyword(const struct keyword *kw)
{
	const char *value = kw->values != NULL ? kw->values : kw->arg;
	char behind[64];

	if (!(kw->flags & KW_OPTIONAL)) {
		complete_option(kw->option, kw->letter, value, kw->help);
		return;
	}
	snprintf(behind, sizeof(behind), "=%s", value);
	complete_option(kw->option, 0, behind, kw->help);
	complete_option(NULL, kw->letter, value, kw->help);
}

void
head_complete(const struct program *p)
{
	const struct keyword *kw;

	for (kw = p->rows; kw < p->rows + p->n; kw++)
		if (kw->help != NULL)
			complete_keyword(kw);
}

#define OPTION_WIDTH 26

static void
usage_option(const struct keyword *kw, FILE *f)
{
	char text[64], letter[5] = "    ";

	if (kw->letter != 0)
		snprintf(letter, sizeof(letter), "-%c%s", kw->letter,
		    kw->option == NULL ? "  " : ", ");
	snprintf(text, sizeof(text), "%s%s%s%s%s%s", letter,
	    kw->option == NULL ? "" : "--",
	    kw->option == NULL ? "" : kw->option, kw->arg == NULL ? "" :
	    kw->flags & KW_OPTIONAL ? "[=" : " ",
	    kw->arg == NULL ? "" : kw->arg,
	    kw->flags & KW_OPTIONAL ? "]" : "");
	fprintf(f, "  %-*s  %s%s\n", OPTION_WIDTH, text, kw->help,
	    kw->flags & KW_MANY ? "; repeatable" : "");
}

static void
usage_names(const struct keyword *kw, FILE *f)
{
	char ini[40] = "";

	if (kw->section != NULL)
		snprintf(ini, sizeof(ini), "[%s%s] %s", kw->section,
		    kw->flags & KW_NAMED ? " NAME" : "", kw->key);
	fprintf(f, "  %-18s%-25s%s\n", kw->option == NULL ? "" : kw->option,
	    kw->env == NULL ? "" : kw->env, ini);
}

void
usage_options(const struct program *p, const char *heading, FILE *f)
{
	const struct keyword *kw;

	fprintf(f, "%s:\n", heading);
	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->help != NULL)
			usage_option(kw, f);
	}
	fprintf(f, "  %-*s  this text\n", OPTION_WIDTH, "-h, --help");
}

void
usage_origins(const struct program *p, FILE *f)
{
	const struct keyword *kw;

	fprintf(f, "\nThe same by environment and by file, the option going "
	    "first and the file last:\n");
	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->option != NULL || kw->env != NULL)
			usage_names(kw, f);
	}
}
