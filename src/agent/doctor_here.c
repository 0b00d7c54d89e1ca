/* SPDX-License-Identifier: ISC */
/*
 * This host: the agent that runs, addresses that are listened on, who answers
 * where the far end is led to, and the Docker engine.
 */
#include "config.h"

#include "doctor.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/transport/bind.h"
#include "orthrus/transport/dial.h"

#include "status.h"

#define POLL_MS 20
#define VERSION_MS 5000		/* for an engine that answers to tell it */

/* --- who runs ----------------------------------------------------- */

static const char *
status_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
tell_of_running(struct doctor *d)
{
	const char *state = status_text(d->status, "state"),
	    *why = status_text(d->status, "error");

	if (status_ready(d->status))
		finding_ok(d->found, "running", "connected to %s since %s, "
		    "with every forward up", status_text(d->status, "server"),
		    status_text(d->status, "since"));
	else if (strcmp(state, "connected") == 0)
		finding_warn(d->found, "running", "connected to %s, but not "
		    "every forward is up; \"orthrus status\" shows them",
		    status_text(d->status, "server"));
	else
		finding_warn(d->found, "running", "it runs, but is not "
		    "connected%s%s", why[0] != '\0' ? ": " : "", why);
}

void
doctor_look_at_running(struct doctor *d)
{
	char at[ADDRESS_TEXT_MAX];
	const struct status_target target = { .control =
	    address_format(&d->config->control, at) };
	struct error e;

	d->status = status_ask(&target, DOCTOR_STEP_MS, &e);
	if (d->status != NULL)
		tell_of_running(d);
	else if (e.code == EX_NOPERM)
		finding_warn(d->found, "running", "%s", e.text);
	else
		finding_ok(d->found, "running", "no orthrus on %s", at);
}

/* --- where it listens --------------------------------------------- */

/* What a running agent says of its listener of that kind and name. */
static const json_t *
running_forward(const struct doctor *d, const char *name)
{
	const json_t *list = json_object_get(d->status, "forwards"), *o;
	size_t i;

	if (name == NULL)
		return json_object_get(d->status, "socks5");
	json_array_foreach(list, i, o)
		if (strcmp(status_text(o, "kind"), "local") == 0 &&
		    strcmp(status_text(o, "name"), name) == 0)
			return o;
	return NULL;
}

/* A socket file that nobody listens on is replaced, any other file is not. */
static const char *
why_no_unix_socket(const struct address *at)
{
	char *copy = xstrdup(at->path);
	const char *why = NULL;
	struct stat st;

	if (lstat(at->path, &st) == 0 && !S_ISSOCK(st.st_mode))
		why = "a file is there that is no socket";
	else if (access(dirname(copy), W_OK | X_OK) == -1)
		why = errno == ENOENT ? "its directory is not there" :
		    "its directory cannot be written to";
	free(copy);
	return why;
}

/* As the agent would listen, for a moment: 0, or -1 with *e. */
static int
try_to_listen(const struct address *at, struct error *e)
{
	struct bound b = { .n = 0 };
	int r = bind_address(at, &b, e);

	while (b.n > 0)
		close(b.fd[--b.n]);
	if (r == -1)
		error_set(e, e->code, "%s (\"ss -ltnp\" shows who listens "
		    "there)", e->text);
	return r;
}

/*
 * Why at is not to be had, or NULL; ours is what the running agent says of it,
 * where nobody else can listen then.
 */
static const char *
why_not_listening(const json_t *ours, const struct address *at,
    struct error *e)
{
	const char *why;

	if (ours != NULL) {
		why = status_text(ours, "error");
		return *why != '\0' ? why : NULL;
	}
	if (at->kind == ADDRESS_UNIX)
		return why_no_unix_socket(at);
	return try_to_listen(at, e) == -1 ? e->text : NULL;
}

static void
look_at_listener(struct doctor *d, const char *check, const char *name,
    const struct address *at, bool optional)
{
	const json_t *ours = running_forward(d, name);
	char text[ADDRESS_TEXT_MAX];
	const char *why;
	struct error e;

	address_format(at, text);
	why = why_not_listening(ours, at, &e);
	if (why == NULL)
		finding_ok(d->found, check, "%s%s%s is %s", name != NULL ?
		    name : "", name != NULL ? ": " : "", text, ours != NULL ?
		    "listened on" : "free");
	else if (optional)
		finding_warn(d->found, check, "%s: %s; \"orthrus connect\" "
		    "goes on without SOCKS5 then (--socks5 chooses another "
		    "address)", text, why);
	else
		finding_fail(d->found, EX_UNAVAILABLE, check, "%s: %s", text,
		    why);
}

