/* SPDX-License-Identifier: ISC */
/* command_line_read() with a small table, and what it says to a mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/command_line.h"

struct taken {
	bool json, checked;
	const char *name, *argument;
	char list[64];
	unsigned bares;
	FILE *usage_to;		/* NULL: it was not printed */
};

static int
take_item(void *arg, char *value, struct error *e)
{
	struct taken *t = arg;

	if (strcmp(value, "bad") == 0)
		return error_set(e, EX_USAGE, "\"bad\" is not good");
	strcat(t->list, value);
	return 0;
}

static int
take_bare(void *arg, char *value, struct error *e)
{
	struct taken *t = arg;

	(void)e;
	assert_null(value);
	t->bares++;
	strcat(t->list, "v");
	return 0;
}

static void
usage(void *arg, FILE *f)
{
	((struct taken *)arg)->usage_to = f;
}

static int
check(void *arg, char **arguments, struct error *e)
{
	struct taken *t = arg;

	t->checked = true;
	t->argument = arguments[0];
	if (t->argument != NULL && strcmp(t->argument, "wrong") == 0)
		return error_set(e, EX_USAGE, "that is wrong");
	return 0;
}

/* Reads "x" and the words up to NULL; stderr is kept in said. */
static char said[1024];

static bool
read_words(struct taken *t, int *code, ...)
{
	const struct command_option options[] = {
		{ "json", .flag = &t->json },
		{ "name", 'n', .text = &t->name },
		{ "item", .take = take_item },
		{ NULL, 'v', .take = take_bare, .bare = true },
		{ NULL, 'i', .take = take_item },
	};
	const struct command_line line = {
		.command = "prog cmd", .options = options, .n = 5, .most = 1,
		.hint = "one is enough", .usage = usage, .check = check,
		.arg = t
	};
	char program[] = "x", *argv[8] = { program }, *word;
	FILE *own = stderr;
	int argc = 1;
	va_list ap;
	bool run;

	memset(t, 0, sizeof(*t));
	memset(said, 0, sizeof(said));
	va_start(ap, code);
	while ((word = va_arg(ap, char *)) != NULL)
		argv[argc++] = word;
	va_end(ap);
	stderr = fmemopen(said, sizeof(said), "w");
	*code = -1;
	run = command_line_read(&line, argc, argv, code);
	fclose(stderr);
	stderr = own;
	assert_ptr_equal(argv[0], program);
	return run;
}

static void
test_options(void **state)
{
	struct taken t;
	int code;

	(void)state;
	assert_true(read_words(&t, &code, "--item", "a", "-v", "--name=me",
	    "--item=b", "there", "--json", NULL));
	assert_true(t.json);
	assert_string_equal(t.name, "me");
	assert_string_equal(t.list, "avb");	/* in their order */
	assert_string_equal(t.argument, "there");
	assert_null(t.usage_to);
	assert_string_equal(said, "");

	assert_true(read_words(&t, &code, "-n", "other", "--", "--json",
	    NULL));
	assert_string_equal(t.name, "other");
	assert_string_equal(t.argument, "--json");
	assert_false(t.json);

	/* Nothing is left of the last time. */
	assert_true(read_words(&t, &code, NULL));
	assert_null(t.name);
	assert_null(t.argument);
}

static void
test_help(void **state)
{
	struct taken t;
	int code;

	(void)state;
	assert_false(read_words(&t, &code, "-h", "--unknown", NULL));
	assert_int_equal(code, 0);
	assert_ptr_equal(t.usage_to, stdout);
	assert_false(t.checked);
	assert_false(read_words(&t, &code, "a", "--help", NULL));
	assert_int_equal(code, 0);
}

static void
assert_mistake(const struct taken *t, int code, const char *text)
{
	assert_int_equal(code, EX_USAGE);
	assert_non_null(t->usage_to);
	assert_ptr_not_equal(t->usage_to, stdout);
	assert_string_equal(said, text);
}

static void
test_mistakes(void **state)
{
	struct taken t;
	int code;

	(void)state;
	assert_false(read_words(&t, &code, "--unknown", "-h", NULL));
	assert_mistake(&t, code, "prog cmd: unknown option --unknown; --help "
	    "lists them all\n");
	assert_false(read_words(&t, &code, "--nam=x", "--nmae=x", NULL));
	assert_mistake(&t, code, "prog cmd: unknown option --nmae; did you "
	    "mean --name?\n");
	assert_false(read_words(&t, &code, "-Q\x1b", NULL));
	assert_mistake(&t, code, "prog cmd: unknown option -Q; --help lists "
	    "them all\n");
	assert_false(read_words(&t, &code, "--hlep", NULL));
	assert_mistake(&t, code, "prog cmd: unknown option --hlep; did you "
	    "mean --help?\n");
	assert_false(read_words(&t, &code, "--\x1b[31mx", NULL));
	assert_mistake(&t, code, "prog cmd: unknown option --\\x1b[31mx; "
	    "--help lists them all\n");
	assert_false(read_words(&t, &code, "--json=1", NULL));
	assert_mistake(&t, code, "prog cmd: option --json takes no value\n");
	assert_false(read_words(&t, &code, "--help=1", NULL));
	assert_mistake(&t, code, "prog cmd: option --help takes no value\n");
	assert_false(read_words(&t, &code, "-i", NULL));
	assert_mistake(&t, code, "prog cmd: option -i needs a value\n");
	assert_false(read_words(&t, &code, "--name", NULL));
	assert_mistake(&t, code, "prog cmd: option --name needs a value\n");
	assert_false(read_words(&t, &code, "--item", "bad", NULL));
	assert_mistake(&t, code, "prog cmd: --item: \"bad\" is not good\n");
	assert_false(read_words(&t, &code, "-i", "bad", NULL));
	assert_mistake(&t, code, "prog cmd: -i: \"bad\" is not good\n");
	assert_false(read_words(&t, &code, "a", "b\n", NULL));
	assert_mistake(&t, code, "prog cmd: unexpected argument \"b\\n\"; one "
	    "is enough\n");
	assert_false(read_words(&t, &code, "wrong", NULL));
	assert_mistake(&t, code, "prog cmd: that is wrong\n");
}

static void
test_wants_help(void **state)
{
	char word[] = "x", help[] = "--help", h[] = "-h", dashes[] = "--";
	char *first[] = { word, help, NULL }, *letter[] = { word, word, h };
	char *behind[] = { word, dashes, help }, *name[] = { help, word };

	(void)state;
	assert_true(wants_help(2, first));
	assert_true(wants_help(3, letter));
	assert_false(wants_help(3, behind));
	assert_false(wants_help(2, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_wants_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
