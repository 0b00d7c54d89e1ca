/* SPDX-License-Identifier: ISC */
/*
 * Any words, one a line, as the command line of a command with a table of
 * options of every kind: it runs, or ends with 0 or EX_USAGE, and what options
 * were given is what a run has got.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/command_line.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	bool json, quiet;
	const char *output;
	unsigned taken, bare, shown;
} got;

static int
take_limit(void *arg, char *value, struct error *e)
{
	CHECK(arg == &got && value != NULL);
	got.taken++;
	return value[0] == 'x' ? error_set(e, EX_USAGE, "not that") : 0;
}

static int
take_bare(void *arg, char *value, struct error *e)
{
	(void)e;
	CHECK(arg == &got && value == NULL);
	got.bare++;
	return 0;
}

static void
usage(void *arg, FILE *f)
{
	CHECK(arg == &got);
	fputs("usage\n", f);
	got.shown++;
}

static int
check_arguments(void *arg, char **arguments, struct error *e)
{
	CHECK(arg == &got);
	if (arguments[0] != NULL && strcmp(arguments[0], "wrong") == 0)
		return error_set(e, EX_USAGE, "wrong");
	return 0;
}

static const struct command_option options[] = {
	{ "json", 'j', &got.json, NULL, NULL, false, NULL },
	{ "quiet", 0, &got.quiet, NULL, NULL, false, NULL },
	{ "output", 'o', NULL, &got.output, NULL, false, NULL },
	{ "limit", 'l', NULL, NULL, take_limit, false, NULL },
	{ "bare", 'b', NULL, NULL, take_bare, true, NULL },
	{ NULL, 'n', NULL, NULL, take_limit, false, NULL }
};
static const struct command_line line = { "orthrus test", options, 6, 2,
    "see --help", usage, check_arguments, &got, NULL };

static int
split(char *text, char *argv[WORDS_MAX + 1])
{
	static char command[] = "test";
	int n = 0;

	argv[n++] = command;
	while (text != NULL && *text != '\0' && n < WORDS_MAX)
		argv[n++] = strsep(&text, "\n");
	argv[n] = NULL;
	return n;
}

/* What is said of it goes where it can be looked at. */
static bool
run(int argc, char **argv, int *code, size_t *complaint)
{
	FILE *out = stdout, *err = stderr;
	char *said = NULL, *complained = NULL;
	size_t n;
	bool runs;

	stdout = open_memstream(&said, &n);
	stderr = open_memstream(&complained, complaint);
	CHECK(stdout != NULL && stderr != NULL);
	runs = command_line_read(&line, argc, argv, code);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = err;
	CHECK(n == 0 || strcmp(said, "usage\n") == 0);
	free(said);
	free(complained);
	return runs;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[WORDS_MAX + 1];
	size_t complaint = 0;
	int argc, code = -1;
	bool help;

	CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&got, 0, sizeof(got));
	argc = split(text, argv);
	help = wants_help(argc, argv);
	if (run(argc, argv, &code, &complaint)) {
		CHECK(code == -1 && got.shown == 0 && complaint == 0);
		CHECK(got.output == NULL || (got.output >= text &&
		    got.output <= text + size));
	} else {
		CHECK(code == 0 || (code == EX_USAGE && complaint > 0));
		CHECK(got.shown == 1);
		CHECK(code != 0 || help || argc > 1);
	}
	free(text);
	return 0;
}
