/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a command and as a user: what is taken names an agent or none,
 * and is the same command when it is written in its one form.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/dial_stdio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_command(const uint8_t *p, size_t size)
{
	char agent[NAME_MAX_LEN], again[NAME_MAX_LEN], text[160];
	enum dial_stdio found;

	memset(agent, 0x5a, sizeof(agent));
	found = dial_stdio_read(p, size, agent);
	check(memchr(agent, '\0', sizeof(agent)) != NULL);
	check(agent[0] == '\0' ||
	    (found == DIAL_STDIO_OK && name_valid(agent)));
	if (found != DIAL_STDIO_OK)
		return;
	/* The words are there, whatever stands between their letters. */
	check(size >= strlen("docker system dial-stdio"));
	check(memchr(p, '\0', size) == NULL && memchr(p, ';', size) == NULL);
	snprintf(text, sizeof(text), "docker --host=unix:///%s system "
	    "dial-stdio", agent);
	check(dial_stdio_read((const uint8_t *)text, strlen(text), again) ==
	    DIAL_STDIO_OK && strcmp(agent, again) == 0);
}

static void
fuzz_user(const uint8_t *p, size_t size)
{
	char name[NAME_MAX_LEN], agent[NAME_MAX_LEN];
	char *user = malloc(size + 1);

	check(user != NULL);
	if (size > 0)
		memcpy(user, p, size);
	user[size] = '\0';
	if (dial_stdio_user(user, name, agent)) {
		check(name_valid(name));
		check(strncmp(user, name, strlen(name)) == 0);
		user += strlen(name);
		check(*user == '\0' ? agent[0] == '\0' :
		    *user == '+' && strcmp(user + 1, agent) == 0);
		user -= strlen(name);
	}
	free(user);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t text = size;

	/* Corpus files end as text does. */
	if (size > 0 && data[size - 1] == '\n')
		text--;
	fuzz_command(data, size);
	fuzz_command(data, text);
	fuzz_user(data, text);
	return 0;
}
