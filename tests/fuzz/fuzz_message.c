/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what the monitor and the network process say to each other, and
 * as rows of peers: there is one way to say each thing, so what is read is
 * written as it came, and it names nobody who cannot be.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/monitor/message.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_message(const struct message *m, const uint8_t *data, size_t size)
{
	static uint8_t again[MESSAGE_MAX];
	struct error e;

	CHECK(m->kind >= ASK_STARTED && m->kind <= ASK_LAST);
	CHECK(m->name[0] == '\0' || name_valid(m->name));
	CHECK(m->len + m->more_len < size);
	CHECK(message_write(m, again) == size);
	CHECK(memcmp(again, data, size) == 0);
	message_error(m, &e);
	CHECK((uint32_t)e.code == m->code);
	CHECK(m->code == 0 || memchr(e.text, '\0', sizeof(e.text)) != NULL);
}

static void
check_row(const struct peer_row *row)
{
	static uint8_t first[MESSAGE_MAX], second[MESSAGE_MAX];
	static struct peer_row again;
	size_t n = 0, m = 0, left;
	const uint8_t *p = first;

	CHECK(row->removed || name_valid(row->peer.name));
	CHECK(row_write(row, first, sizeof(first), &n));
	left = n;
	CHECK(row_read(&again, &p, &left) && left == 0 && p == first + n);
	CHECK(row_write(&again, second, sizeof(second), &m));
	CHECK(n == m && memcmp(first, second, n) == 0);
	/* One byte less is not room enough. */
	m = 0;
	CHECK(!row_write(row, second, n - 1, &m) && m == 0);
}

static void
fuzz_rows(const uint8_t *p, size_t left)
{
	static struct peer_row row;
	const uint8_t *end = p + left;

	while (row_read(&row, &p, &left)) {
		CHECK(p + left == end);
		check_row(&row);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	struct message m;

	CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (message_read(&m, copy, size)) {
		check_message(&m, copy, size);
		fuzz_rows(m.bytes, m.len);
		fuzz_rows(m.more, m.more_len);
	}
	fuzz_rows(copy, size);
	free(copy);
	return 0;
}
