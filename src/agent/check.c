/* "orthrus check": would "orthrus connect" start, and with what. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/agent/commands.h"
#include "orthrus/conf/config.h"
#include "orthrus/ssh/identity.h"

static void
report(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static void
usage(void)
{
	printf("usage: orthrus check [options]\n\n"
	    "Validates the configuration that \"orthrus connect\" would have "
	    "with the same\noptions, and prints each value with its origin.  "
	    "Exits 0, or 78 when something\nis wrong (64: an option).\n\n");
	config_usage(stdout);
}

/* With a password to log in with, there need not be a key. */
static int
check_identity(const struct config *c)
{
	struct identity *id;
	struct error e;

	if (c->password_file != NULL && access(c->identity, F_OK) == -1)
		return 0;
	id = identity_load(c->identity, &e);
	if (id == NULL) {
		config_blame(c, "server", "identity", &e);
		report(NULL, e.text);
		return EX_CONFIG;
	}
	identity_free(id);
	return 0;
}

int
cmd_check(int argc, char **argv)
{
	struct config *c;
	int code = 0;

	if (wants_help(argc, argv)) {
		usage();
		return 0;
	}
	c = config_load(argc, argv, report, NULL, &code);
	if (c == NULL)
		return code;
	config_print(c, stdout);
	fflush(stdout);
	code = check_identity(c);
	config_free(c);
	return code;
}
