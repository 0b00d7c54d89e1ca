/* SPDX-License-Identifier: ISC */
/* "charon check": would "charon serve" start, with what, behind which walls. */
#include "config.h"

#include <stdio.h>

#include "orthrus/base/confine.h"
#include "orthrus/monitor/state.h"
#include "orthrus/monitor/web_certificate.h"

#include "cli.h"
#include "commands.h"
#include "snippet.h"

static int
check_print(const struct call *c)
{
	char walls[CONFINE_TEXT_MAX];
	struct release release;
	struct error e;

	if (serve_check_user(c->config, &e) == -1 ||
	    state_check(c->config, &e) == -1 ||
	    web_certificate_check(c->config, &e) == -1 ||
	    release_load(c->config, &release, &e) == -1)
		return call_fail(c, &e);
	release_free(&release);
	gateway_config_print(c->config, stdout);
	printf("confined by = %s  # this machine\n", confine_text(walls));
	return call_end(c);
}

int
cmd_gateway_check(int argc, char **argv)
{
	static const struct command command = {
		"check", "",
		"validate the configuration and show where each value is from",
		"Prints each value with its origin, and what would confine "
		"\"charon serve\" here.\nExits 0, or 78 when something is "
		"wrong (64: an option).", 0, check_print
	};

	return command_run(&command, argc, argv);
}
