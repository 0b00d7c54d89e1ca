/* SPDX-License-Identifier: ISC */
/* "orthrus status": what the running process does, once or until it is up. */
#include "status.h"

#include <getopt.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "orthrus/base/address.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/text.h"

#include "commands.h"

#define POLL_MS 100
#define ANSWER_MS 5000

struct options {
	struct status_target target;
	bool json, help;
	uint64_t wait_ms;	/* 0: do not wait */
};

static void
usage(FILE *f)
{
	fprintf(f, "usage: orthrus status [options]\n\n"
	    "Shows what the running \"orthrus connect\" does.  Exits 0, 69 "
	    "when none runs, 75\nwhen it was waited for in vain, or 77 when "
	    "it may not be asked.\n\n"
	    "      --json             the whole status as JSON\n"
	    "      --wait DURATION    until connected with every forward up\n"
	    "      --control ADDRESS  its control socket "
	    "($RUNTIME/NAME.sock)\n"
	    "      --name NAME        its name (the host name)\n"
	    "  -c, --config FILE      take its name or control from FILE\n"
	    "  -h, --help             this text\n");
}

/* 0, or -1 after a line about what is wrong. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "wait", required_argument, NULL, 'w' },
		{ "control", required_argument, NULL, 'C' },
		{ "name", required_argument, NULL, 'n' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	static char program[] = "orthrus status";
	char shown[256];
	struct error e;
	int c;

	argv[0] = program;	/* for what getopt_long() complains about */
	optind = 1;
	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'w':
			if (duration_parse(optarg, &o->wait_ms, &e) == 0)
				break;
			fprintf(stderr, "orthrus status: --wait: %s\n",
			    e.text);
			return -1;
		case 'C':
			o->target.control = optarg;
			break;
		case 'n':
			o->target.name = optarg;
			break;
		case 'c':
			o->target.config = optarg;
			break;
		case 'h':
			o->help = true;
			return 0;
		default:
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	text_escape(shown, sizeof(shown), argv[optind], TEXT_PLAIN);
	fprintf(stderr, "orthrus status: unexpected argument \"%s\"; it takes "
	    "options only\n", shown);
	return -1;
}

/* The last answer, or NULL with *e; *ready says whether it was worth it. */
static json_t *
wait_until_ready(const struct options *o, bool *ready, struct error *e)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	uint64_t now = clock_ms(), end = now + o->wait_ms, left;
	json_t *status;

	for (;; now = clock_ms()) {
		/* At the end there is time for one last look. */
		left = end > now + POLL_MS ? end - now : POLL_MS;
		status = status_ask(&o->target,
		    left < ANSWER_MS ? left : ANSWER_MS, e);
		*ready = status != NULL && status_ready(status);
		if (*ready || clock_ms() >= end ||
		    (status == NULL && e->code != EX_UNAVAILABLE))
			return status;
		json_decref(status);
		nanosleep(&pause, NULL);
	}
}

static void
show(const json_t *status, bool json)
{
	/* ASCII, so that no control character beyond it gets through. */
	char *text = json ? json_dumps(status, JSON_INDENT(2) |
	    JSON_ENSURE_ASCII) : NULL;

	if (json)
		printf("%s\n", text != NULL ? text : "{}");
	else
		status_print(status);
	fflush(stdout);
	free(text);
}

int
cmd_status(int argc, char **argv)
{
	struct options o = { 0 };
	struct error e = { 0 };
	bool ready = true;
	json_t *status;

	if (parse_options(argc, argv, &o) == -1) {
		usage(stderr);
		return EX_USAGE;
	}
	if (o.help) {
		usage(stdout);
		return 0;
	}
	status = o.wait_ms > 0 ? wait_until_ready(&o, &ready, &e) :
	    status_ask(&o.target, ANSWER_MS, &e);
	if (status == NULL) {
		fprintf(stderr, "orthrus status: %s\n", e.text);
		return o.wait_ms > 0 && e.code == EX_UNAVAILABLE ?
		    EX_TEMPFAIL : e.code;
	}
	show(status, o.json);
	json_decref(status);
	if (ready)
		return 0;
	fprintf(stderr, "orthrus status: not connected with every forward up "
	    "in the time given\n");
	return EX_TEMPFAIL;
}
