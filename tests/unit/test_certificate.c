/* SPDX-License-Identifier: ISC */
/*
 * Certificates: what ssh-keygen makes reads right, what we make ssh-keygen
 * reads, and each thing that can be wrong with one is refused by itself.
 */
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
#include "orthrus/proto/wire.h"

#define NOW UINT64_C(1700000000)

static char dir[] = "/tmp/orthrus-certificate.XXXXXX";
static uint8_t ca_secret[64], other_secret[64];
static uint8_t cas[2][ED25519_KEY_LEN];	/* another one, then ours */

/* Runs a shell command in the directory of the test. */
static int
run(const char *command)
{
	char *line = xasprintf("cd %s && { %s; } 2>/dev/null >/dev/null", dir,
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

static void
read_secret(const char *name, uint8_t secret[64])
{
	struct error e = { 0 };
	size_t len;
	char *pem = content(name, &len);

	if (private_key_read(pem, len, secret, &e) == -1)
		fail_msg("%s: %s", name, e.text);
	free(pem);
}

static int
set_up(void **state)
{
	(void)state;
	if (sodium_init() == -1 || mkdtemp(dir) == NULL || run(
	    "for k in ca other user; do"
	    "    ssh-keygen -q -t ed25519 -N '' -f $k || exit; done;"
	    "ssh-keygen -q -t rsa -b 2048 -N '' -f rsa") != 0)
		return -1;
	read_secret("ca", ca_secret);
	read_secret("other", other_secret);
	memcpy(cas[0], other_secret + ED25519_SEED_LEN, ED25519_KEY_LEN);
	memcpy(cas[1], ca_secret + ED25519_SEED_LEN, ED25519_KEY_LEN);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	run("rm -rf \"$PWD\"");
	return 0;
}

/* The blob in the second word of a file. */
static size_t
blob_of(const char *name, uint8_t blob[CERT_MAX])
{
	char *text = content(name, NULL), *word = strchr(text, ' ');
	size_t n;

	assert_non_null(word);
	word++;
	assert_int_equal(sodium_base642bin(blob, CERT_MAX, word,
	    strcspn(word, " \n"), NULL, &n, NULL,
	    sodium_base64_VARIANT_ORIGINAL), 0);
	free(text);
	return n;
}

/* Has ssh-keygen sign the user's key; returns the certificate's blob. */
static size_t
keygen_signs(const char *ca, const char *options, uint8_t blob[CERT_MAX])
{
	char *command = xasprintf("TZ=UTC0 ssh-keygen -q -s %s %s user.pub",
	    ca, options);

	assert_int_equal(run(command), 0);
	free(command);
	return blob_of("user-cert.pub", blob);
}

static void
must_read(const uint8_t *blob, size_t n, struct certificate *c)
{
	struct error e = { 0 };

	if (certificate_read(blob, n, c, &e) == -1)
		fail_msg("%s", e.text);
}

static int
judge(const uint8_t *blob, size_t n, size_t ncas, const char *principal,
    uint64_t now, struct error *e)
{
	struct certificate c;

	must_read(blob, n, &c);
	return certificate_judge(&c, blob, n,
	    (const uint8_t (*)[ED25519_KEY_LEN])cas, ncas, principal, now, e);
}

static void
expect_good(const uint8_t *blob, size_t n, const char *principal, uint64_t now)
{
	struct error e = { 0 };

	if (judge(blob, n, 2, principal, now, &e) == -1)
		fail_msg("%s", e.text);
}

static void
expect_refused(const uint8_t *blob, size_t n, size_t ncas,
    const char *principal, uint64_t now, const char *why)
{
	struct error e = { 0 };

	assert_int_equal(judge(blob, n, ncas, principal, now, &e), -1);
	assert_int_equal(e.code, EX_NOPERM);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
}

static void
expect_malformed(const uint8_t *blob, size_t n, const char *why)
{
	struct certificate c;
	struct error e = { 0 };
	uint8_t *exact = malloc(n > 0 ? n : 1);

	assert_non_null(exact);
	memcpy(exact, blob, n);	/* the sanitizer sees a byte beyond */
	assert_int_equal(certificate_read(exact, n, &c, &e), -1);
	assert_int_equal(e.code, EX_DATAERR);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
	free(exact);
}

/* --- ssh-keygen's ------------------------------------------------- */

static void
test_keygen_all_fields(void **state)
{
	uint8_t blob[CERT_MAX], key[ED25519_KEY_LEN];
	char *line = content("user.pub", NULL);
	struct certificate c;
	size_t n;

	(void)state;
	n = keygen_signs("ca", "-I 'the key id' -z 18446744073709551615 "
	    "-n vps-london-01,b,c-d -V 20200102030405:20350607080910 "
	    "-O clear -O permit-pty -O permit-port-forwarding "
	    "-O extension:a@example.com=value", blob);
	must_read(blob, n, &c);
	assert_true(c.serial == UINT64_MAX);
	assert_int_equal(c.type, CERT_USER);
	assert_string_equal(c.key_id, "the key id");
	assert_int_equal(c.nprincipals, 3);
	assert_string_equal(c.principals[0], "vps-london-01");
	assert_string_equal(c.principals[1], "b");
	assert_string_equal(c.principals[2], "c-d");
	assert_true(c.valid_after == 1577934245);
	assert_true(c.valid_before == 2064816550);
	assert_false(c.critical);
	assert_int_equal(key_line_read(line, key, NULL), 0);
	assert_memory_equal(c.key, key, sizeof(key));
	assert_memory_equal(c.ca, cas[1], sizeof(c.ca));
	expect_good(blob, n, "c-d", NOW);
	free(line);
}

static void
test_keygen_times(void **state)
{
	uint8_t blob[CERT_MAX];
	struct certificate c;
	size_t n;

	(void)state;
	n = keygen_signs("ca", "-I x -n a -V always:forever", blob);
	must_read(blob, n, &c);
	assert_true(c.valid_after == 0);
	assert_true(c.valid_before == UINT64_MAX);
	expect_good(blob, n, "a", 0);
	expect_good(blob, n, "a", UINT64_MAX - 1);
	expect_refused(blob, n, 2, "a", UINT64_MAX, "expired");
}

static void
test_keygen_refused(void **state)
{
	uint8_t blob[CERT_MAX];
	size_t n;

	(void)state;
	n = keygen_signs("ca", "-I x -n a -O force-command=/bin/true", blob);
	expect_refused(blob, n, 2, "a", NOW, "critical option");
	n = keygen_signs("ca", "-I x -n a -O critical:b@example.com", blob);
	expect_refused(blob, n, 2, "a", NOW, "critical option");
	n = keygen_signs("ca", "-I x -n a -h", blob);
	expect_refused(blob, n, 2, "a", NOW, "not one of a user");
	/* One without principals is for nobody. */
	n = keygen_signs("ca", "-I x", blob);
	expect_refused(blob, n, 2, "a", NOW, "not for a");
	n = keygen_signs("rsa", "-I x -n a", blob);
	expect_malformed(blob, n, "not signed by an ssh-ed25519 key");
	n = keygen_signs("ca", "-I x -n a,Not.A.Name", blob);
	expect_malformed(blob, n, "not a name");
	n = blob_of("user.pub", blob);
	expect_malformed(blob, n, "not a certificate of type");
}

/* --- ours --------------------------------------------------------- */

static size_t
make(struct certificate *c, const uint8_t secret[64], uint8_t blob[CERT_MAX])
{
	memset(c, 0, sizeof(*c));
	c->serial = 42;
	strcpy(c->key_id, "vps-london-01");
	strcpy(c->principals[0], "vps-london-01");
	c->nprincipals = 1;
	c->valid_after = NOW - 60;
	c->valid_before = NOW + 3600;
	memset(c->key, 7, sizeof(c->key));
	return certificate_write(c, secret, blob);
}

static void
test_keygen_prints_ours(void **state)
{
	uint8_t blob[CERT_MAX];
	struct certificate c;
	char *line, *path = xasprintf("%s/ours-cert.pub", dir), *shown;
	size_t n, i;
	FILE *f;
	static const char *const parts[] = {
		"Type: ssh-ed25519-cert-v01@openssh.com user certificate\n",
		"Serial: 42\n", "Key ID: \"vps-london-01\"\n",
		"from 2023-11-14T22:12:20 to 2023-11-14T23:13:20\n",
		"Principals: \n                vps-london-01\n        Crit",
		"Critical Options: (none)\n",
		"Extensions: \n                permit-port-forwarding\n",
	};

	(void)state;
	n = make(&c, ca_secret, blob);
	line = key_line_write(CERT_TYPE_NAME, blob, n);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", line);
	fclose(f);
	/* It checks the signature as well. */
	assert_int_equal(run("TZ=UTC0 ssh-keygen -L -f ours-cert.pub >shown"),
	    0);
	shown = content("shown", NULL);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(shown, parts[i]) == NULL)
			fail_msg("\"%s\" lacks \"%s\"", shown, parts[i]);
	assert_null(strstr(strstr(shown, "permit-port-forwarding") + 1,
	    "permit"));
	free(shown);
	free(line);
	free(path);
}

static void
test_round_trip(void **state)
{
	uint8_t blob[CERT_MAX], twice[CERT_MAX];
	struct certificate c, read;
	size_t n, i;

	(void)state;
	make(&c, ca_secret, blob);
	c.serial = UINT64_C(0x8000000100000002);
	memset(c.key_id, 'k', CERT_KEY_ID_MAX - 1);
	c.nprincipals = CERT_PRINCIPALS_MAX;
	for (i = 0; i < CERT_PRINCIPALS_MAX; i++) {
		memset(c.principals[i], 'a' + (int)i, NAME_MAX_LEN - 1);
		c.principals[i][NAME_MAX_LEN - 1] = '\0';
	}
	n = certificate_write(&c, ca_secret, blob);
	must_read(blob, n, &read);
	assert_true(read.serial == c.serial);
	assert_int_equal(read.type, CERT_USER);
	assert_string_equal(read.key_id, c.key_id);
	assert_int_equal(read.nprincipals, CERT_PRINCIPALS_MAX);
	assert_memory_equal(read.principals, c.principals,
	    sizeof(c.principals));
	assert_true(read.valid_after == c.valid_after);
	assert_true(read.valid_before == c.valid_before);
	assert_memory_equal(read.key, c.key, sizeof(c.key));
	assert_memory_equal(read.ca, cas[1], sizeof(read.ca));
	assert_false(read.critical);
	expect_good(blob, n, c.principals[CERT_PRINCIPALS_MAX - 1], NOW);
	/* Nobody can foresee what will be signed. */
	assert_int_equal(certificate_write(&c, ca_secret, twice), n);
	assert_memory_not_equal(twice, blob, n);
}

static void
test_each_refusal(void **state)
{
	uint8_t blob[CERT_MAX];
	struct certificate c;
	size_t n = make(&c, ca_secret, blob);

	(void)state;
	expect_good(blob, n, "vps-london-01", NOW);
	expect_refused(blob, n, 1, "vps-london-01", NOW, "another authority");
	expect_refused(blob, n, 0, "vps-london-01", NOW, "another authority");
	expect_refused(blob, n, 2, "vps-london-02", NOW,
	    "not for vps-london-02");
	expect_refused(blob, n, 2, "vps-london-0", NOW, "not for");
	expect_refused(blob, n, 2, "", NOW, "not for");
	/* The last second before, the first and the last of it, and after. */
	expect_refused(blob, n, 2, "vps-london-01", NOW - 61,
	    "not valid yet, for another 1 s");
	expect_good(blob, n, "vps-london-01", NOW - 60);
	expect_good(blob, n, "vps-london-01", NOW + 3599);
	expect_refused(blob, n, 2, "vps-london-01", NOW + 3600,
	    "expired 0 s ago");
	expect_refused(blob, n, 2, "vps-london-01", UINT64_MAX, "expired");

	n = make(&c, other_secret, blob);	/* the first of the two */
	expect_good(blob, n, "vps-london-01", NOW);
	expect_refused(blob, n, 0, "vps-london-01", NOW, "another authority");
}

/* Names our authority, but was signed by somebody else. */
static void
test_forged(void **state)
{
	uint8_t blob[CERT_MAX], mixed[64];
	struct certificate c;
	size_t n;

	(void)state;
	memcpy(mixed, other_secret, ED25519_SEED_LEN);
	memcpy(mixed + ED25519_SEED_LEN, cas[1], ED25519_KEY_LEN);
	n = make(&c, mixed, blob);
	expect_refused(blob, n, 2, "vps-london-01", NOW, "signature");
}

static void
test_truncated_and_trailing(void **state)
{
	uint8_t blob[CERT_MAX + 1] = { 0 };
	struct certificate c;
	size_t n = make(&c, ca_secret, blob), i;

	(void)state;
	for (i = 0; i < n; i++)
		expect_malformed(blob, i, "certificate");
	blob[n] = 0;
	expect_malformed(blob, n + 1, "bytes behind its end");
	expect_malformed(blob, CERT_MAX, "bytes behind its end");
	expect_malformed(blob, CERT_MAX + 1, "too long");
}

/* No bit of it may change without being noticed. */
static void
test_flipped(void **state)
{
	uint8_t blob[CERT_MAX];
	struct certificate c;
	size_t n = make(&c, ca_secret, blob), i, signature = 0, bit;

	(void)state;
	for (i = 0; i < n; i++) {
		for (bit = 0; bit < 8; bit++) {
			blob[i] ^= (uint8_t)(1 << bit);
			if (certificate_read(blob, n, &c, NULL) == 0) {
				assert_int_equal(certificate_judge(&c, blob, n,
				    (const uint8_t (*)[ED25519_KEY_LEN])cas, 2,
				    "vps-london-01", NOW, NULL), -1);
				signature++;
			}
			blob[i] ^= (uint8_t)(1 << bit);
		}
	}
	expect_good(blob, n, "vps-london-01", NOW);
	/* Nonce, key, serial, ... were read, and stopped by the signature. */
	assert_true(signature > 8 * (32 + 32 + 8 + 64));
}

/* --- built by hand ------------------------------------------------ */

struct part {
	const char *p;
	size_t n;
};

#define PART(s) { s, sizeof(s) - 1 }

struct parts {
	struct part nonce, key, key_id, principals, critical, extensions,
	    reserved, ca, signature;
};

static const struct parts sound = {
	PART("n"), PART("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"), PART("id"),
	PART("\0\0\0\1a"), PART(""), PART("\0\0\0\1x\0\0\0\0"), PART(""),
	PART("\0\0\0\x0bssh-ed25519\0\0\0\x20" "0123456789abcdef"
	    "0123456789abcdef"),
	PART("\0\0\0\x0bssh-ed25519\0\0\0\x40" "0123456789abcdef"
	    "0123456789abcdef0123456789abcdef0123456789abcdef"),
};

static uint8_t *
put(uint8_t *p, struct part part)
{
	return wire_put_string(p, part.p, part.n);
}

static void
expect_parts(struct parts parts, const char *why)
{
	uint8_t blob[CERT_MAX], *p = blob;
	struct certificate c;

	p = wire_put_string(p, CERT_TYPE_NAME, strlen(CERT_TYPE_NAME));
	p = put(p, parts.nonce);
	p = put(p, parts.key);
	p = wire_put_u64(p, 1);
	p = wire_put_u32(p, CERT_USER);
	p = put(p, parts.key_id);
	p = put(p, parts.principals);
	p = wire_put_u64(p, 0);
	p = wire_put_u64(p, UINT64_MAX);
	p = put(p, parts.critical);
	p = put(p, parts.extensions);
	p = put(p, parts.reserved);
	p = put(p, parts.ca);
	p = put(p, parts.signature);
	if (why == NULL)
		must_read(blob, (size_t)(p - blob), &c);
	else
		expect_malformed(blob, (size_t)(p - blob), why);
}

#define EXPECT(member, text, why) do { \
	struct parts parts_ = sound; \
	parts_.member = (struct part)PART(text); \
	expect_parts(parts_, why); \
} while (0)

