/* SPDX-License-Identifier: ISC */
/*
 * Lists of revoked certificates: read back by a reader of the test's own, and
 * by ssh-keygen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/krl.h"
#include "orthrus/proto/wire.h"

#define SPACE 70000		/* serials below that are looked for */
#define BIG (UINT64_C(1) << 62)

static const uint8_t authorities[2][ED25519_KEY_LEN] = { { 1 }, { 2 } };
static uint8_t revoked[SPACE];	/* how often the reader met each */
static size_t far;		/* serials beyond */

/* --- a reader ----------------------------------------------------- */

static void
note(uint64_t serial)
{
	if (serial < SPACE)
		revoked[serial]++;
	else
		far++;
}

static void
read_bitmap(struct wire *w)
{
	uint64_t from = wire_u64(w);
	size_t n, bit;
	const uint8_t *bits = wire_string(w, &n);

	assert_in_range(n, 1, 2048);		/* what OpenSSH reads */
	assert_int_equal(bits[0] & 0x80, 0);
	/* No more zeros in front than a number needs. */
	assert_true(bits[0] != 0 || (n > 1 && (bits[1] & 0x80) != 0));
	for (bit = 0; bit < n * 8; bit++)
		if (bits[n - 1 - bit / 8] & 1 << bit % 8)
			note(from + bit);
}

static void
read_part(uint8_t type, struct wire *w)
{
	uint64_t low, high;

	assert_int_not_equal(w->left, 0);
	switch (type) {
	case 0x20:
		while (w->left > 0 && !w->bad)
			note(wire_u64(w));
		break;
	case 0x21:
		low = wire_u64(w);
		high = wire_u64(w);
		assert_true(low <= high);
		for (; low <= high; low++)
			note(low);
		break;
	case 0x22:
		read_bitmap(w);
		break;
	default:
		fail_msg("part %u", type);
	}
	assert_true(!w->bad && w->left == 0);
}

static void
read_authority(struct wire *w, const uint8_t key[ED25519_KEY_LEN])
{
	uint8_t blob[KEY_BLOB_LEN], type;
	struct wire part;
	const uint8_t *p;
	size_t n;

	key_blob_write(key, blob);
	p = wire_string(w, &n);
	assert_int_equal(n, sizeof(blob));
	assert_memory_equal(p, blob, n);
	wire_string(w, &n);
	assert_int_equal(n, 0);
	while (w->left > 0 && !w->bad) {
		type = wire_u8(w);
		p = wire_string(w, &n);
		wire_init(&part, p, n);
		read_part(type, &part);
	}
	assert_false(w->bad);
}

/* Leaves in revoked[] what it says for authority number which. */
static void
read_list(const uint8_t *p, size_t len, size_t which, uint64_t made)
{
	struct wire w, section;
	size_t n, i;

	memset(revoked, 0, sizeof(revoked));
	far = 0;
	wire_init(&w, p, len);
	assert_true(wire_u64(&w) == 0x5353484b524c0a00);
	assert_int_equal(wire_u32(&w), 1);
	assert_true(wire_u64(&w) == made && wire_u64(&w) == made);
	assert_true(wire_u64(&w) == 0 && wire_u32(&w) == 0);
	assert_true(wire_is(&w, "charon"));
	for (i = 0; w.left > 0 && !w.bad; i++) {
		assert_int_equal(wire_u8(&w), 1);
		p = wire_string(&w, &n);
		wire_init(&section, p, n);
		if (i == which)
			read_authority(&section, authorities[i]);
	}
	assert_false(w.bad);
}

/* --- what it is given --------------------------------------------- */

/* Writes these serials, reads them back, and returns the list's size. */
static size_t
round_trip(const uint64_t *serials, size_t n, size_t nauthorities)
{
	struct krl k = { authorities, nauthorities, serials, n, 1234567890 };
	uint8_t *out = xcalloc(1, krl_room(&k));
	size_t len = krl_write(&k, out), i, j, seen, below;

	assert_true(len <= krl_room(&k));
	for (i = 0; i < nauthorities; i++) {
		read_list(out, len, i, k.made);
		for (j = below = seen = 0; j < n && serials[j] < SPACE; j++) {
			assert_int_equal(revoked[serials[j]], 1);
			below++;
		}
		for (j = 0; j < SPACE; j++)
			seen += revoked[j];
		assert_int_equal(seen, below);
		assert_int_equal(far, n - below);
	}
	free(out);
	return len;
}

static size_t
every(uint64_t step, size_t n)
{
	uint64_t *serials = xcalloc(n, sizeof(*serials));
	size_t i, len;

	for (i = 0; i < n; i++)
		serials[i] = 1 + i * step;
	len = round_trip(serials, n, 1);
	free(serials);
	return len;
}

static void
test_empty(void **state)
{
	(void)state;
	assert_int_equal(round_trip(NULL, 0, 0), 50);
	assert_int_equal(round_trip(NULL, 0, 2), 50);
}

