/* SPDX-License-Identifier: ISC */
/*
 * The first line as a host and a user, the second as a command, the third as
 * what it says: no name becomes syntax of a shell, and no name stays in a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/proxy_command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_name(const char *name)
{
	static const char syntax[] = "\t\n\r !\"#$&'()*,/;<=>?[\\]^`{|}~";
	char out[PROXY_COMMAND_MAX];
	struct server server = { .port = 22 };
	struct error e;

	if (strlen(name) >= HOST_MAX || strlen(name) >= USER_MAX)
		return;
	strcpy(server.host, name);
	strcpy(server.user, name);
	if (proxy_command_expand("%h", &server, out, &e) == -1) {
		check(e.code == EX_CONFIG && e.text[0] != '\0');
		check(proxy_command_expand("%r", &server, out, NULL) == -1);
		return;
	}
	check(strcmp(out, name) == 0 && out[0] != '-' && out[0] != '\0');
	check(strpbrk(out, syntax) == NULL);
}

static void
fuzz_text(const char *text)
{
	const struct server server = { .host = "gw", .user = "u", .port = 7 };
	char out[PROXY_COMMAND_MAX];
	struct error e;

	if (proxy_command_expand(text, &server, out, &e) == -1)
		check(e.code == EX_CONFIG && e.text[0] != '\0');
	else if (strchr(text, '%') == NULL)
		check(strcmp(out, text) == 0);
}

static void
fuzz_line(char *line)
{
	size_t len = strlen(line);
	char *copy;

	proxy_command_mask(line, "gw");
	check(strlen(line) <= len);
	check(strcmp(line, "gw") != 0);
	copy = strdup(line);
	check(copy != NULL);
	proxy_command_mask(copy, "gw");
	check(strlen(copy) <= strlen(line));
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 3), *text, *line;

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	memset(s + size, 0, 3);
	text = s + strcspn(s, "\n");
	if (*text != '\0')
		*text++ = '\0';
	line = text + strcspn(text, "\n");
	if (*line != '\0')
		*line++ = '\0';
	fuzz_name(s);
	fuzz_text(text);
	fuzz_line(line);
	free(s);
	return 0;
}
