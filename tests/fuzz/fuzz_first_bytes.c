/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the first of a connection: who it is is said as soon as it can
 * be, once and for all, and never needs more than FIRST_BYTES_MAX of them.
 */
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/first_bytes.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum first_bytes found, before = FIRST_OPEN;
	size_t n;
	uint8_t *copy;

	for (n = 0; n <= size && n <= 2 * FIRST_BYTES_MAX; n++) {
		/* A copy of n bytes, so that one read beyond them shows. */
		copy = malloc(n + (n == 0));
		CHECK(copy != NULL);
		if (n > 0)
			memcpy(copy, data, n);
		found = first_bytes_read(copy, n);
		free(copy);
		CHECK(before == FIRST_OPEN || found == before);
		CHECK(n < FIRST_BYTES_MAX || found != FIRST_OPEN);
		CHECK(found != FIRST_SSH || memcmp(data, "SSH-", 4) == 0 ||
		    memcmp(data, "\1resume", 7) == 0);
		CHECK((found == FIRST_TLS) == (n > 0 && data[0] == 22));
		before = found;
	}
	return 0;
}
