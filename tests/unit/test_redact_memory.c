/* SPDX-License-Identifier: ISC */
/*
 * How much memory the redactor takes for one document, however large, deep or
 * odd: it never grows beyond 64 KiB, not even for a moment.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/muzzle/redact.h"

#define LIMIT (64 * 1024)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PIECE 16384

static bool counting;
static size_t held, most;

void *__real_xcalloc(size_t n, size_t size);
void *__wrap_xcalloc(size_t n, size_t size);
void *__real_xreallocarray(void *p, size_t n, size_t size);
void *__wrap_xreallocarray(void *p, size_t n, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);

static void
count(void *p)
{
	held += counting ? malloc_usable_size(p) : 0;
	if (held > most)
		most = held;
}

void *
__wrap_xcalloc(size_t n, size_t size)
{
	void *p = __real_xcalloc(n, size);

	count(p);
	return p;
}

/* While it copies, both are there. */
void *
__wrap_xreallocarray(void *p, size_t n, size_t size)
{
	size_t before = counting && p != NULL ? malloc_usable_size(p) : 0;

	p = __real_xreallocarray(p, n, size);
	count(p);
	held -= before;
	return p;
}

void
__wrap_free(void *p)
{
	if (counting && p != NULL)
		held -= malloc_usable_size(p);
	__real_free(p);
}

/* What begins so, then the same n times.  out keeps a byte, and its room. */
static void
feed(struct redactor *r, const char *begin, const char *more, size_t n,
    struct buffer *out)
{
	static uint8_t piece[PIECE];
	size_t len = strlen(more), i;
	int rc;

	rc = redactor_feed(r, (const uint8_t *)begin, strlen(begin), out);
	for (i = 0; i + len <= PIECE; i += len)
		memcpy(piece + i, more, len);
	for (; n > 0 && rc == 0; n--) {
		rc = redactor_feed(r, piece, i, out);
		buffer_drop(out, out->len - 1);
	}
	buffer_drop(out, out->len - 1);
}

static void
test_memory(void **state)
{
	static char deep[2002];
	const struct { const char *begin, *more; } cases[] = {
		{ deep, "x" },
		{ "[", "{}," }, { "[", "[" }, { "[\"", "x" },
		{ "{\"Env\":[\"A=", "s" }, { "[\"", "\\u0000" }, { "{\"", "n" },
		{ "{", "\"a\":1," }, { "[\"", "ENV A=s " }, { "[", "\"|9\"," },
		{ "[\"u://n:s@h ", "u://n:s@h " }, { "[1", "0" },
		{ "[\"\xff", "\xfe" }, { "{\"a\":", "{\"a\":" },
		{ "{\"a\":", "[{\"a\":\"x\",\"b\":" }
	};
	static uint8_t room[256 * 1024];
	struct redactor *r;
	struct buffer out;
	size_t i, all = 0;

	(void)state;
	memset(deep, '[', 2000);
	deep[2000] = '"';
	buffer_init(&out, SIZE_MAX / 2);
	buffer_put(&out, room, sizeof(room));
	buffer_drop(&out, sizeof(room) - 1);
	for (i = 0; i < COUNT(cases); i++) {
		held = most = 0;
		counting = true;
		r = redactor_new(NULL, false);
		feed(r, cases[i].begin, cases[i].more, 512, &out);
		redactor_free(r);
		counting = false;
		assert_int_equal(held, 0);
		assert_true(most > 0);
		if (most > LIMIT)
			fail_msg("%zu bytes for %s%s...", most,
			    cases[i].begin, cases[i].more);
		all = most > all ? most : all;
	}
	buffer_clear(&out);
	print_message("%zu bytes at the most\n", all);
	/* It was counted: the longest string alone takes half of that. */
	assert_true(all > LIMIT / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
