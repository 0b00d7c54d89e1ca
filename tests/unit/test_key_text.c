/* SPDX-License-Identifier: ISC */
/* Keys as text, held against what ssh-keygen makes and says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/private_key.h"

static char dir[] = "/tmp/orthrus-key-text.XXXXXX";

/* Runs a shell command in the directory of the test. */
static int
run(const char *command)
{
	char *line = xasprintf("cd %s && { %s; } >/dev/null 2>&1", dir,
	    command);
	int r = system(line);

	free(line);
	return r;
}

static char *
content(const char *name, size_t *len)
{
	char *path = xasprintf("%s/%s", dir, name);
	char *text = file_read(path, 64 * 1024, len, NULL);

	if (text == NULL)
		fail_msg("cannot read %s", path);
	free(path);
	return text;
}

static int
set_up(void **state)
{
	(void)state;
	if (sodium_init() == -1 || mkdtemp(dir) == NULL || run(
	    "ssh-keygen -q -t ed25519 -N '' -f key -C 'a comment' &&"
	    "ssh-keygen -q -t ed25519 -N '' -f bare -C '' &&"
	    "ssh-keygen -q -t ed25519 -N secret -f locked &&"
	    "ssh-keygen -q -t ecdsa -N '' -f ecdsa &&"
	    "ssh-keygen -l -f key.pub | cut -d ' ' -f 2 | tr -d '\\n' >print "
	    "&& ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f rsapem") != 0)
		return -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	run("rm -rf \"$PWD\"");
	return 0;
}

/* --- public keys -------------------------------------------------- */

static void
test_line(void **state)
{
	uint8_t key[ED25519_KEY_LEN], again[ED25519_KEY_LEN];
	uint8_t blob[KEY_BLOB_LEN];
	char *line = content("key.pub", NULL), *print = content("print", NULL);
	char fp[KEY_FINGERPRINT_MAX], *written;
	struct error e;

	(void)state;
	assert_int_equal(key_line_read(line, key, &e), 0);
	key_blob_write(key, blob);
	key_fingerprint(blob, sizeof(blob), fp);
	assert_string_equal(fp, print);

	written = key_line_write(KEY_TYPE_NAME, blob, sizeof(blob));
	assert_memory_equal(line, written, strlen(written));
	assert_string_equal(line + strlen(written), " a comment\n");
	assert_int_equal(key_line_read(written, again, &e), 0);
	assert_memory_equal(key, again, sizeof(key));
	free(written);
	free(print);
	free(line);
}

static void
expect_line(const char *line, const char *why)
{
	uint8_t key[ED25519_KEY_LEN];
	struct error e = { 0 };

	if (why == NULL) {
		if (key_line_read(line, key, &e) == -1)
			fail_msg("\"%s\": %s", line, e.text);
		return;
	}
	assert_int_equal(key_line_read(line, key, &e), -1);
	assert_int_equal(e.code, EX_DATAERR);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
}

#define BLOB \
    "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define GOOD "ssh-ed25519 " BLOB

