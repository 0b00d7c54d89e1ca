/* SPDX-License-Identifier: ISC */
/*
 * --ssh-config: reads what ssh_config(5) says of one server, as ssh(1) would,
 * with included files.
 */
#include <sys/stat.h>

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ssh_reading.h"
#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"

#define SSH_FILE_MAX (256 * 1024)
#define SSH_FILES_MAX 64	/* included, of one server */
#define SSH_DEPTH_MAX 16	/* as ssh(1)'s */

/* --- what is told ------------------------------------------------- */

void
ssh_fail(struct ssh_reading *r, const char *file, unsigned line,
    const char *text)
{
	char *whole = line == 0 ? xasprintf("%s: %s", file, text) :
	    xasprintf("%s:%u: %s", file, line, text);

	loader_fail(r->l, FROM_SSH_CONFIG, 0, whole);
	free(whole);
}

void
ssh_note_untaken(struct ssh_reading *r, const char *file, unsigned line,
    const char *keyword)
{
	struct config *c = loader_config(r->l);
	char *item = xasprintf("%s:%u %s", file, line, keyword), *all;

	if (c->ssh_untaken != NULL && strstr(c->ssh_untaken, item) != NULL) {
		free(item);
		return;
	}
	if (c->nssh_untaken++ < SSH_UNTAKEN_SHOWN) {
		all = c->ssh_untaken == NULL ? xstrdup(item) :
		    xasprintf("%s, %s", c->ssh_untaken, item);
		value_replace(&c->ssh_untaken, all);
	}
	free(item);
}

static void
on_ssh_untaken(void *arg, unsigned line, const char *keyword)
{
	struct ssh_reading *r = arg;

	ssh_note_untaken(r, r->file, line, keyword);
}

static void
on_ssh_bad(void *arg, unsigned line, const char *why)
{
	struct ssh_reading *r = arg;

	ssh_fail(r, r->file, line, why);
}

/* --- lines -------------------------------------------------------- */

/*
 * Files of an Include, in the order of their names.  What they say of hosts ends
 * with them.
 */
static void
include_files(struct ssh_reading *r, unsigned line, const char *pattern)
{
	bool active = r->state.active;
	char *path, *home;
	glob_t found;
	size_t i;

	if (pattern[0] == '/' || pattern[0] == '~')
		path = home_expand(pattern);
	else {
		home = home_directory();
		path = xasprintf("%s/.ssh/%s", home, pattern);
		free(home);
	}
	if (glob(path, 0, NULL, &found) == 0) {
		for (i = 0; i < found.gl_pathc; i++) {
			ssh_read_file(r, found.gl_pathv[i], line);
			r->state.active = active;
		}
		globfree(&found);
	}
	free(path);
}

static struct found
found_here(const struct ssh_reading *r, unsigned line, const char *value)
{
	return (struct found){ xstrdup(value), xstrdup(r->file), line };
}

/* The name that the alias stands for, which other lines ask for. */
static void
take_host_name(struct ssh_reading *r, unsigned line, const char *value)
{
	struct server server = { .port = 0 };
	struct error e;
	char *name;

	snprintf(server.host, sizeof(server.host), "%s", r->state.alias);
	name = ssh_expand_tokens(value, "%h", &server, r->state.alias, &e);
	if (name != NULL && !host_valid(name, strlen(name))) {
		error_set(&e, EX_CONFIG, "\"%s\" is not a host", value);
		free(name);
		name = NULL;
	}
	if (name == NULL)
		ssh_fail(r, r->file, line, e.text);
	else {
		strcpy(r->state.hostname, name);
		value_replace(&r->found[SSH_HOST_NAME].value, name);
	}
}

/* Of ProxyCommand and ProxyJump the first counts; "ProxyJump none" is none. */
static bool
other_way(const struct ssh_reading *r, enum ssh_config_key key)
{
	const char *jump = r->found[SSH_PROXY_JUMP].value;

	if (key == SSH_PROXY_JUMP)
		return r->found[SSH_PROXY_COMMAND].value != NULL;
	return key == SSH_PROXY_COMMAND && jump != NULL &&
	    strcasecmp(jump, "none") != 0;
}

