/* SPDX-License-Identifier: ISC */
/*
 * A TLS server whose key is in another process: with each kind of key it does
 * what it does with its own, and that process signs nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tls_fixture.h"

#define WORDS "TLS 1.3, server CertificateVerify"

/* What was signed last, and what is to be said. */
static struct tls_server *keeper;
static bool refuses, is_wrong;
static unsigned asked;

static bool
sign(void *arg, unsigned digest, const uint8_t *p, size_t n,
    uint8_t signature[TLS_SIGNATURE_MAX], size_t *len)
{
	bool done = tls_server_sign(arg, digest, p, n, signature, len);

	assert_ptr_equal(arg, keeper);
	assert_true(done);
	asked++;
	signature[*len / 2] ^= is_wrong;
	return !refuses;
}

static struct made
made_of(EVP_PKEY *key, const struct made *ca)
{
	assert_non_null(key);
	return make(&(struct wish){ .subject = "gw", .names = "DNS:gw.test",
	    .key = key }, ca);
}

static bool
shakes(struct tls_client *client, struct tls_server *server)
{
	struct talk k;
	bool done;

	talk_begin(&k);
	done = talk(&k, tls_connect(client, "gw.test", NULL, 443,
	    TLS_ALPN_SSH), tls_accept(server));
	talk_end(&k);
	return done;
}

static struct tls_client *
client_of(const struct made *ca)
{
	char *path = in_file(ca->pem);
	struct tls_client *c = tls_client_new(path, NULL);

	assert_non_null(c);
	unlink(path);
	free(path);
	return c;
}

static void
check_kind(EVP_PKEY *key, const struct made *ca)
{
	struct made m = made_of(key, ca);
	struct tls_client *client = client_of(ca);
	struct tls_server *s;
	struct error e;

	keeper = tls_server_new_pem(m.pem, strlen(m.pem), m.key_pem,
	    strlen(m.key_pem), &e);
	assert_non_null(keeper);
	s = tls_server_new_signed(m.pem, strlen(m.pem),
	    &(struct tls_signer){ sign, keeper }, &e);
	if (s == NULL)
		fail_msg("%s", e.text);
	is_wrong = true;
	assert_false(shakes(client, s));
	is_wrong = false;
	refuses = true;
	assert_false(shakes(client, s));
	refuses = false;
	assert_true(shakes(client, s));
	assert_true(shakes(client, s));
	tls_server_free(s);
	tls_server_free(keeper);
	tls_client_free(client);
	unmake(&m);
}

static void
test_kinds(void **state)
{
	struct made ca = make_ca("Some CA", NULL);

	(void)state;
	check_kind(EVP_RSA_gen(2048), &ca);
	check_kind(EVP_EC_gen("P-256"), &ca);
	check_kind(EVP_EC_gen("P-384"), &ca);
	check_kind(EVP_EC_gen("P-521"), &ca);
	check_kind(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), &ca);
	assert_true(asked >= 15);
	unmake(&ca);
}

/* A certificate that is renewed may have another kind of key. */
static void
test_renewed(void **state)
{
	struct made ca = make_ca("Some CA", NULL);
	struct made a = made_of(EVP_EC_gen("P-256"), &ca);
	struct made b = made_of(EVP_RSA_gen(2048), &ca);
	struct tls_client *client = client_of(&ca);
	struct tls_server *s, *first;
	struct error e;

	(void)state;
	first = keeper = tls_server_new_pem(a.pem, strlen(a.pem), a.key_pem,
	    strlen(a.key_pem), &e);
	s = tls_server_new_signed(a.pem, strlen(a.pem),
	    &(struct tls_signer){ sign, keeper }, &e);
	assert_true(shakes(client, s));
	keeper = tls_server_new_pem(b.pem, strlen(b.pem), b.key_pem,
	    strlen(b.key_pem), &e);
	assert_int_equal(tls_server_set_signed(s, b.pem, strlen(b.pem),
	    &(struct tls_signer){ sign, keeper }, &e), 0);
	tls_client_free(client);
	client = client_of(&ca);	/* without a ticket */
	assert_true(shakes(client, s));
	assert_int_equal(tls_server_set_signed(s, "x", 1,
	    &(struct tls_signer){ sign, keeper }, &e), -1);
	assert_true(shakes(client, s));
	tls_server_free(s);
	tls_server_free(keeper);
	tls_server_free(first);
	tls_client_free(client);
	unmake(&a);
	unmake(&b);
	unmake(&ca);
}

/* Of another protocol, a client's, of another length, or another digest. */
static void
test_nothing_else(void **state)
{
	struct made ca = make_ca("Some CA", NULL);
	uint8_t p[64 + sizeof(WORDS) + 64], signature[TLS_SIGNATURE_MAX];
	const size_t head = 64 + sizeof(WORDS);
	struct tls_server *s;
	struct error e;
	size_t i, n, len;

	(void)state;
	s = tls_server_new_pem(ca.pem, strlen(ca.pem), ca.key_pem,
	    strlen(ca.key_pem), &e);
	memset(p, ' ', sizeof(p));
	memcpy(p + 64, WORDS, sizeof(WORDS));
	for (n = 0; n <= sizeof(p); n++)
		assert_int_equal(tls_server_sign(s, 256, p, n, signature,
		    &len), n == head + 32 || n == head + 48);
	assert_false(tls_server_sign(s, 160, p, head + 32, signature, &len));
	for (i = 0; i < head; i++) {
		p[i] ^= 1;
		assert_false(tls_server_sign(s, 256, p, head + 32, signature,
		    &len));
		p[i] ^= 1;
	}
	memcpy(p + 64, "TLS 1.3, client CertificateVerify", sizeof(WORDS));
	assert_false(tls_server_sign(s, 256, p, head + 32, signature, &len));
	tls_server_free(s);
	unmake(&ca);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_renewed),
		cmocka_unit_test(test_nothing_else),
	};

	return cmocka_run_group_tests_name("tls_elsewhere", tests, NULL, NULL);
}
