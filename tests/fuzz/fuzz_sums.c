/* SPDX-License-Identifier: ISC */
/*
 * Any text as a list of checksums: it is read to its end, and each line that is
 * taken is one that sha256sum(1) would write again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/sums.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const struct sum *sum)
{
	char line[SUM_HEX + 2 + SUM_NAME_MAX + 1];
	const char *p = line, *why = NULL;
	struct sum again;
	size_t n = (size_t)snprintf(line, sizeof(line), "%s  %s\n", sum->hex,
	    sum->name);

	CHECK(strlen(sum->hex) == SUM_HEX && strchr(sum->name, '/') == NULL);
	CHECK(sum->hex[strspn(sum->hex, "0123456789abcdef")] == '\0');
	CHECK(sum_next(&p, &n, &again, &why) == 1 && n == 0);
	CHECK(strcmp(again.hex, sum->hex) == 0);
	CHECK(strcmp(again.name, sum->name) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy, so that one byte read beyond it shows. */
	char *copy = malloc(size + (size == 0));
	const char *p = copy, *why = NULL;
	size_t left = size, before;
	struct sum sum;
	int rc;

	CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	while (left > 0) {
		before = left;
		rc = sum_next(&p, &left, &sum, &why);
		CHECK(left < before && p == copy + (size - left));
		CHECK(rc != -1 || why != NULL);
		if (rc == 1)
			check_again(&sum);
	}
	CHECK(sum_next(&p, &left, &sum, &why) == 0);
	free(copy);
	return 0;
}
