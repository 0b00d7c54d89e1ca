/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what the monitor and the network process say to each other, as
 * rows, and as a request to log in: what is read is within its limits and
 * reads back the same when it is written.
 */
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/userauth.h"

#include "../../src/monitor/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
fuzz_message(const uint8_t *data, size_t size)
{
	static uint8_t out[MESSAGE_MAX];
	struct message m;
	struct error e;

	if (!message_read(&m, data, size))
		return;
	check(m.kind >= ASK_STARTED && m.kind <= ASK_LAST && m.code <= 255);
	check(m.name[0] == '\0' || name_valid(m.name));
	check(m.len <= size && m.more_len <= size);
	check(message_write(&m, out) == size);
	check(memcmp(out, data, size) == 0);
	message_error(&m, &e);
	check(e.code == (int)m.code);
}

static void
fuzz_rows(const uint8_t *data, size_t size)
{
	static struct peer_row row, again;
	static uint8_t out[MESSAGE_MAX];
	const uint8_t *p = data, *q;
	size_t left = size, before, len, n;

	for (;;) {
		before = left;
		if (!row_read(&row, &p, &left))
			break;
		check(left < before && p == data + size - left);
		check(row.removed || name_valid(row.peer.name));
		len = 0;
		check(row_write(&row, out, sizeof(out), &len));
		q = out;
		n = len;
		check(row_read(&again, &q, &n) && n == 0);
		check(again.peer.id == row.peer.id &&
		    strcmp(again.peer.name, row.peer.name) == 0 &&
		    strcmp(again.peer.allow, row.peer.allow) == 0 &&
		    again.peer.hello.kind == row.peer.hello.kind);
	}
}

static void
fuzz_userauth(const uint8_t *data, size_t size)
{
	static const uint8_t id[32], key[ED25519_KEY_LEN];
	struct userauth u;

	if (!userauth_read(data, size, &u))
		return;
	check(u.signed_len <= size && u.blob + u.blob_len <= data + size);
	check(memchr(u.user, '\0', sizeof(u.user)) != NULL);
	check(u.signature == NULL || u.signature +
	    ED25519_SIGNATURE_LEN <= data + size);
	/* Nobody has signed with that key, which is no point of the curve. */
	check(!userauth_is_signed(&u, data, id, sizeof(id), key));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 0)
		fuzz_message(data + 1, size - 1);
	else if (data[0] % 3 == 1)
		fuzz_rows(data + 1, size - 1);
	else
		fuzz_userauth(data + 1, size - 1);
	return 0;
}
