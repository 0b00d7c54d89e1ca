/* SPDX-License-Identifier: ISC */
/* known_hosts: the pure lookup, and fingerprints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "orthrus/ssh/hostkey.h"

#include "../../src/ssh/host_certificate.h"
#include "../../src/ssh/known_hosts.h"

/* Made by ssh-keygen; the hashed names below too (ssh-keygen -H). */
#define KEY1 \
    "AAAAC3NzaC1lZDI1NTE5AAAAIOY7/61fO+CLsyGUL/SB/K6/leoRxjzkJ9lo" \
    "Gr5orWhT"
#define KEY2 \
    "AAAAC3NzaC1lZDI1NTE5AAAAIOJVZQDfNMDgCtr5/VOmiOpKQDWWxB9sWznp" \
    "Mzs/giAk"
#define ECDSA \
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNnZtUxE" \
    "lZJAQlgzr9m1y5cOvgnX1Hk6G9A/A2c1GTqCfTPhqQyGNrwsrtMuC2YOwxmU" \
    "mEFwz8UU1s5x8vRy/O4="
#define HASHED \
    "|1|/9RdD3f/P9SDKsU2O1RozoYTxAs=|HHiYFIxjc1Hy5HRB7pj65km3Pws="
#define HASHED_PORT \
    "|1|3ycjTSi0VY/zHa8giM6SgqecZb4=|zj5rOMo3110jaHC8svTC5ppr4h8="
#define ED " ssh-ed25519 "

static enum known_host
look(const char *text, const char *host, uint16_t port, unsigned *line)
{
	/* An exact copy, so that a sanitizer sees a read past the end. */
	size_t len = strlen(text);
	char *copy = xcalloc(len + (len == 0), 1);
	enum known_host r;

	memcpy(copy, text, len);
	r = known_hosts_lookup(copy, len, host, port, KEY1, line);
	free(copy);
	return r;
}

static void
expect(const char *text, const char *host, uint16_t port,
    enum known_host wanted, unsigned wanted_line)
{
	unsigned line = 99;

	assert_int_equal(look(text, host, port, &line), wanted);
	assert_int_equal(line, wanted_line);
}

static void
test_plain(void **state)
{
	(void)state;
	expect("", "a", 22, KNOWN_HOST_NONE, 0);
	expect("a" ED KEY1 "\n", "a", 22, KNOWN_HOST_MATCH, 1);
	expect("a" ED KEY1, "a", 22, KNOWN_HOST_MATCH, 1);
	expect("a" ED KEY1 " a comment\n", "a", 22, KNOWN_HOST_MATCH, 1);
	expect("  a\tssh-ed25519\t" KEY1 "\n", "a", 22, KNOWN_HOST_MATCH, 1);
	expect("a" ED KEY1 "\n", "b", 22, KNOWN_HOST_NONE, 0);
	expect("a" ED KEY2 "\n", "a", 22, KNOWN_HOST_CHANGED, 1);
	expect("b,a,c" ED KEY1 "\n", "a", 22, KNOWN_HOST_MATCH, 1);
	expect("A.Example" ED KEY1 "\n", "a.eXample", 22, KNOWN_HOST_MATCH, 1);
	expect("::1" ED KEY1 "\n", "::1", 22, KNOWN_HOST_MATCH, 1);
}

static void
test_ports(void **state)
{
	(void)state;
	expect("[a]:2222" ED KEY1 "\n", "a", 2222, KNOWN_HOST_MATCH, 1);
	expect("[a]:2222" ED KEY1 "\n", "a", 2223, KNOWN_HOST_NONE, 0);
	expect("[a]:2222" ED KEY1 "\n", "a", 22, KNOWN_HOST_NONE, 0);
	expect("a" ED KEY1 "\n", "a", 2222, KNOWN_HOST_NONE, 0);
	expect("[::1]:2222" ED KEY1 "\n", "::1", 2222, KNOWN_HOST_MATCH, 1);
	expect("[a]:*" ED KEY1 "\n", "a", 2222, KNOWN_HOST_MATCH, 1);
}

static void
test_patterns(void **state)
{
	(void)state;
	expect("*.example.com" ED KEY1, "a.example.com", 22,
	    KNOWN_HOST_MATCH, 1);
	expect("*.example.com" ED KEY1, "example.com", 22,
	    KNOWN_HOST_NONE, 0);
	expect("h?st" ED KEY1, "host", 22, KNOWN_HOST_MATCH, 1);
	expect("h?st" ED KEY1, "hst", 22, KNOWN_HOST_NONE, 0);
	expect("*a*b*" ED KEY1, "xxaxxabx", 22, KNOWN_HOST_MATCH, 1);
	expect("*a*b*" ED KEY1, "bbbbbba", 22, KNOWN_HOST_NONE, 0);
	expect("*,!bad" ED KEY1, "good", 22, KNOWN_HOST_MATCH, 1);
	expect("*,!bad" ED KEY1, "bad", 22, KNOWN_HOST_NONE, 0);
	expect("!bad,*" ED KEY1, "bad", 22, KNOWN_HOST_NONE, 0);
	expect("!bad" ED KEY1, "good", 22, KNOWN_HOST_NONE, 0);
	expect(",,!,a" ED KEY1, "a", 22, KNOWN_HOST_MATCH, 1);
}