#define OPT(length, name) "\0\0\0" length name "\0\0\0\0"

static void
test_options(void **state)
{
	(void)state;
	expect_parts(sound, NULL);
	EXPECT(extensions, "", NULL);
	EXPECT(extensions, OPT("\1", "a") OPT("\2", "ab") OPT("\1", "b"),
	    NULL);
	EXPECT(extensions, OPT("\1", "b") OPT("\1", "a"), "out of order");
	EXPECT(extensions, OPT("\2", "ab") OPT("\1", "a"), "out of order");
	EXPECT(extensions, OPT("\1", "a") OPT("\1", "a"), "twice");
	EXPECT(critical, OPT("\1", "a") OPT("\1", "a"), "twice");
	EXPECT(critical, OPT("\1", "a"), NULL);
	EXPECT(extensions, OPT("\0", ""), "right name");
	EXPECT(extensions, OPT("\2", "a\0"), "right name");
	EXPECT(extensions, "\0\0\0\1a", "right name");
	EXPECT(extensions, OPT("\1", "a") "\0", "right name");
	EXPECT(extensions, "\0\0\0\1a\0\0\0\1", "right name");
	EXPECT(extensions, "\xff\xff\xff\xff", "right name");
}

static void
test_texts(void **state)
{
	char id[CERT_KEY_ID_MAX], names[(CERT_PRINCIPALS_MAX + 1) * 5];
	struct parts parts = sound;
	size_t i;

	(void)state;
	memset(id, 'i', sizeof(id));
	parts.key_id = (struct part){ id, sizeof(id) - 1 };
	expect_parts(parts, NULL);
	parts.key_id.n++;
	expect_parts(parts, "key id");
	EXPECT(key_id, "", NULL);
	EXPECT(key_id, "a\0b", "key id");

	parts = sound;
	for (i = 0; i <= CERT_PRINCIPALS_MAX; i++)
		memcpy(names + 5 * i, "\0\0\0\1a", 5);
	parts.principals = (struct part){ names, 5 * CERT_PRINCIPALS_MAX };
	expect_parts(parts, NULL);
	parts.principals.n += 5;
	expect_parts(parts, "too many principals");
	EXPECT(principals, "", NULL);
	EXPECT(principals, "\0\0\0\0", "not a name");
	EXPECT(principals, "\0\0\0\2a", "not a name");
	EXPECT(principals, "\0\0\0\1a\0", "not a name");
	EXPECT(principals, "\0\0\0\3a\0b", "not a name");
	EXPECT(principals, "\0\0\0\1*", "not a name");
	EXPECT(principals, "\0\0\0\4root\0\0\0\1A", "not a name");
}

