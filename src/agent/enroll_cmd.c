/* SPDX-License-Identifier: ISC */
/* "orthrus enroll": the enrolment alone; "connect" then needs no AUTH_KEY. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/service.h"
#include "orthrus/base/shown.h"
#include "orthrus/base/text.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/transport/command.h"
#include "orthrus/transport/dial.h"

#include "orthrus.h"
#include "commands.h"
#include "enroll.h"

struct enroll_run {
	struct event_base *base;
	struct dialer *dialer;
	struct commands *commands;
	struct service *service;
	struct agent_enrolment *enrolment;
	struct config *config;
	char name[NAME_MAX_LEN];	/* "" until enrolled */
	int code;
};

static void
enroll_usage(FILE *f)
{
	fprintf(f, "usage: orthrus enroll --server SERVER --auth-key KEY "
	    "[options]\n\n"
	    "Enrols at a gateway: stores a new identity, its certificate and "
	    "the gateway's\nhost key, with which \"orthrus connect\" then "
	    "logs in.  AUTH_KEY and AUTH_KEY_FILE\nhide the key from ps(1).  "
	    "The options are those of \"connect\".\n\n");
	config_usage(f);
}

/* --- what becomes of it ------------------------------------------- */

static void
on_enroll_done(void *arg, const char *name)
{
	struct enroll_run *r = arg;

	snprintf(r->name, sizeof(r->name), "%s", name);
	event_base_loopbreak(r->base);
}

static void
on_enroll_trouble(void *arg, const struct error *why)
{
	(void)arg;
	(void)why;		/* the link has logged it */
}

static void
on_enroll_failed(void *arg, const struct error *why)
{
	struct enroll_run *r = arg;

	fprintf(stderr, "orthrus enroll: %s\n", why->text);
	r->code = why->code;
	event_base_loopbreak(r->base);
}

static void
on_enroll_stop(void *arg, int sig)
{
	struct enroll_run *r = arg;

	r->code = 128 + sig;
	event_base_loopbreak(r->base);
}

static void
print_enrolled(const struct config *c, const char *name)
{
	const struct certificate *cert;
	char path[1024], until[SHOWN_TEXT_MAX];
	struct identity *id;
	struct error e;

	text_escape(path, sizeof(path), c->identity, TEXT_PLAIN);
	printf("enrolled as %s\nidentity: %s\n", name, path);
	if ((id = identity_load(c->identity, &e)) != NULL &&
	    (cert = identity_certificate(id)) != NULL)
		printf("certificate: until %s, renewed by \"orthrus connect\" "
		    "before\n", shown_moment((int64_t)cert->valid_before,
		    time(NULL), until));
	identity_free(id);
	if (strcmp(name, c->name) != 0)
		printf("This host is called %s: connect with --name %s, or "
		    "ORTHRUS_NAME=%s.\n", c->name, name, name);
}

/* --- the run ------------------------------------------------------ */

static int
enroll_run(struct enroll_run *r, bool any_name)
{
	static const struct enrolment_events events = {
		on_enroll_done, on_enroll_trouble, on_enroll_failed
	};
	static const struct service_events signals = { on_enroll_stop, NULL };
	struct error e;

	r->base = loop_new();
	r->dialer = dialer_new(r->base);
	r->service = service_new(r->base, &signals, r);
	if (r->commands != NULL)
		commands_watch(r->commands, r->base);
	if (orthrus_confine(r->config, &e) == 0)
		r->enrolment = enrolment_new(r->base, r->dialer,
		    r->commands, r->config, any_name, &events, r, &e);
	if (r->enrolment == NULL)
		on_enroll_failed(r, &e);
	else
		event_base_dispatch(r->base);
	enrolment_free(r->enrolment);
	commands_free(r->commands);
	r->commands = NULL;
	dialer_free(r->dialer);
	service_free(r->service);
	loop_free(r->base);
	if (r->name[0] != '\0')
		print_enrolled(r->config, r->name);
	return r->code;
}

/* True when an enrolment is needed; else *code is how the command ends. */
static bool
enrolment_is_wanted(const struct config *c, int *code)
{
	struct error e;
	bool needed;

	if (c->auth_key_trouble != NULL) {
		fprintf(stderr, "orthrus enroll: AUTH_KEY_FILE: %s\n",
		    c->auth_key_trouble);
		*code = EX_CONFIG;
		return false;
	}
	if (c->auth_key == NULL) {
		fprintf(stderr, "orthrus enroll: no key to enrol with: give "
		    "--auth-key, or set AUTH_KEY or AUTH_KEY_FILE (\"charon "
		    "agent add NAME\" at the gateway prints one)\n");
		*code = EX_USAGE;
		return false;
	}
	if (enrolment_look(c, &needed, &e) == -1) {
		fprintf(stderr, "orthrus enroll: %s\n", e.text);
		*code = e.code;
		return false;
	}
	if (needed)
		return true;
	if (enrolment_is_own(c)) {
		fprintf(stderr, "orthrus enroll: the identity %s is there and "
		    "did not come from an enrolment; choose another file with "
		    "--identity\n", c->identity);
		*code = EX_CANTCREAT;
	} else
		printf("%s is enrolled with this AUTH_KEY already\n",
		    c->identity);
	return false;
}

int
cmd_enroll(int argc, char **argv)
{
	struct enroll_run r = { .code = 0 };
	struct error e;

	if (complete_asked(argc, argv)) {
		config_complete();
		return 0;
	}
	if (wants_help(argc, argv)) {
		enroll_usage(stdout);
		return 0;
	}
	r.config = config_load(argc, argv, config_report, NULL, &r.code);
	if (r.config == NULL)
		return r.code;
	log_setup(r.config->log_level, r.config->log_format);
	log_own_name(r.config->name);
	orthrus_warn_untaken(r.config);
	r.config->reconnect = false;	/* each server once */
	if (orthrus_start_commands(r.config, &r.commands, &e) == -1) {
		fprintf(stderr, "orthrus enroll: %s\n", e.text);
		config_free(r.config);
		return e.code;
	}
	ssh_library_init();
	if (enrolment_is_wanted(r.config, &r.code))
		r.code = enroll_run(&r, config_name_is_default(r.config));
	commands_free(r.commands);
	config_free(r.config);
	return r.code;
}