static void
test_few(void **state)
{
	static const uint64_t lists[][8] = {
		{ 1 }, { 1, 2 }, { 1, 2, 3 }, { 5, 69, 133 }, { 5, 70 },
		{ 1, 8 }, { 1, 9 }, { 3, 4, 5, 6, 7, 8, 9, 10 },
		{ 7, 9000, 60000, 69999 }, { 69999, SPACE, SPACE + 1, BIG },
		{ BIG, BIG + 1, BIG + 2, BIG + 7, BIG + 8 }
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (n = 0; n < 8 && lists[i][n] != 0; n++)
			;
		round_trip(lists[i], n, 2);
	}
}

/* Rows and gaps of all lengths around where one form gives way to another. */
static void
test_lengths(void **state)
{
	size_t row, i;
	uint64_t serials[2 * 700];

	(void)state;
	for (row = 1; row < 700; row++) {
		for (i = 0; i < row; i++) {
			serials[i] = 10 + i;
			serials[row + i] = 10 + row + 1 + row % 70 + i;
		}
		round_trip(serials, 2 * row, 1);
	}
}

static void
test_random(void **state)
{
	static uint64_t serials[SPACE];
	unsigned round, density;
	size_t n;
	uint64_t s;

	(void)state;
	srandom(7);
	for (round = 0; round < 12; round++) {
		density = 1u << round;
		for (n = 0, s = 1; s < SPACE; s++)
			/* Neighbours share their fate now and then. */
			if (((unsigned)random() / 7) % density == 0 ||
			    (round % 2 == 1 && s / 500 % 3 == 0))
				serials[n++] = s;
		round_trip(serials, n, 2);
	}
}

static void
test_size(void **state)
{
	(void)state;
	assert_true(every(1, 10000) < 200);
	assert_true(every(2, 10000) < 3000);
	assert_true(every(60, 10000) < 10000 * 8 + 1000);
	assert_true(every(100, 10000) < 10000 * 8 + 1000);
}

/* --- ssh-keygen, which has the last word -------------------------- */

static char dir[64];

static int
run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int
run(const char *fmt, ...)
{
	char command[512], *line;
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	line = xasprintf("cd %s && { %s; } >out 2>&1", dir, command);
	r = system(line);
	free(line);
	return r;
}

static void
write_for_keygen(const uint64_t *serials, size_t n)
{
	char *path = xasprintf("%s/list", dir), *pub = xasprintf("%s/ca.pub",
	    dir), *text = file_read(pub, 4096, NULL, NULL);
	uint8_t ca[1][ED25519_KEY_LEN], *out;
	struct krl k = { (const uint8_t (*)[ED25519_KEY_LEN])ca, 1, serials, n,
	    1234567890 };
	struct error e;

	assert_non_null(text);
	assert_int_equal(key_line_read(text, ca[0], &e), 0);
	out = xcalloc(1, krl_room(&k));
	assert_int_equal(file_replace(path, 0644, out, krl_write(&k, out), &e),
	    0);
	free(out);
	free(text);
	free(pub);
	free(path);
}

static void
expect_keygen(uint64_t serial, bool is_revoked)
{
	if (run("ssh-keygen -q -s ca -I x -n x -z %llu user.pub",
	    (unsigned long long)serial) != 0)
		fail_msg("no certificate %llu", (unsigned long long)serial);
	if ((run("ssh-keygen -Q -f list user-cert.pub") != 0) != is_revoked)
		fail_msg("certificate %llu is %srevoked",
		    (unsigned long long)serial, is_revoked ? "not " : "");
}

static void
test_keygen(void **state)
{
	static uint64_t serials[2000];
	size_t i, n = 0;

	(void)state;
	assert_int_equal(run("ssh-keygen -q -t ed25519 -N '' -f ca && "
	    "ssh-keygen -q -t ed25519 -N '' -f user && "
	    "ssh-keygen -q -t ed25519 -N '' -f other"), 0);
	write_for_keygen(NULL, 0);
	assert_int_equal(run("ssh-keygen -Q -l -f list"), 0);
	expect_keygen(1, false);
	serials[n++] = 1;
	for (i = 0; i < 1000; i++)		/* a range */
		serials[n++] = 100 + i;
	for (i = 0; i < 500; i++)		/* bitmaps */
		serials[n++] = 20000 + 3 * i;
	serials[n++] = 1000000;
	serials[n++] = BIG;
	write_for_keygen(serials, n);
	assert_int_equal(run("ssh-keygen -Q -l -f list"), 0);
	for (i = 0; i < n; i += i < 2 ? 1 : 249)
		expect_keygen(serials[i], true);
	expect_keygen(BIG, true);
	expect_keygen(2, false);
	expect_keygen(99, false);
	expect_keygen(1100, false);
	expect_keygen(20001, false);
	expect_keygen(21498, false);
	expect_keygen(BIG + 1, false);
	/* Only certificates, and only this authority's. */
	assert_int_equal(run("ssh-keygen -Q -f list user.pub"), 0);
	assert_int_equal(run("ssh-keygen -q -s other -I x -n x -z 1 user.pub && "
	    "ssh-keygen -Q -f list user-cert.pub"), 0);
}

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/orthrus-krl.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return run("rm -rf \"$PWD\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_size),
		cmocka_unit_test_setup_teardown(test_keygen, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
