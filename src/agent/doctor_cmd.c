/* SPDX-License-Identifier: ISC */
/*
 * "orthrus doctor": looks at everything that commonly goes wrong, from the
 * configuration over names and ports to the engine.
 */
#include "config.h"

#include "doctor.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/confine.h"
#include "orthrus/base/file.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/near.h"
#include "orthrus/base/text.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/transport/command.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/tls.h"

#include "commands.h"
#include "orthrus.h"

static void
doctor_usage(void)
{
	printf("usage: orthrus doctor [--json] [options]\n\n"
	    "Looks at what commonly goes wrong, from the configuration to the "
	    "engine, and says\nof each what is there and what to do.  Changes "
	    "nothing.  Exits 0 when all is well,\n1 after warnings alone, or "
	    "as the first failure says.  The other options are\nthose of "
	    "\"connect\".\n\n"
	    "      --json                 the findings as JSON\n");
	config_usage(stdout);
}

/* --- waiting ------------------------------------------------------ */

static void
on_step_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

bool
doctor_wait(struct doctor *d, const bool *done)
{
	bool over = false;
	struct event *timer = evtimer_new(d->base, on_step_over, &over);

	timer_set(timer, DOCTOR_STEP_MS);
	while (!*done && !over && event_base_loop(d->base, EVLOOP_ONCE) == 0)
		;
	event_free(timer);
	return *done;
}

struct dialled {
	bool done;
	int fd, error;
};

static void
on_doctor_dialled(void *arg, int fd, int error)
{
	struct dialled *o = arg;

	o->done = true;
	o->fd = fd;
	o->error = error;
}

static void
peer_text(int fd, char peer[HOST_MAX])
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ss.ss_family == AF_UNIX || getnameinfo((struct sockaddr *)&ss, len,
	    peer, HOST_MAX, NULL, 0, NI_NUMERICHOST) != 0)
		peer[0] = '\0';
}

int
doctor_dial(struct doctor *d, const struct address *to, char peer[HOST_MAX])
{
	struct dialled o = { .fd = -1 };

	dial_start(d->dialer, to, DOCTOR_STEP_MS, on_doctor_dialled, &o);
	while (!o.done && event_base_loop(d->base, EVLOOP_ONCE) == 0)
		;
	if (o.fd == -1)
		return o.error;
	if (peer != NULL)
		peer_text(o.fd, peer);
	close(o.fd);
	return 0;
}

/* --- the configuration -------------------------------------------- */

/* Takes the option that "connect" does not have out of argv. */
static bool
take_json(int *argc, char **argv)
{
	bool json = false;
	int i, n = 0;

	for (i = 0; i < *argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else
			argv[n++] = argv[i];
	for (; i < *argc; i++)
		argv[n++] = argv[i];
	argv[n] = NULL;
	*argc = n;
	return json;
}

/* Complains of a mistyped --json, which the options of "connect" do not know. */
static bool
is_json_mistyped(int argc, char **argv)
{
	char shown[256];
	struct near near;
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		near = (struct near)NEAR(argv[i] + 2);
		near_try(&near, "json");
		if (near.best == NULL)
			continue;
		text_escape(shown, sizeof(shown), argv[i], TEXT_PLAIN);
		fprintf(stderr, "orthrus doctor: unknown option %s; did you "
		    "mean --json?\n", shown);
		return true;
	}
	return false;
}

/* Root looks as the user of a service whose state is there. */
static void
look_as_owner_of_state(void)
{
	char *state = state_directory();
	struct stat st;

	if (geteuid() == 0 && stat(state, &st) == 0)
		file_look_as(st.st_uid);
	free(state);
}

static void
keep_line(void *arg, const char *line)
{
	json_array_append_new(arg, json_stringn_nocheck(line, strlen(line)));
}

/*
 * False when there is nothing to go on with; *code is how the program ends when
 * it is about the options.
 */
