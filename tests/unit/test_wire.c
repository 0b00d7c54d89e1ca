/* SPDX-License-Identifier: ISC */
/* SSH's data types: what is read is what is there, and never beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/proto/wire.h"

static void
test_reads_in_order(void **state)
{
	static const uint8_t b[] = { 7, 0, 2, 0x01, 0x02, 0x03, 0xff,
	    0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i' };
	const uint8_t *p;
	struct wire w;
	char text[4];
	size_t len;

	(void)state;
	wire_init(&w, b, sizeof(b));
	assert_int_equal(wire_u8(&w), 7);
	assert_false(wire_bool(&w));
	assert_true(wire_bool(&w));	/* RFC 4251: all but 0 is true */
	assert_int_equal(wire_u32(&w), 0x010203ff);
	p = wire_string(&w, &len);
	assert_ptr_equal(p, b + 11);
	assert_int_equal(len, 3);
	wire_text(&w, text, sizeof(text));
	assert_string_equal(text, "");
	assert_true(wire_is(&w, "hi"));
	assert_false(w.bad);
	assert_int_equal(w.left, 0);
}

static void
test_nothing_beyond_the_end(void **state)
{
	static const uint8_t b[] = { 0, 0, 0 };
	const uint8_t *p;
	struct wire w;
	char text[8] = "before";
	size_t len = 9;

	(void)state;
	wire_init(&w, b, sizeof(b));
	assert_int_equal(wire_u32(&w), 0);
	assert_true(w.bad);
	/* It stays bad, although a byte would still be there. */
	assert_int_equal(wire_u8(&w), 0);
	assert_false(wire_bool(&w));
	p = wire_string(&w, &len);
	assert_non_null(p);
	assert_int_equal(len, 0);
	wire_text(&w, text, sizeof(text));
	assert_string_equal(text, "");
	assert_false(wire_is(&w, ""));
}

static void
test_empty(void **state)
{
	struct wire w;

	(void)state;
	wire_init(&w, NULL, 0);
	assert_false(w.bad);
	assert_int_equal(wire_u8(&w), 0);
	assert_true(w.bad);
}

/* Every length that lies about what follows. */
static void
test_string_lengths(void **state)
{
	static const uint32_t lies[] = { 5, 6, 0x7fffffff, 0x80000000,
	    0xfffffffb, 0xfffffffc, 0xffffffff };
	uint8_t *b = malloc(8);
	struct wire w;
	size_t i, len;

	(void)state;
	assert_non_null(b);
	memcpy(b + 4, "abcd", 4);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		wire_put_u32(b, lies[i]);
		wire_init(&w, b, 8);
		wire_string(&w, &len);
		assert_true(w.bad);
		assert_int_equal(len, 0);
	}
	wire_put_u32(b, 4);
	wire_init(&w, b, 8);
	assert_memory_equal(wire_string(&w, &len), "abcd", 4);
	assert_int_equal(len, 4);
	assert_false(w.bad);
	free(b);
}

static void
test_text(void **state)
{
	uint8_t b[16];
	struct wire w;
	char text[4];

	(void)state;
	wire_put_string(b, "abc", 3);
	wire_init(&w, b, 7);
	wire_text(&w, text, 4);
	assert_false(w.bad);
	assert_string_equal(text, "abc");

	wire_init(&w, b, 7);
	wire_text(&w, text, 3);		/* no room for the NUL */
	assert_true(w.bad);
	assert_string_equal(text, "");

	wire_put_string(b, "a\0c", 3);
	wire_init(&w, b, 7);
	wire_text(&w, text, 4);
	assert_true(w.bad);
	assert_string_equal(text, "");
}

static void
test_u64(void **state)
{
	static const uint8_t b[] = { 0x80, 1, 2, 3, 0xfc, 5, 6, 7 };
	uint8_t out[8];
	struct wire w;
	size_t i;

	(void)state;
	wire_init(&w, b, sizeof(b));
	assert_true(wire_u64(&w) == UINT64_C(0x80010203fc050607));
	assert_false(w.bad);
	assert_int_equal(w.left, 0);
	assert_ptr_equal(wire_put_u64(out, UINT64_C(0x80010203fc050607)),
	    out + 8);
	assert_memory_equal(out, b, sizeof(b));
	for (i = 0; i < sizeof(b); i++) {
		wire_init(&w, b, i);
		assert_true(wire_u64(&w) == 0);
		assert_true(w.bad);
	}
}

static void
test_is(void **state)
{
	uint8_t b[16];
	struct wire w;

	(void)state;
	wire_put_string(b, "abc", 3);
	wire_init(&w, b, 7);
	assert_true(wire_is(&w, "abc"));
	wire_init(&w, b, 7);
	assert_false(wire_is(&w, "ab"));
	assert_false(w.bad);
	wire_init(&w, b, 7);
	assert_false(wire_is(&w, "abcd"));
	wire_put_string(b, "abc\0", 4);
	wire_init(&w, b, 8);
	assert_false(wire_is(&w, "abc"));
}

static void
test_put(void **state)
{
	uint8_t b[16];

	(void)state;
	assert_ptr_equal(wire_put_u32(b, 0x80017fff), b + 4);
	assert_memory_equal(b, "\x80\x01\x7f\xff", 4);
	assert_ptr_equal(wire_put_string(b, "xy", 2), b + 6);
	assert_memory_equal(b, "\0\0\0\2xy", 6);
	assert_ptr_equal(wire_put_string(b, "", 0), b + 4);
	assert_memory_equal(b, "\0\0\0\0", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_in_order),
		cmocka_unit_test(test_nothing_beyond_the_end),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_string_lengths),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
