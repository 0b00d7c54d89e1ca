/* SPDX-License-Identifier: ISC */
/*
 * Any set of serials as a list of revoked certificates: it fits into its room,
 * and to a reader that goes by OpenSSH's PROTOCOL.krl each of them is revoked
 * for each authority, and nothing else is.  A byte of the input is how far the
 * next serial is, or how many follow in a row, or that a number of 8 bytes
 * follows by which they jump.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/krl.h"
#include "orthrus/proto/wire.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define SERIALS_MAX 4096
#define AUTHORITIES 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t serials[SERIALS_MAX], found[SERIALS_MAX];
static size_t nserials, nfound;

/* --- the set ---------------------------------------------------------- */

/* False when there are enough, or no higher number is left. */
static bool
add(uint64_t by)
{
	uint64_t last = nserials == 0 ? 0 : serials[nserials - 1];

	if (by == 0 || by > UINT64_MAX - last || nserials == SERIALS_MAX)
		return false;
	serials[nserials++] = last + by;
	return true;
}

static void
read_set(const uint8_t *p, size_t n)
{
	uint64_t by;
	size_t row;
	bool more = true;

	nserials = 0;
	for (; n > 0 && more; p++, n--) {
		if (*p < 200)
			more = add(*p + 1);
		for (row = *p < 200 || *p == 255 ? 0 : (*p - 199) * 8;
		    row > 0 && more; row--)
			more = add(1);
		if (*p == 255 && n > 8) {
			memcpy(&by, p + 1, sizeof(by));
			more = add(by);
			p += 8;
			n -= 8;
		}
	}
}

/* --- the reader ------------------------------------------------------- */

static void
see(uint64_t serial)
{
	CHECK(nfound < nserials);
	found[nfound++] = serial;
}

static void
see_bitmap(struct wire *w)
{
	uint64_t first = wire_u64(w);
	size_t n, i;
	const uint8_t *p = wire_string(w, &n);

	CHECK(!w->bad && n > 0 && n * 8 <= 0x4000 + 8);
	CHECK(p[0] != 0 || (n > 1 && (p[1] & 0x80) != 0));
	CHECK((p[0] & 0x80) == 0);
	for (i = 0; i < n * 8; i++)
		if ((p[n - 1 - i / 8] >> i % 8 & 1) != 0)
			see(first + i);
}

static void
see_part(struct wire *w)
{
	uint8_t type = wire_u8(w);
	struct wire part;
	uint64_t low, high;
	size_t n;
	const uint8_t *p = wire_string(w, &n);

	CHECK(!w->bad && n > 0);
	wire_init(&part, p, n);
	if (type == 0x20) {
		CHECK(n % 8 == 0);
		while (part.left > 0)
			see(wire_u64(&part));
	} else if (type == 0x21) {
		low = wire_u64(&part);
		high = wire_u64(&part);
		CHECK(low <= high && high - low < SERIALS_MAX);
		for (; low < high; low++)
			see(low);
		see(high);
	} else {
		CHECK(type == 0x22);
		see_bitmap(&part);
	}
	CHECK(!part.bad && part.left == 0);
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
see_authority(struct wire *w, const uint8_t authority[ED25519_KEY_LEN])
{
	uint8_t key[ED25519_KEY_LEN], type = wire_u8(w);
	struct wire section;
	size_t n;
	const uint8_t *p = wire_string(w, &n);

	CHECK(!w->bad && type == 1);
	wire_init(&section, p, n);
	p = wire_string(&section, &n);
	CHECK(key_blob_read(p, n, key) == 0);
	CHECK(memcmp(key, authority, sizeof(key)) == 0);
	wire_string(&section, &n);
	CHECK(!section.bad && n == 0);
	nfound = 0;
	while (section.left > 0)
		see_part(&section);
	qsort(found, nfound, sizeof(found[0]), by_size);
	CHECK(nfound == nserials &&
	    memcmp(found, serials, nfound * sizeof(found[0])) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t authorities[AUTHORITIES][ED25519_KEY_LEN] = {
		{ 1 }, { 2 }
	};
	struct krl k = { authorities, AUTHORITIES, serials, 0, 7 };
	struct wire w;
	uint8_t *out;
	size_t n, i;

	read_set(data, size);
	k.nserials = nserials;
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	out = malloc(krl_room(&k));
	CHECK(out != NULL);
	wire_init(&w, out, n = krl_write(&k, out));
	CHECK(n <= krl_room(&k) && memcmp(out, "SSHKRL\n", 8) == 0);
	wire_u64(&w);
	CHECK(wire_u32(&w) == 1 && wire_u64(&w) == 7 && wire_u64(&w) == 7);
	CHECK(wire_u64(&w) == 0 && wire_u32(&w) == 0);
	wire_string(&w, &i);
	for (i = 0; i < AUTHORITIES && nserials > 0; i++)
		see_authority(&w, authorities[i]);
	CHECK(!w.bad && w.left == 0);
	free(out);
	return 0;
}
