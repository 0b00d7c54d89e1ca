/* SPDX-License-Identifier: ISC */
/* The ini file: found, read, and its sections and keys matched to the table. */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "ini.h"
#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

#define FILE_MAX (64 * 1024)
#define LIST_MAX 256

struct file {
	struct loader *l;
	unsigned line;		/* of the section that keys go to, 0: none */
	char *section;		/* its word; the label is the word behind it */
	char *label;		/* NAME of [section NAME], or NULL */
	bool empty;		/* no key of it was seen, right or wrong */
};

static void
file_fail(struct file *f, unsigned line, const struct error *e)
{
	loader_fail(f->l, FROM_FILE, line, e->text);
}

/* True for the section of the required key, or with key for that key in it. */
static bool
is_required(const struct program *p, const char *section, const char *key)
{
	return p->section != NULL && strcmp(section, p->section) == 0 &&
	    (key == NULL || strcmp(key, p->key) == 0);
}

/*
 * Writes "a, b, c": the keys of a section, or all sections when section is
 * NULL.
 */
static const char *
known_words(const struct program *p, const char *section, char list[LIST_MAX])
{
	const struct keyword *kw;
	const char *word;
	size_t len = 0;

	list[0] = '\0';
	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->section == NULL)
			continue;
		if (section == NULL &&
		    keyword_of_section(p, kw->section) != kw)
			continue;
		if (section != NULL && (strcmp(kw->section, section) != 0 ||
		    keyword_by_key(p, section, kw->key) != kw))
			continue;
		word = section == NULL ? kw->section : kw->key;
		if (len + strlen(word) + 3 > LIST_MAX)
			break;
		strcpy(list + len, len == 0 ? "" : ", ");
		strcat(list, word);
		len = strlen(list);
	}
	return list;
}

/* Ends a section.  A named one must have had its one key. */
static void
end_section(struct file *f)
{
	const struct keyword *kw;
	struct error e;

	if (f->label != NULL && f->empty) {
		kw = keyword_of_section(f->l->c->program, f->section);
		error_set(&e, EX_CONFIG, "[%s %s] is empty; write \"%s = %s\" "
		    "below it, or remove it", f->section, f->label, kw->key,
		    kw->arg);
		file_fail(f, f->line, &e);
	}
	free(f->section);
	f->section = f->label = NULL;
	f->line = 0;
}

static int
unknown_section(struct loader *l, const char *word, struct error *e)
{
	const struct program *p = l->c->program;
	struct near near = NEAR(word);
	char list[LIST_MAX];
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->rows[i].section != NULL)
			near_try(&near, p->rows[i].section);
	}
	if (near.best == NULL)
		return error_set(e, EX_CONFIG, "unknown section [%s]; there "
		    "are %s", word, known_words(p, NULL, list));
	if (is_required(p, near.best, NULL))
		l->unclear = true;
	return error_set(e, EX_CONFIG, "unknown section [%s]; did you mean "
	    "[%s]?", word, near.best);
}

static int
check_section_known(struct loader *l, const char *word, const char *label,
    struct error *e)
{
	const struct keyword *kw = keyword_of_section(l->c->program, word);

	if (kw == NULL)
		return unknown_section(l, word, e);
	if (label != NULL && !(kw->flags & KW_NAMED)) {
		l->unclear = true;
		return error_set(e, EX_CONFIG,
		    "[%s] has no name; write [%s]", word, word);
	}
	if (label == NULL && (kw->flags & KW_NAMED))
		return error_set(e, EX_CONFIG, "[%s] needs a name; write [%s "
		    "NAME] with a name of your choice", word, word);
	if (label != NULL && !name_valid(label))
		return error_set(e, EX_CONFIG, "\"%s\" in [%s %s]: a name has "
		    "1 to 63 of a-z, 0-9 and -, and no - at either end", label,
		    word, label);
	return 0;
}

