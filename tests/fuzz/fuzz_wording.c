/* SPDX-License-Identifier: ISC */
/*
 * Any text as what libssh says of an end, parts of which the other side has
 * chosen, and any bytes as what a stranger says first: there is a text for it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/ssh/wording.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[ERROR_TEXT_MAX], *text = malloc(size + 1);
	const char *why, *farewell;
	int code;

	CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	CHECK(wording_of(text, out) == out);
	CHECK(strlen(out) < sizeof(out));
	CHECK(text[0] == '\0' || out[0] != '\0');
	farewell = wording_farewell(text);
	CHECK(farewell == NULL || (farewell > text &&
	    farewell <= text + strlen(text)));
	why = wording_displaced(text, &code);
	CHECK(why == NULL || code == EX_TEMPFAIL || code == EX_UNAVAILABLE);
	free(text);
	CHECK(wording_stranger(data, size > WORDING_FIRST_MAX ?
	    WORDING_FIRST_MAX : size)[0] != '\0');
	return 0;
}