static void
test_line_forms(void **state)
{
	char *private = content("key", NULL), *ecdsa = content("ecdsa.pub",
	    NULL);

	(void)state;
	expect_line(GOOD, NULL);
	expect_line(GOOD "\n", NULL);
	expect_line(GOOD "\r\n", NULL);
	expect_line(GOOD " some comment ", NULL);
	expect_line("ssh-ed25519\t \t" BLOB "\tcomment", NULL);
	expect_line(GOOD "\n" GOOD, "more than one line");
	expect_line(GOOD "\n\n", "more than one line");
	expect_line(GOOD "\rx", "more than one line");
	expect_line("", "expected \"ssh-ed25519 AAAA");
	expect_line("restrict " GOOD, "options stand in front");
	expect_line(" " GOOD, "expected");
	expect_line("ssh-ed25519", "damaged");
	expect_line("ssh-ed25519 ", "damaged");
	expect_line("ssh-ed25519x AAAA", "another type");
	expect_line("ssh-rsa AAAA", "another type");
	expect_line("sk-ssh-ed25519@openssh.com AAAA", "security token");
	expect_line(CERT_TYPE_NAME " AAAA", "a certificate");
	expect_line("---- BEGIN SSH2 PUBLIC KEY ----\n", "ssh-keygen -i -f");
	expect_line("PuTTY-User-Key-File-3: ssh-ed25519\n", "private key");
	expect_line("-----BEGIN PUBLIC KEY-----\nAAAA\n", "damaged");
	expect_line(ecdsa, "another type");
	expect_line(private, "private key");
	expect_line(GOOD "AAAA", "damaged");
	expect_line(GOOD "=", "damaged");
	expect_line("ssh-ed25519 \xc3\xa4" BLOB, "damaged");
	/* libsodium by itself would take this for a digit. */
	expect_line("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAB\x80gMEBQYHCAkKC"
	    "wwNDg8QERITFBUWFxgZGhscHR4f", "damaged");
	free(ecdsa);
	free(private);
}

/* Every cut, and every blob that is not the one of just this type. */
static void
test_line_damaged(void **state)
{
	char line[] = GOOD;
	uint8_t key[ED25519_KEY_LEN] = { 1 }, blob[KEY_BLOB_LEN + 1], out[32];
	size_t i;

	(void)state;
	for (i = strlen(GOOD) - 1; i >= strlen("ssh-ed25519 "); i--) {
		line[i] = '\0';
		expect_line(line, "damaged");
	}
	key_blob_write(key, blob);
	assert_int_equal(key_blob_read(blob, KEY_BLOB_LEN, out), 0);
	assert_memory_equal(out, key, sizeof(key));
	blob[KEY_BLOB_LEN] = 0;
	assert_int_equal(key_blob_read(blob, KEY_BLOB_LEN + 1, out), -1);
	for (i = 0; i < KEY_BLOB_LEN; i++)
		assert_int_equal(key_blob_read(blob, i, out), -1);
	for (i = 0; i < KEY_BLOB_LEN - ED25519_KEY_LEN; i++) {
		blob[i] ^= 1;
		assert_int_equal(key_blob_read(blob, KEY_BLOB_LEN, out), -1);
		blob[i] ^= 1;
	}
}

/* --- private keys ------------------------------------------------- */

static void
check_private(const char *name)
{
	char *pub = xasprintf("%s.pub", name), *line = content(pub, NULL);
	uint8_t key[ED25519_KEY_LEN], secret[64];
	size_t len;
	char *pem = content(name, &len);
	struct error e = { 0 };

	assert_int_equal(key_line_read(line, key, &e), 0);
	if (private_key_read(pem, len, secret, &e) == -1)
		fail_msg("%s: %s", name, e.text);
	assert_memory_equal(secret + 32, key, sizeof(key));
	free(pem);
	free(line);
	free(pub);
}

static void
test_private(void **state)
{
	char name[16], command[256];
	int i;

	(void)state;
	check_private("key");
	check_private("bare");
	/* Comments of each length, and so each length of the padding. */
	for (i = 1; i <= 8; i++) {
		snprintf(name, sizeof(name), "pad%d", i);
		snprintf(command, sizeof(command),
		    "ssh-keygen -q -t ed25519 -N '' -f %s -C %.*s", name, i,
		    "abcdefgh");
		assert_int_equal(run(command), 0);
		check_private(name);
	}
}

static void
expect_private(const char *pem, size_t len, const char *why)
{
	static const uint8_t wiped[64];
	uint8_t secret[64];
	struct error e = { 0 };

	memset(secret, 0, sizeof(secret));
	assert_int_not_equal(private_key_read(pem, len, secret, &e), 0);
	assert_int_equal(e.code, EX_DATAERR);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
	assert_memory_equal(secret, wiped, sizeof(secret));
}

static void
expect_file(const char *name, const char *why)
{
	size_t len;
	char *pem = content(name, &len);

	expect_private(pem, len, why);
	free(pem);
}

