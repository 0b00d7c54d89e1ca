/* SPDX-License-Identifier: ISC */
/* AUTH_KEY: the text that was agreed, nothing else, and no word of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/proto/auth_key.h"

/* id 01..08, secret 80..9f, host key e0..ff, by another implementation. */
#define DIGITS "AQIDBAUGBwiAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en-Dh4uPk5" \
    "ebn6Onq6-zt7u_w8fLz9PX29_j5-vv8_f7_"
#define TEXT AUTH_KEY_PREFIX DIGITS

static void
fill(struct auth_key *k)
{
	size_t i;

	k->id = UINT64_C(0x0102030405060708);
	for (i = 0; i < 32; i++) {
		k->secret[i] = (uint8_t)(0x80 + i);
		k->host_key[i] = (uint8_t)(0xe0 + i);
	}
}

static void
test_known_text(void **state)
{
	struct auth_key k, want;
	struct error e;
	char text[AUTH_KEY_TEXT_MAX], fp[64];

	(void)state;
	fill(&want);
	assert_int_equal(strlen(TEXT) + 1, AUTH_KEY_TEXT_MAX);
	assert_int_equal(auth_key_parse(TEXT, &k, &e), 0);
	assert_true(k.id == want.id);
	assert_memory_equal(k.secret, want.secret, 32);
	assert_memory_equal(k.host_key, want.host_key, 32);
	auth_key_format(&k, text);
	assert_string_equal(text, TEXT);
	auth_key_fingerprint(&k, fp);
	assert_string_equal(fp,
	    "SHA256:4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8");
}

/* No four characters in a row of the text may come back. */
static void
assert_secret(const char *text, const struct error *e)
{
	char part[5] = "";
	size_t i;
	const char *after = strstr(text, AUTH_KEY_PREFIX);

	if (after != NULL)
		text = after + strlen(AUTH_KEY_PREFIX);
	for (i = 0; i + 4 <= strlen(text); i++) {
		memcpy(part, text + i, 4);
		if (strstr(e->text, part) != NULL)
			fail_msg("\"%s\" holds \"%s\"", e->text, part);
	}
}

static void
expect_refused(const char *text, const char *why)
{
	struct error e = { 0 };
	struct auth_key k;

	assert_int_equal(auth_key_parse(text, &k, &e), -1);
	assert_int_equal(e.code, EX_CONFIG);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
	assert_secret(text, &e);
}

static void
test_refused(void **state)
{
	(void)state;
	expect_refused("", "must begin with ch_orthrus_");
	expect_refused(DIGITS, "must begin with ch_orthrus_");
	expect_refused("CH_ORTHRUS_" DIGITS, "must begin with ch_orthrus_");
	expect_refused(" " TEXT, "must begin with ch_orthrus_");
	expect_refused(TEXT "=", "too long");
	expect_refused(TEXT "\n", "too long");
	expect_refused(TEXT DIGITS, "too long");
}

static void
test_every_truncation(void **state)
{
	char text[] = TEXT;
	size_t i;

	(void)state;
	for (i = strlen(TEXT) - 1; i >= strlen(AUTH_KEY_PREFIX); i--) {
		text[i] = '\0';
		expect_refused(text, "cut short");
	}
}

/* Each other byte in each place; those of base64 proper among them. */
static void
test_every_other_character(void **state)
{
	static const char right[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
	    "mnopqrstuvwxyz0123456789-_";
	char text[] = TEXT;
	struct auth_key k;
	struct error e;
	size_t i;
	int c;

	(void)state;
	for (i = strlen(AUTH_KEY_PREFIX); i < strlen(TEXT); i++) {
		for (c = 1; c < 256; c++) {
			text[i] = (char)c;
			if (strchr(right, c) != NULL)
				assert_int_equal(auth_key_parse(text, &k, &e),
				    0);
			else
				expect_refused(text, "other characters");
		}
		text[i] = TEXT[i];
	}
}

/* Who is refused has not got half a key. */
static void
test_untouched(void **state)
{
	struct auth_key k, before;
	char text[] = TEXT;

	(void)state;
	memset(&k, 0x5a, sizeof(k));
	before = k;
	text[strlen(text) - 1] = '!';
	assert_int_equal(auth_key_parse(text, &k, NULL), -1);
	assert_memory_equal(&k, &before, sizeof(k));
}

static void
test_wipe(void **state)
{
	static const struct auth_key empty;
	struct auth_key k;

	(void)state;
	fill(&k);
	auth_key_wipe(&k);
	assert_memory_equal(&k, &empty, sizeof(k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_text),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_every_other_character),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