static void
test_hashed(void **state)
{
	(void)state;
	expect(HASHED ED KEY1, "host.example", 22, KNOWN_HOST_MATCH, 1);
	expect(HASHED ED KEY1, "HOST.example", 22, KNOWN_HOST_MATCH, 1);
	expect(HASHED ED KEY2, "host.example", 22, KNOWN_HOST_CHANGED, 1);
	expect(HASHED ED KEY1, "other.example", 22, KNOWN_HOST_NONE, 0);
	expect(HASHED_PORT ED KEY1, "host.example", 2222,
	    KNOWN_HOST_MATCH, 1);
	expect(HASHED_PORT ED KEY1, "host.example", 22, KNOWN_HOST_NONE, 0);
	expect("|1|" ED KEY1, "host.example", 22, KNOWN_HOST_NONE, 0);
	expect("|2|AAAA|AAAA" ED KEY1, "host.example", 22,
	    KNOWN_HOST_NONE, 0);
	expect("|1|AAAA|AAAA" ED KEY1, "host.example", 22,
	    KNOWN_HOST_NONE, 0);
}

static void
test_markers(void **state)
{
	(void)state;
	expect("a" ED KEY1 "\n@revoked *" ED KEY1 "\n", "a", 22,
	    KNOWN_HOST_REVOKED, 2);
	expect("@revoked *" ED KEY1 "\na" ED KEY1 "\n", "a", 22,
	    KNOWN_HOST_REVOKED, 1);
	expect("@revoked *" ED KEY2 "\na" ED KEY1 "\n", "a", 22,
	    KNOWN_HOST_MATCH, 2);
	expect("@revoked b" ED KEY1 "\na" ED KEY1 "\n", "a", 22,
	    KNOWN_HOST_MATCH, 2);
	expect("@cert-authority *" ED KEY1 "\n", "a", 22,
	    KNOWN_HOST_NONE, 0);
	expect("@unknown a" ED KEY1 "\n", "a", 22, KNOWN_HOST_NONE, 0);
	expect("@revoked", "a", 22, KNOWN_HOST_NONE, 0);
}

static void
test_several_keys(void **state)
{
	(void)state;
	expect("a" ED KEY2 "\na" ED KEY1 "\n", "a", 22, KNOWN_HOST_MATCH, 2);
	expect("a" ED KEY1 "\na" ED KEY2 "\n", "a", 22, KNOWN_HOST_MATCH, 1);
	expect("\na" ED KEY2 "\na" ED KEY2 "\n", "a", 22,
	    KNOWN_HOST_CHANGED, 2);
	/* A key of another type says nothing against this one. */
	expect("a ecdsa-sha2-nistp256 " ECDSA "\n", "a", 22,
	    KNOWN_HOST_OTHER_TYPE, 1);
	expect("a ecdsa-sha2-nistp256 " ECDSA "\na" ED KEY2 "\n", "a", 22,
	    KNOWN_HOST_CHANGED, 2);
	expect("*,!a ecdsa-sha2-nistp256 " ECDSA "\n", "a", 22,
	    KNOWN_HOST_NONE, 0);
	expect("a ecdsa-sha2-nistp256 " ECDSA "\na" ED KEY1 "\n", "a", 22,
	    KNOWN_HOST_MATCH, 2);
}

static void
expect_authority(const char *text, const char *ca, const char *host,
    uint16_t port, enum known_host wanted, unsigned wanted_line)
{
	unsigned line = 99;

	assert_int_equal(known_hosts_authority(text, strlen(text), host, port,
	    ca, &line), wanted);
	assert_int_equal(line, wanted_line);
}