/* What people have, by the beginnings of the files. */
static void
expect_kinds(void)
{
	static const char *const kinds[][2] = {
		{ "-----BEGIN EC PRIVATE KEY-----\n", "an ECDSA key" },
		{ "-----BEGIN DSA PRIVATE KEY-----\n", "a DSA key" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
		    "openssl pkey -in FILE -out NEW" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA", "damaged or cut short" },
		{ "-----BEGIN PUBLIC KEY-----\n", "give the private one" },
		{ "-----BEGIN CERTIFICATE-----\n", "certificate of TLS" },
		{ "PuTTY-User-Key-File-2: ssh-ed25519\n",
		    "puttygen FILE -O private-openssh" },
		{ "---- BEGIN SSH2 PUBLIC KEY ----\n", "give the private one" },
		{ CERT_TYPE_NAME " AAAA", "without -cert.pub" },
		{ "sk-ssh-ed25519@openssh.com AAAA", "security key" },
		{ "LS0tLS1CRUdJTiBPUEVOU1NIIF", "base64 -d" },
		{ "ch_orthrus_AAAA", "AUTH_KEY_FILE" },
	};
	static const uint8_t der[48] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30 };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		expect_private(kinds[i][0], strlen(kinds[i][0]), kinds[i][1]);
	expect_private((const char *)der, sizeof(der), "-inform DER");
}

static void
test_private_refused(void **state)
{
	char *large = xcalloc(1024 * 1024, 1);

	(void)state;
	expect_private("", 0, "the file is empty");
	expect_private(" \n\t\n", 4, "the file is empty");
	expect_private("hello", 5, "not a private key");
	expect_file("key.pub", "public key");
	expect_file("rsapem", "RSA key (ssh-rsa, PKCS#1)");
	expect_file("ecdsa", "ECDSA key (ecdsa-sha2-nistp256)");
	expect_file("locked", "ssh-keygen -p -N ''");
	expect_kinds();
	strcpy(large, "-----BEGIN OPENSSH PRIVATE KEY-----");
	expect_private(large, 1024 * 1024, "not a private key");
	free(large);
}

static void
test_private_truncated(void **state)
{
	size_t len, i;
	char *pem = content("key", &len);

	(void)state;
	for (i = 0; i + 1 < len; i++)	/* the last newline may be missing */
		expect_private(pem, i, i == 0 ? "empty" : i < 35 ?
		    "not a private key" : "damaged");
	pem[60] = (char)0x80;
	expect_private(pem, len, "damaged");
	free(pem);
}

/*
 * With one bit of the file's inside flipped, it is refused, unless it lies in
 * what says nothing about the key: the comment.
 */
static void
test_private_flipped(void **state)
{
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
	static const char end[] = "-----END OPENSSH PRIVATE KEY-----\n";
	char *pem = content("bare", NULL), text[2048];
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	uint8_t raw[1024], secret[64];
	size_t n, i, at;

	(void)state;
	*strstr(pem, end) = '\0';
	assert_int_equal(sodium_base642bin(raw, sizeof(raw), pem +
	    strlen(begin), strlen(pem) - strlen(begin), "\n", &n, NULL,
	    variant), 0);
	free(pem);
	for (i = 0; i <= n; i++) {
		if (i < n)
			raw[i] ^= 1;
		at = strlen(strcpy(text, begin));
		sodium_bin2base64(text + at, sizeof(text) - at, raw, n,
		    variant);
		strcat(text, end);
		if (i < n) {
			assert_int_not_equal(private_key_read(text,
			    strlen(text), secret, NULL), 0);
			raw[i] ^= 1;
		} else
			assert_int_equal(private_key_read(text, strlen(text),
			    secret, NULL), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_line_forms),
		cmocka_unit_test(test_line_damaged),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_private_refused),
		cmocka_unit_test(test_private_truncated),
		cmocka_unit_test(test_private_flipped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
