/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the head of an answer and of a request: what is granted has
 * what RFC 6455 asks for, and a part is never taken for the whole.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/upgrade.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define PATH "/api/v1/orthrus/connect"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static bool
holds(const uint8_t *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

static void
try_answer(const uint8_t *data, size_t size)
{
	char accept[UPGRADE_ACCEPT_LEN + 1];
	struct error e = { 0 };
	size_t used = 0, part;
	int rc;

	upgrade_accept(KEY, accept);
	rc = upgrade_answer_read(data, size, PATH, accept, &used, &e);
	check(rc >= -1 && rc <= 1 && used <= size);
	check((rc == -1) == (e.code == EX_UNAVAILABLE && e.text[0] != '\0'));
	if (rc == 0)
		check(size < 2 * UPGRADE_HEAD_MAX || used > 0);
	if (rc != 1)
		return;
	check(holds(data, used, accept) && holds(data, used, " 101"));
	check(memcmp(data + used - 4, "\r\n\r\n", 4) == 0);
	check(upgrade_answer_read(data, used - 1, PATH, accept, &part, &e) ==
	    0);
}

static void
try_request(const uint8_t *data, size_t size)
{
	enum upgrade_look look = upgrade_look(data, size, PATH);
	char *answer = NULL;
	struct error e = { 0 };
	size_t used = 0;
	int rc;

	rc = upgrade_request_read(data, size, PATH, &used, &answer, &e);
	check(rc >= -1 && rc <= 1 && used <= size);
	check((rc == 0) == (answer == NULL) && (rc == -1) == (e.code != 0));
	check(rc != 1 || look == UPGRADE_WANTED);
	check(look != UPGRADE_MORE || rc == 0);
	check((rc == 1) == (answer != NULL &&
	    strncmp(answer, "HTTP/1.1 101 ", 13) == 0));
	if (rc == 1) {
		check(memcmp(data, "GET " PATH " ", sizeof(PATH) + 4) == 0);
		check(holds(data, used, "13"));
		check(upgrade_look(data, used - 1, PATH) == UPGRADE_MORE);
	}
	free(answer);
}

/* What we ask is granted, whatever the port. */
static void
try_own_request(uint16_t port)
{
	char *request = upgrade_request(port % 2 == 0 ? "h" : "::1", port, PATH,
	    KEY), *answer = NULL;
	struct error e;
	size_t used;

	check(upgrade_request_read((const uint8_t *)request, strlen(request),
	    PATH, &used, &answer, &e) == 1);
	check(used == strlen(request));
	free(answer);
	free(request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_own_request((uint16_t)(size > 0 ? data[0] + 400 : 443));
	try_answer(data, size);
	try_request(data, size);
	return 0;
}
