/* SPDX-License-Identifier: ISC */
/* "orthrus check": would "orthrus connect" start, and with what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/complete.h"
#include "orthrus/base/confine.h"
#include "orthrus/base/printed.h"
#include "orthrus/conf/config.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/transport/tls.h"

#include "orthrus.h"
#include "commands.h"
#include "enroll.h"

static void
check_usage(void)
{
	printf("usage: orthrus check [options]\n\n"
	    "Validates the configuration that \"orthrus connect\" would have "
	    "with the same\noptions, and prints each value with its origin.  "
	    "Exits 0, or 78 when something\nis wrong (64: an option).\n\n");
	config_usage(stdout);
}

/* Who has a password or an AUTH_KEY to log in with need not have a key yet. */
static int
check_identity(const struct config *c, struct error *e)
{
	struct identity *id;

	if ((c->password_file != NULL || c->auth_key != NULL) &&
	    access(c->identity, F_OK) == -1)
		return 0;
	if ((id = orthrus_load_identity(c, true, e)) == NULL)
		return -1;
	identity_free(id);
	return config_name_is_default(c) ? 0 :
	    enrolment_name_fits(c, c->name, e);
}

/* 0, or what is told to be wrong with the files of TLS. */
static int
check_tls(const struct config *c)
{
	struct tls_client *tls;
	struct error e;

	if (orthrus_load_tls(c, &tls, &e) == -1) {
		config_report(NULL, e.text);
		return e.code;
	}
	tls_client_free(tls);
	return 0;
}

/* Tells of settings that are valid, but may not be what was meant. */
static void
print_notes(const struct config *c)
{
	char *untaken = config_untaken(c);

	if (untaken != NULL)
		fprintf(stderr, "note: %s\n", untaken);
	free(untaken);
	if (c->auth_key_trouble != NULL)
		fprintf(stderr, "note: AUTH_KEY_FILE: %s, which is fine as "
		    "long as the identity serves\n", c->auth_key_trouble);
	if (!c->socks5 && c->socks5_default)
		fprintf(stderr, "note: no SOCKS5 server, for a forward "
		    "listens on its default address; --socks5 chooses "
		    "another\n");
}

int
cmd_check(int argc, char **argv)
{
	char walls[CONFINE_TEXT_MAX];
	struct config *c;
	int code = 0;

	if (complete_asked(argc, argv)) {
		config_complete();
		return 0;
	}
	if (wants_help(argc, argv)) {
		check_usage();
		return 0;
	}
	c = config_check(argc, argv, check_identity, config_report, NULL,
	    &code);
	if (c == NULL)
		return code;
	if ((code = check_tls(c)) != 0) {
		config_free(c);
		return code;
	}
	config_print(c, stdout);
	printf("confined by = %s  # this machine\n", confine_text(walls));
	code = printed_end("orthrus check");
	print_notes(c);
	config_free(c);
	return code;
}