void
doctor_look_at_listeners(struct doctor *d)
{
	const struct config *c = d->config;
	size_t i;

	if (c->socks5)
		look_at_listener(d, "socks5", NULL, &c->socks5_listen,
		    c->socks5_default);
	for (i = 0; i < c->nlocal; i++)
		look_at_listener(d, "forward", c->local[i].name,
		    &c->local[i].spec.listen, false);
}

/* --- where the far end is led to ---------------------------------- */

static void
look_at_target(struct doctor *d, const char *check,
    const struct forward_conf *f)
{
	char text[ADDRESS_TEXT_MAX];
	int error = doctor_dial(d, &f->spec.to, NULL);

	address_format(&f->spec.to, text);
	if (error == 0)
		finding_ok(d->found, check, "%s: %s answers", f->name, text);
	else
		finding_warn(d->found, check, "%s: nobody answers on %s (%s); "
		    "is that service running?", f->name, text,
		    dial_strerror(error));
}

void
doctor_look_at_targets(struct doctor *d)
{
	const struct config *c = d->config;
	size_t i;

	for (i = 0; i < c->nremote; i++)
		look_at_target(d, "remote", &c->remote[i]);
	for (i = 0; i < c->nexposed; i++)
		look_at_target(d, "expose", &c->exposed[i]);
}

/* --- the engine --------------------------------------------------- */

void
doctor_prepare_engine(struct doctor *d)
{
	struct address at = { .kind = ADDRESS_UNIX };

	if (!d->config->docker)
		return;
	snprintf(at.path, sizeof(at.path), "%s", d->config->docker_socket);
	d->muzzle = muzzle_new(d->base, d->dialer, &at,
	    &d->config->docker_policy);
}

/*
 * True once all is known, or nothing will be; before is what was said before
 * the engine was asked.
 */
static bool
engine_is_known(const struct muzzle *m, uint64_t since, const char *before,
    struct muzzle_info *info)
{
	uint64_t ms = clock_ms() - since;

	muzzle_info(m, info);
	if (info->ping && info->facts->version[0] == '\0')
		return ms > VERSION_MS;
	return info->ping || info->why != before || ms > DOCTOR_STEP_MS;
}

/* Asks the engine as an agent does, which also knows what to do about it. */
static void
ask_engine(struct doctor *d, struct muzzle_info *info)
{
	struct timeval pause = { 0, POLL_MS * 1000 };
	uint64_t now = clock_ms();
	const char *before;

	muzzle_info(d->muzzle, info);
	before = info->why;		/* static text */
	muzzle_probe(d->muzzle);
	muzzle_watch(d->muzzle, true);
	while (!engine_is_known(d->muzzle, now, before, info)) {
		event_base_loopexit(d->base, &pause);
		event_base_dispatch(d->base);
	}
}

/*
 * Who may reach it here may yet run the agent as somebody who may not.  What
 * was found here, too (NULL: nothing), is one finding.
 */
static void
look_at_running_engine(struct doctor *d, const char *found)
{
	const json_t *docker = json_object_get(d->status, "docker");
	const char *why = status_text(docker, "ping_error");

	if (json_is_object(docker) &&
	    !json_is_true(json_object_get(docker, "ping")) &&
	    (found == NULL || strcmp(found, why) != 0))
		finding_fail(d->found, EX_UNAVAILABLE, "engine", "the running "
		    "orthrus does not reach it: %s", why);
}

void
doctor_look_at_engine(struct doctor *d)
{
	const char *path = d->config->docker_socket;
	struct muzzle_info info;
	struct stat st;

	if (d->muzzle == NULL)
		return;
	if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		finding_fail(d->found, EX_CONFIG, "engine", "%s is no socket; "
		    "a container that mounts it before Docker has made it "
		    "gets a directory in its place", path);
		return;
	}
	ask_engine(d, &info);
	if (!info.ping)
		finding_fail(d->found, EX_UNAVAILABLE, "engine", "%s",
		    info.error);
	else
		finding_ok(d->found, "engine", "%s answers, version %s", path,
		    info.facts->version[0] != '\0' ? info.facts->version :
		    "unknown");
	look_at_running_engine(d, info.ping ? NULL : info.error);
}