static void
test_binary_parts(void **state)
{
	(void)state;
	EXPECT(nonce, "", NULL);
	EXPECT(reserved, "anything", NULL);	/* to be ignored */
	EXPECT(key, "0123456789abcdef0123456789abcde", "32 bytes");
	EXPECT(key, "0123456789abcdef0123456789abcdef0", "32 bytes");
	EXPECT(ca, "", "not signed by an ssh-ed25519 key");
	EXPECT(ca, "\0\0\0\7ssh-rsa\0\0\0\0", "not signed by");
	EXPECT(ca, "\0\0\0\x0bssh-ed25519\0\0\0\x20" "0123456789abcdef"
	    "0123456789abcdef0", "not signed by");
	EXPECT(signature, "", "its signature");
	EXPECT(signature, "\0\0\0\7ssh-rsa\0\0\0\0", "its signature");
	EXPECT(signature, "\0\0\0\x0bssh-ed25519\0\0\0\x20" "0123456789abcdef"
	    "0123456789abcdef", "its signature");
	EXPECT(signature, "\0\0\0\x0bssh-ed25519\0\0\0\x40" "0123456789abcdef"
	    "0123456789abcdef0123456789abcdef0123456789abcdef\0",
	    "its signature");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keygen_all_fields),
		cmocka_unit_test(test_keygen_times),
		cmocka_unit_test(test_keygen_refused),
		cmocka_unit_test(test_keygen_prints_ours),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_each_refusal),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_truncated_and_trailing),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_binary_parts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
