/* SPDX-License-Identifier: ISC */
/*
 * Any JSON as the status document of another process, shown to people: it is
 * shown to its end, and nothing of it reaches the terminal but text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/agent/status.h"
#include "orthrus/base/text.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What status_print() has said, for the caller to free. */
static char *
shown(const json_t *status)
{
	FILE *terminal = stdout;
	char *text = NULL;
	size_t n;

	stdout = open_memstream(&text, &n);
	CHECK(stdout != NULL);
	status_print(status, 1795276291);
	fclose(stdout);
	stdout = terminal;
	CHECK(strlen(text) == n);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *status = json_loadb((const char *)data, size, 0, NULL);
	char *text, *rest, *line;
	unsigned lines = 0;

	if (!json_is_object(status)) {
		json_decref(status);
		return 0;
	}
	if (status_ready(status))
		CHECK(strstr((text = shown(status)), "connected") != NULL);
	else
		text = shown(status);
	rest = text;
	while ((line = strsep(&rest, "\n")) != NULL) {
		CHECK(text_clean(line, strlen(line)));
		lines++;
	}
	CHECK(lines > 5);	/* those that are there in any case */
	free(text);
	json_decref(status);
	return 0;
}
