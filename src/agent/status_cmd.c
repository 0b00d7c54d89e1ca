/* SPDX-License-Identifier: ISC */
/* "orthrus status": what the running process does, once or until it is up. */
#include "status.h"

#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "orthrus/base/address.h"
#include "orthrus/base/command_line.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/printed.h"

#include "commands.h"

#define POLL_MS 100
#define ANSWER_MS 5000

struct status_options {
	struct status_target target;
	bool json;
	uint64_t wait_ms;	/* 0: do not wait */
};

static void
status_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: orthrus status [options]\n\n"
	    "Shows what the running \"orthrus connect\" does.  Exits 0, 64 "
	    "when several run and\nnone is named, 69 when none runs, 75 when "
	    "it was waited for in vain, or 77 when it\nmay not be asked.\n\n"
	    "      --json             the whole status as JSON\n"
	    "      --wait DURATION    until connected with every forward up\n"
	    "      --control ADDRESS  its control socket "
	    "($RUNTIME/NAME.sock)\n"
	    "      --name NAME        its name (the host name)\n"
	    "  -c, --config FILE      take its name or control from FILE\n"
	    "  -h, --help             this text\n");
}

static int
take_wait(void *arg, char *value, struct error *e)
{
	struct status_options *o = arg;

	return duration_parse(value, &o->wait_ms, e);
}

/* True when the command is to run; else *code is how it ends. */
static bool
read_status_options(int argc, char **argv, struct status_options *o, int *code)
{
	const struct command_option options[] = {
		{ "json", .flag = &o->json },
		{ "wait", .take = take_wait },
		{ "control", .text = &o->target.control, .value = "SOCKET" },
		{ "name", .text = &o->target.name },
		{ "config", 'c', .text = &o->target.config, .value = "FILE" },
	};
	const struct command_line line = {
		.command = "orthrus status",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.hint = "it takes options only", .usage = status_usage, .arg = o
	};

	return command_line_read(&line, argc, argv, code);
}

/*
 * Asks until everything is up or the time is over: the last answer, or NULL
 * with *e.  *ready says whether everything is up.
 */
static json_t *
wait_until_ready(const struct status_options *o, bool *ready, struct error *e)
{
	const struct timespec pause = { 0, POLL_MS * 1000000L };
	uint64_t now = clock_ms(), end = now + o->wait_ms, left;
	json_t *status;

	for (;; now = clock_ms()) {
		/* At the end there is still time for one last look. */
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
print_status(const json_t *status, bool json)
{
	/*
	 * JSON is all ASCII, so that no control character beyond it gets
	 * through.
	 */
	char *text = json ? json_dumps(status, JSON_INDENT(2) |
	    JSON_ENSURE_ASCII) : NULL;

	if (json)
		printf("%s\n", text != NULL ? text : "{}");
	else
		status_print(status, time(NULL));
	free(text);
}

int
cmd_status(int argc, char **argv)
{
	struct status_options o = { 0 };
	struct error e = { 0 };
	bool ready = true;
	json_t *status;
	int code;

	if (!read_status_options(argc, argv, &o, &code))
		return code;
	status = o.wait_ms > 0 ? wait_until_ready(&o, &ready, &e) :
	    status_ask(&o.target, ANSWER_MS, &e);
	if (status == NULL) {
		fprintf(stderr, "orthrus status: %s\n", e.text);
		return o.wait_ms > 0 && e.code == EX_UNAVAILABLE ?
		    EX_TEMPFAIL : e.code;
	}
	print_status(status, o.json);
	json_decref(status);
	code = printed_end("orthrus status");
	if (ready)
		return code;
	fprintf(stderr, "orthrus status: not connected with every forward up "
	    "in the time given\n");
	return EX_TEMPFAIL;
}
