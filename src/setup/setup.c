/* SPDX-License-Identifier: ISC */
/* Files that are written and removed: see setup.h. */
#include "config.h"

#include "setup_private.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"

struct setup *
setup_open(const struct setup_config *config, struct error *e)
{
	struct setup *s = xcalloc(1, sizeof(*s));

	s->program = xstrdup(config->program);
	s->manifest = xstrdup(config->manifest);
	s->user = config->user;
	s->dry_run = config->dry_run;
	if (manifest_read(s, e) == 0)
		return s;
	setup_close(s);
	return NULL;
}

void
setup_close(struct setup *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->nentries; i++)
		free(s->entries[i].path);
	for (i = 0; i < s->nplan; i++) {
		secret_free(s->plan[i].text);
		free(s->plan[i].path);
	}
	free(s->entries);
	free(s->plan);
	free(s->manifest);
	free(s->program);
	free(s);
}

bool
setup_is_ours(const struct setup *s, const char *path)
{
	return manifest_find(s, path) != NULL;
}

bool
setup_has_changed(const struct setup *s)
{
	return s->changed;
}

void
setup_plan(struct setup *s, const char *path, mode_t mode, const char *text,
    size_t n, bool secret)
{
	struct planned *p;

	s->plan = xreallocarray(s->plan, s->nplan + 1, sizeof(*s->plan));
	p = &s->plan[s->nplan++];
	*p = (struct planned){ .path = xstrdup(path), .n = n, .mode = mode,
	    .secret = secret };
	p->text = xcalloc(n + 1, 1);
	memcpy(p->text, text, n);
}

/* --- writing ------------------------------------------------------ */

/* Whether it is there already, or may be written: -1 with *e when neither. */
static int
look_at_planned(const struct setup *s, struct planned *p, struct error *e)
{
	const struct entry *ours = manifest_find(s, p->path);
	char wanted[DIGEST_TEXT], present[DIGEST_TEXT];
	struct stat st;

	p->wanted = true;
	if (lstat(p->path, &st) == -1)
		return 0;	/* what else is wrong shows when it is written */
	digest_text(p->text, p->n, wanted);
	digest_file(p->path, present);
	if (strcmp(wanted, present) == 0 && S_ISREG(st.st_mode)) {
		p->wanted = false;
		return 0;
	}
	if (ours == NULL)
		return error_set(e, EX_CANTCREAT, "%s is there already, and "
		    "\"%s install\" has not written it: move it away, or "
		    "leave out what would change it", p->path, s->program);
	if (strcmp(ours->digest, present) != 0)
		return error_set(e, EX_CANTCREAT, "%s was changed since it was "
		    "installed, and stays as it is: edit it, or remove it and "
		    "install again", p->path);
	return 0;
}

/* Others read what is there, whatever our umask is; secrets say 0600. */
static int
make_directory(const char *dir, struct error *e)
{
	if (mkdir(dir, 0755) == 0 ? chmod(dir, 0755) == 0 : errno == EEXIST)
		return 0;
	return error_set(e, EX_CANTCREAT, "cannot make %s: %s", dir,
	    strerror(errno));
}

/* Makes the directories above path, and notes those that were missing. */
static int
make_directories(struct setup *s, const char *path, struct error *e)
{
	char *copy = xstrdup(path), *dir = dirname(copy);
	struct stat st;
	int r = 0;

	if (stat(dir, &st) == -1 && errno == ENOENT) {
		r = make_directories(s, dir, e);
		if (r == 0)
			r = make_directory(dir, e);
		if (r == 0)
			manifest_note(s, dir, NULL);
	}
	free(copy);
	return r;
}

/*
 * The manifest goes first: who is stopped in between has noted what is not
 * there, which does no harm.
 */
static int
write_planned(struct setup *s, const struct planned *p, struct error *e)
{
	char digest[DIGEST_TEXT];

	digest_text(p->text, p->n, digest);
	if (make_directories(s, p->path, e) == -1)
		return -1;
	manifest_note(s, p->path, digest);
	if (manifest_save(s, e) == -1 || file_replace(p->path, p->mode,
	    p->text, p->n, e) == -1)
		return -1;
	printf("wrote %s\n", p->path);
	s->changed = true;
	return 0;
}

static void
show_planned(const struct planned *p)
{
	const char *line = p->text, *end;

	printf("would write %s, mode %04o%s\n", p->path, (unsigned)p->mode,
	    p->secret ? " (a secret, which is not shown)" : ":");
	for (; !p->secret && *line != '\0'; line = end + (*end != '\0')) {
		end = line + strcspn(line, "\n");
		printf("    %.*s\n", (int)(end - line), line);
	}
}

int
setup_check(struct setup *s, struct error *e)
{
	size_t i;

	for (i = 0; i < s->nplan; i++)
		if (look_at_planned(s, &s->plan[i], e) == -1)
			return -1;
	return 0;
}

int
setup_write(struct setup *s, struct error *e)
{
	size_t i;

	if (setup_check(s, e) == -1)
		return -1;
	if (!s->dry_run && make_directories(s, s->manifest, e) == -1)
		return -1;
	for (i = 0; i < s->nplan; i++) {
		if (!s->plan[i].wanted)
			printf("%s is there already\n", s->plan[i].path);
		else if (s->dry_run)
			show_planned(&s->plan[i]);
		else if (write_planned(s, &s->plan[i], e) == -1)
			return -1;
	}
	return 0;
}

/* --- removing ----------------------------------------------------- */

static void
remove_directory(const struct setup *s, const char *path)
{
	if (s->dry_run)
		printf("would remove %s, if it is empty then\n", path);
	else if (rmdir(path) == 0)
		printf("removed %s\n", path);
	else if (errno == ENOTEMPTY || errno == EEXIST)
		printf("kept %s, where other files are\n", path);
	else if (errno != ENOENT)
		printf("kept %s: %s\n", path, strerror(errno));
}

static void
remove_file(const struct setup *s, const struct entry *entry)
{
	char present[DIGEST_TEXT];
	struct stat st;

	if (lstat(entry->path, &st) == -1 && errno == ENOENT)
		return;
	digest_file(entry->path, present);
	if (!S_ISREG(st.st_mode) || strcmp(present, entry->digest) != 0)
		printf("kept %s, which was changed since\n", entry->path);
	else if (s->dry_run)
		printf("would remove %s\n", entry->path);
	else if (unlink(entry->path) == 0)
		printf("removed %s\n", entry->path);
	else
		printf("kept %s: %s\n", entry->path, strerror(errno));
}

int
setup_remove(struct setup *s, struct error *e)
{
	size_t i;

	for (i = s->nentries; i-- > 0;)
		if (s->entries[i].digest[0] != '\0')
			remove_file(s, &s->entries[i]);
	if (!s->dry_run && unlink(s->manifest) == -1 && errno != ENOENT)
		return error_set(e, EX_CANTCREAT, "cannot remove %s: %s",
		    s->manifest, strerror(errno));
	for (i = s->nentries; i-- > 0;)
		if (s->entries[i].digest[0] == '\0')
			remove_directory(s, s->entries[i].path);
	return 0;
}
