/* SPDX-License-Identifier: ISC */
/* "orthrus keygen": a new identity. */
#include <sys/stat.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/conf/config.h"
#include "orthrus/ssh/identity.h"

#include "commands.h"

static void
usage(FILE *f)
{
	fprintf(f, "usage: orthrus keygen [-o FILE] [-C COMMENT]\n\n"
	    "Makes an Ed25519 key in OpenSSH format, mode 0600, and prints its "
	    "public half\nfor the server's authorized_keys.  Never "
	    "overwrites.\n\n"
	    "  -o, --output FILE      private key, FILE.pub beside it "
	    "($STATE/id_ed25519)\n"
	    "  -C, --comment COMMENT  ends the public line (orthrus@HOST)\n"
	    "  -h, --help             this text\n");
}

static char *
default_path(void)
{
	char *state = state_directory();
	char *path = xasprintf("%s/id_ed25519", state);

	free(state);
	return path;
}

static char *
default_comment(void)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	return xasprintf("orthrus@%s", host);
}

static int
generate(const char *path, const char *comment)
{
	struct error e;
	char *line = identity_generate(path, comment, &e);
	char shown[1024];
	struct stat st;

	if (line == NULL) {
		fprintf(stderr, "orthrus keygen: %s\n", e.text);
		return e.code;
	}
	text_escape(shown, sizeof(shown), path, TEXT_PLAIN);
	printf("%s\n", line);
	fflush(stdout);
	fprintf(stderr, "The private key is %s; the line above belongs into "
	    "authorized_keys\non the server.\n", shown);
	if (stat(path, &st) == 0 && st.st_uid != geteuid())
		fprintf(stderr, "It belongs to user %u, as its directory "
		    "does.\n", (unsigned)st.st_uid);
	free(line);
	return 0;
}

/* What is wrong although every option is known: true after saying it. */
static bool
is_misused(int argc, char **argv, const char *path)
{
	char shown[256];

	if (optind < argc) {
		text_escape(shown, sizeof(shown), argv[optind], TEXT_PLAIN);
		fprintf(stderr, "orthrus keygen: unexpected argument \"%s\"; "
		    "-o names the file\n", shown);
		return true;
	}
	if (path == NULL || *path != '\0')
		return false;
	fprintf(stderr, "orthrus keygen: -o: an empty value; write the path "
	    "of the private key\n");
	return true;
}

int
cmd_keygen(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "comment", required_argument, NULL, 'C' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	static char program[] = "orthrus keygen";
	char *path = NULL, *comment = NULL;
	int c, code = 0;

	argv[0] = program;	/* for what getopt_long() complains about */
	optind = 1;
	while (code == 0 && (c = getopt_long(argc, argv, "o:C:h", options,
	    NULL)) != -1) {
		switch (c) {
		case 'o':
			free(path);
			path = xstrdup(optarg);
			break;
		case 'C':
			free(comment);
			comment = xstrdup(optarg);
			break;
		case 'h':
			usage(stdout);
			goto out;
		default:
			code = EX_USAGE;
		}
	}
	if (code == 0 && is_misused(argc, argv, path))
		code = EX_USAGE;
	if (code != 0) {
		usage(stderr);
		goto out;
	}
	if (path == NULL)
		path = default_path();
	if (comment == NULL)
		comment = default_comment();
	code = generate(path, comment);
out:
	free(path);
	free(comment);
	return code;
}