static void
on_ssh_value(void *arg, unsigned line, enum ssh_config_key key, char **words,
    size_t n)
{
	struct ssh_reading *r = arg;
	size_t i;

	if (key == SSH_INCLUDE) {
		for (i = 0; i < n; i++)
			include_files(r, line, words[i]);
		return;
	}
	if (r->found[key].value != NULL || other_way(r, key)) {
		/* The first one counts; ssh(1) would try these as well. */
		if (key == SSH_IDENTITY_FILE || key == SSH_CERTIFICATE_FILE)
			ssh_note_untaken(r, r->file, line,
			    key == SSH_IDENTITY_FILE ? "IdentityFile" :
			    "CertificateFile");
		return;
	}
	r->found[key] = found_here(r, line, words[0]);
	if (key == SSH_HOST_NAME)
		take_host_name(r, line, words[0]);
	for (i = 0; key == SSH_KNOWN_HOSTS && i < n; i++) {
		r->hosts = xreallocarray(r->hosts, r->nhosts + 1,
		    sizeof(*r->hosts));
		r->hosts[r->nhosts++] = found_here(r, line, words[i]);
	}
}

/* --- files -------------------------------------------------------- */

/* Whoever can write it decides what command is run: as ssh(1) has it. */
static int
check_ssh_file(const struct stat *st, struct error *e)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return error_set(e, EX_CONFIG, "it belongs to user %u, who is "
		    "neither we nor root", (unsigned)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return error_set(e, EX_CONFIG, "others may write to this file "
		    "(mode %04o); run chmod go-w on it",
		    (unsigned)st->st_mode & 07777);
	return 0;
}

static void
keep_ssh_file(struct config *c, const char *path)
{
	size_t i;

	for (i = 0; i < c->nssh_files; i++)
		if (strcmp(c->ssh_files[i], path) == 0)
			return;
	c->ssh_files = xreallocarray(c->ssh_files, c->nssh_files + 1,
	    sizeof(*c->ssh_files));
	c->ssh_files[c->nssh_files++] = xstrdup(path);
}

static char *
load_ssh_file(struct ssh_reading *r, const char *path, size_t *len,
    struct error *e)
{
	struct stat st;
	char *text;

	if (r->depth >= SSH_DEPTH_MAX || r->nfiles++ >= SSH_FILES_MAX) {
		error_set(e, EX_CONFIG, "Include: more than %d files, or %d "
		    "inside of each other", SSH_FILES_MAX, SSH_DEPTH_MAX);
		return NULL;
	}
	text = file_read(path, SSH_FILE_MAX, len, &st);
	if (text == NULL) {
		error_set(e, EX_CONFIG, "%s: cannot be read: %s", path,
		    errno == EFBIG ? "more than 256 KiB" : errno == ENXIO ?
		    "not a regular file" : strerror(errno));
		return NULL;
	}
	if (check_ssh_file(&st, e) == 0)
		return text;
	error_prefix(e, "%s", path);
	free(text);
	return NULL;
}

void
ssh_read_file(struct ssh_reading *r, const char *path, unsigned line)
{
	static const struct ssh_config_events events = { on_ssh_value,
	    on_ssh_untaken, on_ssh_bad };
	char *outer = r->file, *text;
	struct error e;
	size_t len;

	if ((text = load_ssh_file(r, path, &len, &e)) == NULL) {
		if (line != 0)
			ssh_fail(r, outer, line, e.text);
		else
			loader_blame(r->l, setting_find(r->l->c, "server",
			    "ssh_config"), &e);
		return;
	}
	keep_ssh_file(loader_config(r->l), path);
	r->file = xstrdup(path);
	r->depth++;
	ssh_config_read(text, len, &r->state, &events, r);
	r->depth--;
	free(r->file);
	r->file = outer;
	free(text);
}
