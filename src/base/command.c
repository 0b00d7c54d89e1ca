/* SPDX-License-Identifier: ISC */
/* See command.h. */
#include "config.h"

#include "orthrus/base/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <sodium.h>

#include "orthrus/base/complete.h"
#include "orthrus/base/confine.h"
#include "orthrus/base/libraries.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/near.h"
#include "orthrus/base/printed.h"
#include "orthrus/base/text.h"

static void
program_usage(const struct command_table *t, FILE *f)
{
	size_t i;

	fprintf(f, "usage: %s COMMAND [options]\n\n", t->program);
	for (i = 0; i < t->n; i++)
		fprintf(f, "  %-14s %s\n", t->rows[i].name, t->rows[i].help);
	fprintf(f, "\n\"%s COMMAND --help\" tells more of a command; %s "
	    "explains them.\n", t->program, t->manual);
}

static bool
is_option_word(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 ||
	    strcmp(word, c) == 0;
}

/* The command that was meant, or NULL. */
static const char *
command_meant(const struct command_table *t, const char *word)
{
	const struct command_instead *other;
	struct near near = NEAR(word);
	size_t i;

	for (other = t->instead; other != NULL && other->word != NULL; other++)
		if (strcmp(word, other->word) == 0)
			return other->command;
	for (i = 0; i < t->n; i++)
		near_try(&near, t->rows[i].name);
	return near.best;
}

/* As ssh(1) takes a server; a path of a file is none. */
static bool
is_like_server(const char *word)
{
	return word[0] != '.' && word[0] != '/' && strpbrk(word, "@:.") != NULL;
}

static int
no_such_command(const struct command_table *t, const char *word)
{
	const char *meant = command_meant(t, word);
	char shown[256];

	text_escape(shown, sizeof(shown), word, TEXT_PLAIN);
	if (word[0] == '-')
		fprintf(stderr, "%s: \"%s\": options go behind the command, "
		    "as in \"%s\"; \"%s --help\" lists the commands\n",
		    t->program, shown, t->example, t->program);
	else if (meant != NULL)
		fprintf(stderr, "%s: \"%s\" is not a command; did you mean "
		    "\"%s %s\"?\n", t->program, shown, t->program, meant);
	else if (t->dials != NULL && is_like_server(word))
		fprintf(stderr, "%s: \"%s\" is not a command; did you mean "
		    "\"%s %s %s\"?\n", t->program, shown, t->program,
		    t->dials, shown);
	else
		fprintf(stderr, "%s: \"%s\" is not a command; \"%s --help\" "
		    "lists them\n", t->program, shown, t->program);
	return EX_USAGE;
}

/*
 * What is closed of standard input, output and error becomes the null device,
 * as the first socket would else be taken for it.  Output is opened for reading
 * only: what is printed there is lost, and the command must find out.
 */
static bool
open_standard_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 &&
		    open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY :
		    O_RDWR) != fd)
			return false;
	return true;
}

/*
 * The end of each command: its exit code, or that its output was lost.  Where
 * nobody reads on it ends in silence by SIGPIPE, as head(1)'s writers do.
 */
static int
end_output(const struct command_table *t, const char *word, int code)
{
	char command[64];
	int lost;

	snprintf(command, sizeof(command), "%s %s", t->program, word);
	lost = printed_end(command);
	if (printed_reader_gone()) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return code == 0 ? lost : code;
}

/* Runs the command that argv[0] names. */
static int
run_command(const struct command_table *t, int argc, char **argv)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(argv[0], t->rows[i].name) == 0)
			return end_output(t, argv[0],
			    t->rows[i].run(argc, argv));
	return no_such_command(t, argv[0]);
}

/* "help COMMAND": the command with "--help" behind it. */
static int
command_help(const struct command_table *t, int argc, char **argv)
{
	char **words = xcalloc((size_t)argc + 2, sizeof(*words));
	char option[] = "--help";
	int code;

	memcpy(words, argv, (size_t)argc * sizeof(*words));
	words[argc] = option;
	code = run_command(t, argc + 1, words);
	free(words);
	return code;
}

int
command_main(const struct command_table *t, int argc, char **argv)
{
	if (!open_standard_descriptors())
		return EX_OSERR;
	confine_memory();
	signal(SIGPIPE, SIG_IGN);	/* a write fails instead */
	/* Nobody sees the words of libcrypto's errors, which take 50 KiB. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
	if (sodium_init() == -1) {
		fprintf(stderr, "%s: libsodium cannot start\n", t->program);
		return EX_OSERR;
	}
	if (argc < 2) {
		program_usage(t, stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--complete") == 0)
		return end_output(t, argv[1], complete_run(t, argc - 2,
		    argv + 2));
	if (argc > 2 && strcmp(argv[1], "help") == 0)
		return command_help(t, argc - 2, argv + 2);
	if (is_option_word(argv[1], "--help", "-h", "help")) {
		program_usage(t, stdout);
		return end_output(t, argv[1], 0);
	}
	if (is_option_word(argv[1], "--version", "-V", "version")) {
		printf("%s %s\n%s\n", t->program, PACKAGE_VERSION,
		    t->libraries);
		if (argc > 2 && strcmp(argv[2], "--verbose") == 0)
			libraries_print(stdout, t->database);
		return end_output(t, argv[1], 0);
	}
	return run_command(t, argc - 1, argv + 1);
}
