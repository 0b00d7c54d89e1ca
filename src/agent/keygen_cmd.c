/* SPDX-License-Identifier: ISC */
/* "orthrus keygen": a new identity. */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/printed.h"
#include "orthrus/base/text.h"
#include "orthrus/conf/config.h"
#include "orthrus/ssh/identity.h"

#include "commands.h"

static void
keygen_usage(void *arg, FILE *f)
{
	(void)arg;
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
generate_identity(const char *path, const char *comment)
{
	struct error e;
	char *line = identity_generate(path, comment, &e);
	char shown[1024];
	struct stat st;
	int code;

	if (line == NULL) {
		fprintf(stderr, "orthrus keygen: %s\n", e.text);
		return e.code;
	}
	text_escape(shown, sizeof(shown), path, TEXT_PLAIN);
	printf("%s\n", line);
	code = printed_end("orthrus keygen");
	if (code != 0)
		fprintf(stderr, "The private key is %s, and the public one "
		    "in %s.pub.\n", shown, shown);
	else
		fprintf(stderr, "The private key is %s; the line above belongs "
		    "into authorized_keys\non the server.\n", shown);
	if (stat(path, &st) == 0 && st.st_uid != geteuid())
		fprintf(stderr, "It belongs to user %u, as its directory "
		    "does.\n", (unsigned)st.st_uid);
	free(line);
	return code;
}

struct keygen_options {
	const char *path, *comment;	/* NULL: the default */
};

static int
check_keygen_options(void *arg, char **arguments, struct error *e)
{
	const struct keygen_options *o = arg;

	(void)arguments;
	if (o->path == NULL || *o->path != '\0')
		return 0;
	return error_set(e, EX_USAGE, "-o: an empty value; write the path of "
	    "the private key");
}

int
cmd_keygen(int argc, char **argv)
{
	struct keygen_options o = { NULL, NULL };
	const struct command_option options[] = {
		{ "output", 'o', .text = &o.path, .value = "FILE" },
		{ "comment", 'C', .text = &o.comment },
	};
	const struct command_line line = {
		.command = "orthrus keygen",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.hint = "-o names the file",
		.usage = keygen_usage, .check = check_keygen_options, .arg = &o
	};
	char *path, *comment;
	int code;

	if (!command_line_read(&line, argc, argv, &code))
		return code;
	path = o.path != NULL ? xstrdup(o.path) : default_path();
	comment = o.comment != NULL ? xstrdup(o.comment) : default_comment();
	code = generate_identity(path, comment);
	free(path);
	free(comment);
	return code;
}
