/* SPDX-License-Identifier: ISC */
/*
 * Any words, one a line, as the options of "orthrus connect": a configuration
 * comes out exactly when nothing was reported, each report is one line of
 * text, a secret is nowhere but where it belongs, and the same words mean the
 * same once more, as at a reload.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/text.h"
#include "orthrus/conf/config.h"
#include "orthrus/proto/auth_key.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define WORDS_MAX 32
#define SECRET_LEN 20		/* so much of an AUTH_KEY would tell */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *secret;	/* what must not be shown, or NULL */

static void
check_line(void *arg, const char *line)
{
	CHECK(line[0] != '\0' && text_clean(line, strlen(line)));
	CHECK(secret == NULL || strstr(line, secret) == NULL);
	++*(unsigned *)arg;
}

/* Prints it, as "orthrus check" does, and looks for the secret. */
static char *
printed(const struct config *c)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	CHECK(f != NULL);
	config_print(c, f);
	fclose(f);
	CHECK(secret == NULL || strstr(text, secret) == NULL);
	return text;
}

static char *
load(int argc, char **argv)
{
	unsigned reported = 0;
	struct config *c;
	char *text = NULL;
	int code = 0;

	c = config_load(argc, argv, check_line, &reported, &code);
	CHECK((c == NULL) == (reported > 0));
	if (c == NULL)
		CHECK(code == EX_USAGE || code == EX_CONFIG);
	else
		text = printed(c);
	config_free(c);
	return text;
}

/* A file that is named would be read, or written to by nobody. */
static bool
names_a_file(const char *word)
{
	return strchr(word, '/') != NULL || strchr(word, '~') != NULL ||
	    (word[0] == '-' && strchr(word, 'F') != NULL) ||
	    strncmp(word, "--ssh", 5) == 0 ||
	    strncmp(word, "-c", 2) == 0 || strncmp(word, "--c", 3) == 0;
}

/* The words as main() gets them, in memory that may be changed. */
static int
split(char *text, char *argv[WORDS_MAX + 1])
{
	static char command[] = "connect";
	int n = 0;

	argv[n++] = command;
	while (text != NULL && *text != '\0' && n < WORDS_MAX) {
		argv[n] = strsep(&text, "\n");
		if (names_a_file(argv[n]))
			return 0;
		n++;
	}
	argv[n] = NULL;
	return n;
}

/*
 * The middle of an AUTH_KEY in the first word, where no other option can take
 * it for its value; for the caller to free.
 */
static char *
find_secret(const char *text)
{
	static const char option[] = "--auth-key=" AUTH_KEY_PREFIX;
	const char *p = text + sizeof(option) - 1;

	if (strncmp(text, option, sizeof(option) - 1) != 0 || strspn(p, "-_"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
	    < SECRET_LEN)
		return NULL;
	return strndup(p, SECRET_LEN);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[WORDS_MAX + 1], *first, *again;
	char *found, *same[WORDS_MAX + 1];
	static bool cleared;
	bool secretive;
	int argc;

	if (!cleared)
		cleared = clearenv() == 0;
	CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	found = find_secret(text);
	/* What stands in other words as well is no secret. */
	secret = found != NULL && strstr(strstr(text, found) + 1, found) ==
	    NULL ? found : NULL;
	secretive = strstr(text, "auth-key") != NULL;
	argc = split(text, argv);
	if (argc > 0) {
		/* getopt_long(3) puts words that are no options last. */
		memcpy(same, argv, ((size_t)argc + 1) * sizeof(same[0]));
		first = load(argc, argv);
		again = load(argc, same);
		/* The secret itself is gone from the words by then. */
		CHECK(secretive || (first == NULL) == (again == NULL));
		CHECK(secretive || first == NULL || strcmp(first, again) == 0);
		free(first);
		free(again);
	}
	free(found);
	free(text);
	return 0;
}