/* sshd(8): the markers' keys are of authorities, of all types. */
static void
test_authorities(void **state)
{
	(void)state;
	expect_authority("\n@cert-authority *.example.com,a" ED KEY1 "\n",
	    KEY1, "x.example.com", 22, KNOWN_HOST_MATCH, 2);
	expect_authority("@cert-authority *.example.com,!x.example.com" ED KEY1,
	    KEY1, "x.example.com", 22, KNOWN_HOST_NONE, 0);
	expect_authority("@cert-authority *" ED KEY1, KEY1, "a", 2222,
	    KNOWN_HOST_MATCH, 1);
	expect_authority("@cert-authority [a]:2222" ED KEY1, KEY1, "a", 22,
	    KNOWN_HOST_NONE, 0);
	expect_authority("@cert-authority " HASHED ED KEY1, KEY1,
	    "host.example", 22, KNOWN_HOST_MATCH, 1);
	expect_authority("@cert-authority a ecdsa-sha2-nistp256 " ECDSA "\n",
	    ECDSA, "a", 22, KNOWN_HOST_MATCH, 1);
	expect_authority("@cert-authority a" ED KEY2 "\n@cert-authority a" ED
	    KEY1, KEY1, "a", 22, KNOWN_HOST_MATCH, 2);
	expect_authority("@cert-authority a" ED KEY2, KEY1, "a", 22,
	    KNOWN_HOST_CHANGED, 1);
	expect_authority("@cert-authority a" ED KEY1, NULL, "a", 22,
	    KNOWN_HOST_CHANGED, 1);
	expect_authority("@cert-authority a" ED KEY1 "\n@revoked *" ED KEY1,
	    KEY1, "a", 22, KNOWN_HOST_REVOKED, 2);
	expect_authority("a" ED KEY1, KEY1, "a", 22, KNOWN_HOST_NONE, 0);
	expect_authority("@cert-authority", KEY1, "a", 22, KNOWN_HOST_NONE, 0);
}

/* Certificates without a signature: what is in them, for one host and time. */
static void
expect_fits(const struct certificate_parts *c, const char *host, uint64_t now,
    const char *why)
{
	struct error e = { 0 };
	int r = host_certificate_fits(c, host, now, &e);

	assert_int_equal(r, why == NULL ? 0 : -1);
	if (why != NULL && strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
}

static void
test_certificates(void **state)
{
	static const uint8_t names[] = "\0\0\0\5A.net\0\0\0\5*.org";
	struct certificate_parts c = { .type = CERT_HOST, .valid_after = 10,
	    .valid_before = 20, .principals = { names, sizeof(names) - 1 } };

	(void)state;
	expect_fits(&c, "a.net", 10, NULL);
	expect_fits(&c, "x.org", 19, NULL);
	expect_fits(&c, "x.net", 10, "other names than x.net");
	expect_fits(&c, "org", 10, "other names");
	expect_fits(&c, "a.net", 9, "not valid before 1970-01-01");
	expect_fits(&c, "a.net", 20, "expired at 1970-01-01");
	c.principals.n -= 1;	/* cut short: the first is whole */
	expect_fits(&c, "a.net", 10, NULL);
	expect_fits(&c, "x.org", 10, "other names");
	c.principals.n = 0;	/* none at all: any, as in ssh(1) */
	expect_fits(&c, "b", 10, NULL);
	c.critical = true;
	expect_fits(&c, "b", 10, "critical option");
	c.type = CERT_USER;
	expect_fits(&c, "b", 10, "ssh-keygen -h");
}

static void
test_garbage(void **state)
{
	(void)state;
	expect("# a" ED KEY1 "\n", "a", 22, KNOWN_HOST_NONE, 0);
	expect("a" ED KEY1 "\r\nb" ED KEY2 "\r\n", "b", 22,
	    KNOWN_HOST_CHANGED, 2);
	expect("\r\n\r\na" ED KEY1 "\r\n", "a", 22, KNOWN_HOST_MATCH, 3);
	expect("a\na ssh-ed25519\na ssh-ed25519 \n\n \t \n"
	    "a ssh-ed25519 !!!!\na ssh-ed25519 AAAA\na 1024 35 1234567\n"
	    "a ssh-rsa " KEY2 "\n", "a", 22, KNOWN_HOST_NONE, 0);
	expect("<<<<<<< HEAD\na" ED KEY1 "\n", "a", 22, KNOWN_HOST_MATCH, 2);
}

static void
test_nul_bytes(void **state)
{
	static const char text[] = "a\0b" ED KEY1 "\n\0\n\0a" ED KEY1;
	unsigned line;

	(void)state;
	assert_int_equal(known_hosts_lookup(text, sizeof(text) - 1, "a", 22,
	    KEY1, &line), KNOWN_HOST_NONE);
}

static void
test_fingerprints(void **state)
{
	char fp[FINGERPRINT_MAX] =
	    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

	(void)state;
	assert_true(fingerprint_valid(fp));
	assert_false(fingerprint_valid(""));
	assert_false(fingerprint_valid("SHA256:"));
	assert_false(fingerprint_valid(fp + 1));
	assert_false(fingerprint_valid(
	    "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
	assert_false(fingerprint_valid(
	    "MD5:d4:1d:8c:d9:8f:00:b2:04:e9:80:09:98:ec:f8:42:7e"));
	fp[20] = '-';
	assert_false(fingerprint_valid(fp));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_hashed),
		cmocka_unit_test(test_markers),
		cmocka_unit_test(test_several_keys),
		cmocka_unit_test(test_authorities),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_fingerprints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
