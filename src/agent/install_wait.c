/* SPDX-License-Identifier: ISC */
/* What becomes of a service that was just started. */
#include "config.h"

#include "install.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/loop.h"
#include "orthrus/setup/setup.h"

#include "status.h"

#define LOOK_MS 500
#define ANSWER_MS 2000

/* True when it has ended by itself; *code is with what. */
static bool
has_ended(const struct setup *s, int *code)
{
	char state[32], sub[32], status[16];

	setup_property(s, "ActiveState", state, sizeof(state));
	setup_property(s, "SubState", sub, sizeof(sub));
	if (strcmp(state, "failed") != 0 && strcmp(sub, "auto-restart") != 0)
		return false;
	setup_property(s, "ExecMainStatus", status, sizeof(status));
	*code = atoi(status);
	return true;
}

static int
tell_end(const struct setup *s, int code, struct error *e)
{
	printf("the service has ended with exit status %d, and said:\n", code);
	setup_show_log(s);
	fflush(stdout);
	return error_set(e, code >= EX__BASE && code <= EX__MAX ? code :
	    EX_UNAVAILABLE, "installed, but it does not stay up; \"orthrus "
	    "doctor\" says more");
}

static void
tell_online(const json_t *status)
{
	const char *server = json_string_value(json_object_get(status,
	    "server"));

	printf("online: connected to %s, with every forward up\n",
	    server != NULL ? server : "the server");
}

/* What it says of itself: true when it is up; why not goes to why. */
static bool
is_online(const char *ini, char *why, size_t size)
{
	const struct status_target target = { .config = ini };
	json_t *status = status_ask(&target, ANSWER_MS, NULL);
	const char *error = json_string_value(json_object_get(status,
	    "error"));
	bool ready = status != NULL && status_ready(status);

	snprintf(why, size, "%s", error != NULL ? error :
	    status == NULL ? "it does not answer yet" :
	    "not every forward is up");
	if (ready)
		tell_online(status);
	json_decref(status);
	return ready;
}

int
install_wait(const struct setup *s, const char *ini, uint64_t ms,
    struct error *e)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	uint64_t end = clock_ms() + ms;
	char why[ERROR_TEXT_MAX];
	int code;

	printf("waiting until it is connected\n");
	fflush(stdout);
	do {
		if (is_online(ini, why, sizeof(why)))
			return 0;
		if (has_ended(s, &code))
			return tell_end(s, code, e);
		nanosleep(&pause, NULL);
	} while (clock_ms() < end);
	return error_set(e, EX_TEMPFAIL, "installed and started, but not "
	    "connected in %llu s: %s; it goes on trying, and \"orthrus "
	    "doctor\" says more", (unsigned long long)ms / 1000, why);
}