static bool
on_ini_section(void *arg, unsigned line, const char *name)
{
	struct file *f = arg;
	struct error e;

	end_section(f);
	if (name == NULL)
		return false;
	f->section = xstrdup(name);
	f->label = strchr(f->section, ' ');
	if (f->label != NULL)
		*f->label++ = '\0';
	if (check_section_known(f->l, f->section, f->label, &e) == -1) {
		file_fail(f, line, &e);
		free(f->section);
		f->section = f->label = NULL;
		return false;
	}
	f->line = line;
	f->empty = true;
	if (is_required(f->l->c->program, f->section, NULL))
		f->l->required_line = line;
	return true;
}

static void
unknown_key(struct file *f, unsigned line, const char *key)
{
	const struct program *p = f->l->c->program;
	const char *elsewhere = NULL;
	struct near near = NEAR(key);
	const struct keyword *kw;
	char list[LIST_MAX];
	struct error e;

	for (kw = p->rows; kw < p->rows + p->n; kw++) {
		if (kw->section == NULL)
			continue;
		if (strcmp(kw->section, f->section) == 0)
			near_try(&near, kw->key);
		else if (strcmp(kw->key, key) == 0)
			elsewhere = kw->section;
	}
	if (near.best != NULL && is_required(p, f->section, near.best))
		f->l->unclear = true;
	if (elsewhere != NULL)
		error_set(&e, EX_CONFIG, "unknown key \"%s\" in [%s]; it "
		    "belongs to [%s]", key, f->section, elsewhere);
	else if (near.best != NULL)
		error_set(&e, EX_CONFIG, "unknown key \"%s\" in [%s]; did you "
		    "mean \"%s\"?", key, f->section, near.best);
	else
		error_set(&e, EX_CONFIG, "unknown key \"%s\" in [%s]; there "
		    "is %s", key, f->section, known_words(p, f->section, list));
	file_fail(f, line, &e);
}

static void
on_ini_key(void *arg, unsigned line, const char *key, const char *value)
{
	struct file *f = arg;
	const struct keyword *kw = keyword_by_key(f->l->c->program,
	    f->section, key);

	f->empty = false;
	if (kw == NULL)
		unknown_key(f, line, key);
	else
		loader_take(f->l, kw, FROM_FILE, line, f->label, value);
}

static void
on_ini_error(void *arg, unsigned line, const char *text)
{
	struct file *f = arg;

	f->empty = false;	/* one error is enough for it */
	if (f->section == NULL ||
	    is_required(f->l->c->program, f->section, NULL))
		f->l->unclear = true;
	loader_fail(f->l, FROM_FILE, line, text);
}

/*
 * Refuses a file that others may write to, as ssh(1) does, since it decides
 * what is opened to whom.
 */
static int
check_file_access(const struct stat *st, struct error *e)
{
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return error_set(e, EX_CONFIG, "others may write to this file "
		    "(mode %04o); run chmod go-w on it",
		    (unsigned)st->st_mode & 07777);
	return 0;
}

static int
file_open_error(int err, struct error *e)
{
	if (err == EFBIG)
		return error_set(e, EX_CONFIG,
		    "the file has more than 64 KiB; make it smaller");
	return error_set(e, EX_CONFIG, "cannot be read: %s",
	    err == ENXIO ? "not a regular file" : strerror(err));
}

void
load_file(struct loader *l)
{
	const struct ini_hooks hooks = { on_ini_section, on_ini_key,
	    on_ini_error, l->c->program->example };
	struct file f = { .l = l };
	struct stat st;
	struct error e;
	size_t len;
	char *text;

	text = file_read(l->c->file, FILE_MAX, &len, &st);
	if (text == NULL) {
		l->unclear = true;
		file_open_error(errno, &e);
		/*
		 * The error points at the first line of a file that is there.
		 */
		file_fail(&f, st.st_mode != 0, &e);
		return;
	}
	if (check_file_access(&st, &e) == -1)
		file_fail(&f, 1, &e);
	ini_read(text, len, &hooks, &f);
	end_section(&f);
	free(text);
}