static bool
load_configuration(struct doctor *d, int argc, char **argv, int *code)
{
	json_t *lines = json_array(), *line;
	size_t i;

	d->config = config_load(argc, argv, keep_line, lines, code);
	json_array_foreach(lines, i, line)
		if (*code == EX_USAGE)
			fprintf(stderr, "orthrus doctor: %s\n",
			    json_string_value(line));
		else
			finding_fail(d->found, EX_CONFIG, "configuration",
			    "%s", json_string_value(line));
	json_decref(lines);
	return d->config != NULL;
}

static void
look_at_configuration(struct doctor *d)
{
	const struct config *c = d->config;
	struct error e;

	if (orthrus_load_tls(c, &d->tls, &e) == -1)
		finding_fail(d->found, e.code, "configuration", "%s", e.text);
	else
		finding_ok(d->found, "configuration", "agent %s, from %s",
		    c->name, c->head.file != NULL ? c->head.file :
		    "options and environment alone");
	if (c->auth_key == NULL && c->auth_key_file != NULL)
		finding_ok(d->found, "configuration", "the file of "
		    "AUTH_KEY_FILE is gone, which is fine as long as the "
		    "identity serves");
}

/* --- walls -------------------------------------------------------- */

/*
 * From here on this process speaks with others, and can write to no file
 * whatever they say.
 */
static int
put_up_walls(const struct config *c, struct error *e)
{
	struct confinement *w = confinement_new(CONFINE_AGENT);
	size_t i;

	confinement_resolver(w);
	tls_client_confinement(w, c->tls_ca);
	for (i = 0; i < c->nknown_hosts; i++)
		confinement_beside(w, c->known_hosts[i], CONFINE_READ);
	return confinement_apply(w, e);
}

/* --- in order ----------------------------------------------------- */

static void
look_at_this_host(struct doctor *d)
{
	look_at_configuration(d);
	doctor_look_at_identity(d);
	doctor_look_at_state(d);
	doctor_look_at_clock(d);
	doctor_look_at_running(d);
	doctor_look_at_listeners(d);
}

static void
look_at_others(struct doctor *d)
{
	size_t i;

	for (i = 0; i < d->config->nservers; i++)
		doctor_look_at_server(d, &d->config->servers[i]);
	doctor_look_at_engine(d);
	doctor_look_at_targets(d);
}

static void
open_loop(struct doctor *d)
{
	d->base = loop_new();
	d->dialer = dialer_new(d->base);
	if (d->commands != NULL)
		commands_watch(d->commands, d->base);
	doctor_prepare_engine(d);
}

static void
close_loop(struct doctor *d)
{
	muzzle_free(d->muzzle);
	commands_free(d->commands);
	dialer_free(d->dialer);
	loop_free(d->base);
}

static void
look_at_everything(struct doctor *d)
{
	struct error e;

	if (orthrus_start_commands(d->config, &d->commands, &e) == -1) {
		finding_fail(d->found, e.code, "configuration", "%s", e.text);
		return;
	}
	look_at_this_host(d);
	ssh_library_init();
	open_loop(d);
	if (put_up_walls(d->config, &e) == 0)
		look_at_others(d);
	else
		finding_fail(d->found, e.code, "confinement", "%s", e.text);
	close_loop(d);
}

int
cmd_doctor(int argc, char **argv)
{
	struct doctor d = { 0 };
	int code = 0;
	bool json;

	if (complete_asked(argc, argv)) {
		complete_option("json", 0, NULL, "as JSON");
		config_complete();
		return 0;
	}
	if (wants_help(argc, argv)) {
		doctor_usage();
		return 0;
	}
	json = take_json(&argc, argv);
	if (is_json_mistyped(argc, argv))
		return EX_USAGE;
	d.found = findings_new(json);
	look_as_owner_of_state();
	/* What is found is told as a finding, and not twice. */
	log_setup(LEVEL_ERROR, LOG_TEXT);
	if (load_configuration(&d, argc, argv, &code))
		look_at_everything(&d);
	else if (code == EX_USAGE) {
		findings_free(d.found);
		return code;
	}
	code = findings_end(d.found);
	json_decref(d.status);
	identity_free(d.identity);
	secret_free(d.password);
	tls_client_free(d.tls);
	config_free(d.config);
	return code;
}
