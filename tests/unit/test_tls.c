/* SPDX-License-Identifier: ISC */
/*
 * TLS as a transport: both of our ends with each other, and with OpenSSL's own,
 * over a socket pair.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/transport/tls_private.h"
#include "descriptors.h"
#include "orthrus/base/mem.h"
#include "tls_fixture.h"

#define BULK (3 << 20)

static struct made ca, gw;
static char *ca_path;
static struct tls_client *client;
static struct tls_server *server;

static int
setup(void **state)
{
	struct error e;

	(void)state;
	ca = make_ca("Some CA", NULL);
	gw = make_for("gw", "DNS:gw.test", &ca);
	ca_path = in_file(ca.pem);
	client = tls_client_new(ca_path, &e);
	assert_non_null(client);
	server = tls_server_new_pem(gw.pem, strlen(gw.pem), gw.key_pem,
	    strlen(gw.key_pem), &e);
	assert_non_null(server);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	tls_client_free(client);
	tls_server_free(server);
	unlink(ca_path);
	free(ca_path);
	unmake(&ca);
	unmake(&gw);
	return 0;
}

static struct handshake *
to_gw(void)
{
	return tls_connect(client, "gw.test", NULL, 443, TLS_ALPN_SSH);
}

/* Both ends are there, and have what comes behind the handshake. */
static void
begin(struct talk *k)
{
	uint8_t byte;

	talk_begin(k);
	assert_true(talk(k, to_gw(), tls_accept(server)));
	assert_int_equal(transport_read(k->client, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(transport_read(k->server, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void
expect_text(struct transport *from, struct transport *to, const char *text)
{
	uint8_t got[100];
	size_t n = strlen(text);

	assert_int_equal(transport_write(from, (const uint8_t *)text, n), n);
	assert_false(transport_holds_output(from));
	assert_int_equal(transport_read(to, got, sizeof(got)), n);
	assert_memory_equal(got, text, n);
	assert_false(transport_holds_input(to));
}

/* --- both ours -------------------------------------------------------- */

static void
test_there_and_back(void **state)
{
	struct talk k;
	uint8_t byte;

	(void)state;
	begin(&k);
	assert_string_equal(k.client->ops->name, "tls");
	assert_false(transport_is_socket(k.client));
	assert_string_equal(tls_alpn(k.client), "ssh");
	assert_string_equal(tls_alpn(k.server), "ssh");
	expect_text(k.client, k.server, "hello");
	expect_text(k.server, k.client, "and hello");
	/* An end is said, and is no error. */
	transport_free(k.client);
	k.client = NULL;
	assert_int_equal(transport_read(k.server, &byte, 1), 0);
	assert_int_equal(transport_read(k.server, &byte, 1), 0);
	talk_end(&k);
}

/* Data right behind the handshake are there, whatever the socket says. */
static void
test_data_behind_handshake(void **state)
{
	struct talk k;
	struct handshake *c = to_gw(), *s = tls_accept(server);
	uint8_t got[8];
	struct error e;

	(void)state;
	talk_begin(&k);
	assert_int_equal(c->ops->go_on(c, &k.client, &e), HANDSHAKE_READ);
	assert_int_equal(s->ops->go_on(s, &k.server, &e), HANDSHAKE_READ);
	assert_int_equal(c->ops->go_on(c, &k.client, &e), HANDSHAKE_DONE);
	assert_int_equal(transport_write(k.client, (const uint8_t *)"SSH-", 4),
	    4);
	assert_int_equal(s->ops->go_on(s, &k.server, &e), HANDSHAKE_DONE);
	assert_true(transport_holds_input(k.server));
	assert_int_equal(transport_read(k.server, got, 8), 4);
	assert_memory_equal(got, "SSH-", 4);
	c->ops->free(c);
	s->ops->free(s);
	talk_end(&k);
}

static uint8_t
byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* One go of a write whose bytes come again when it takes none. */
static size_t
write_some(struct transport *t, size_t sent, size_t total)
{
	static uint8_t bytes[200000];
	size_t n = 1 + (size_t)rand() % sizeof(bytes), i;
	ssize_t taken;

	if (n > total - sent)
		n = total - sent;
	for (i = 0; i < n; i++)
		bytes[i] = byte_at(sent + i);
	taken = transport_write(t, bytes, n);
	if (n == 0 || (taken == -1 && errno == EAGAIN))
		return 0;
	assert_true(taken > 0 && (size_t)taken <= n);
	return (size_t)taken;
}

static size_t
read_some(struct transport *t, size_t got)
{
	static uint8_t bytes[150000];
	ssize_t n = transport_read(t, bytes, 1 + (size_t)rand() % 150000), i;

	if (n == -1 && errno == EAGAIN) {
		assert_false(transport_holds_input(t));
		return 0;
	}
	assert_true(n > 0);
	for (i = 0; i < n; i++)
		if (bytes[i] != byte_at(got + (size_t)i))
			fail_msg("byte %zu is wrong", got + (size_t)i);
	return (size_t)n;
}

/* Whatever the pieces are, and the one who reads is slow now and then. */
static void
test_bulk(void **state)
{
	struct talk k;
	size_t sent = 0, got = 0, back = 0, got_back = 0;
	bool waited = false;

	(void)state;
	srand(1);
	begin(&k);
	while (got < BULK || got_back < BULK) {
		sent += write_some(k.client, sent, BULK);
		back += write_some(k.server, back, BULK);
		waited |= transport_holds_output(k.client);
		if (rand() % 3 == 0)
			got += read_some(k.server, got);
		if (rand() % 3 == 0)
			got_back += read_some(k.client, got_back);
	}
	assert_true(waited);
	assert_int_equal(sent, BULK);
	assert_int_equal(back, BULK);
	assert_false(transport_holds_output(k.client));
	talk_end(&k);
}

/* --- ends ------------------------------------------------------------- */

/* Cut off without a word is a reset; writing then makes an error, no signal. */
static void
test_cut_off(void **state)
{
	struct talk k;
	uint8_t byte = 0;
	ssize_t n;
	int i;

	(void)state;
	begin(&k);
	shutdown(k.server->fd, SHUT_RDWR);
	assert_int_equal(transport_read(k.client, &byte, 1), -1);
	assert_int_equal(errno, ECONNRESET);
	talk_end(&k);
	begin(&k);
	shutdown(k.server->fd, SHUT_RDWR);
	for (i = 0; i < 3 && (n = transport_write(k.client, &byte, 1)) != -1;
	    i++)
		;
	assert_int_equal(n, -1);
	assert_int_equal(errno, EPIPE);
	talk_end(&k);
}

/* Altered bytes end it, with a line on what it was. */
static void
test_altered(void **state)
{
	static const uint8_t garbage[] = "\27\3\3\0\40"
	    "0123456789abcdef0123456789abcdef";
	struct talk k;
	uint8_t byte;

	(void)state;
	begin(&k);
	assert_int_equal(send(k.server->fd, garbage, sizeof(garbage) - 1, 0),
	    sizeof(garbage) - 1);
	assert_int_equal(transport_read(k.client, &byte, 1), -1);
	assert_non_null(strstr(transport_why(k.client, errno),
	    "TLS failed: decryption failed"));
	assert_int_equal(transport_read(k.server, &byte, 1), -1);
	assert_non_null(strstr(transport_why(k.server, errno),
	    "the other side ended TLS: bad record mac"));
	assert_int_equal(transport_write(k.client, &byte, 1), -1);
	talk_end(&k);
}

/* --- what outlives what ----------------------------------------------- */

/* A connection and a handshake outlive whom they are of. */
static void
test_outlive(void **state)
{
	struct error e;
	struct tls_client *c = tls_client_new(ca_path, &e);
	struct tls_server *s = tls_server_new_pem(gw.pem, strlen(gw.pem),
	    gw.key_pem, strlen(gw.key_pem), &e);
	struct handshake *from = tls_connect(c, "gw.test", NULL, 1, "ssh");
	struct handshake *to = tls_accept(s);
	struct talk k;

	(void)state;
	tls_client_free(c);
	tls_server_free(s);
	talk_begin(&k);
	assert_true(talk(&k, from, to));
	expect_text(k.server, k.client, "still here");
	talk_end(&k);
}

/* --- others' ---------------------------------------------------------- */

static SSL *
begin_foreign(struct talk *k)
{
	SSL *ssl;

	talk_begin(k);
	ssl = foreign_server(k->server->fd, &gw, TLS1_3_VERSION);
	assert_true(talk_foreign(k, to_gw(), ssl));
	/* It knows nothing of ALPN. */
	assert_string_equal(tls_alpn(k->client), "");
	return ssl;
}

/* New keys in the midst of data, asked for over and over. */
static void
test_new_keys(void **state)
{
	struct talk k;
	SSL *ssl = begin_foreign(&k);
	uint8_t got[10];
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		assert_int_equal(SSL_key_update(ssl,
		    SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_write(ssl, "ping", 4), 4);
		assert_int_equal(transport_read(k.client, got, 10), 4);
		assert_int_equal(transport_write(k.client,
		    (const uint8_t *)"pong", 4), 4);
		assert_int_equal(SSL_read(ssl, got, 10), 4);
	}
	SSL_free(ssl);
	talk_end(&k);
}

/* Who asks for new keys without end, and reads no answer, is left. */
static void
test_new_keys_without_end(void **state)
{
	struct talk k;
	SSL *ssl = begin_foreign(&k);
	uint8_t byte;
	ssize_t n = -1;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
		if (SSL_do_handshake(ssl) != 1)
			break;
		n = transport_read(k.client, &byte, 1);
		assert_int_equal(n, -1);
		if (errno != EAGAIN)
			break;
	}
	assert_true(i < 100000);
	SSL_free(ssl);
	talk_end(&k);
}

/* What somebody has read to know who comes is not lost. */
static void
test_unread(void **state)
{
	struct talk k;
	struct handshake *c = to_gw();
	uint8_t first[100];
	struct error e;
	ssize_t n;

	(void)state;
	talk_begin(&k);
	assert_int_equal(c->ops->go_on(c, &k.client, &e), HANDSHAKE_READ);
	n = transport_read(k.server, first, sizeof(first));
	assert_int_equal(n, sizeof(first));
	k.server = transport_unread(k.server, first, sizeof(first));
	assert_true(talk(&k, c, tls_accept(server)));
	expect_text(k.client, k.server, "through it");
	talk_end(&k);
}

static void
count_key_updates(int sent, int version, int type, const void *p, size_t n,
    SSL *ssl, void *arg)
{
	(void)version;
	(void)ssl;
	if (sent && type == SSL3_RT_HANDSHAKE && n > 0 &&
	    *(const unsigned char *)p == SSL3_MT_KEY_UPDATE)
		++*(int *)arg;
}

/* No key is used for more than it is good for. */
static void
test_key_is_used_up(void **state)
{
	uint64_t whole = tls_key_bytes;
	struct talk k;
	size_t sent = 0, got = 0;
	int updates = 0;
	SSL *ssl;

	(void)state;
	begin(&k);
	ssl = ((struct tls *)k.client)->ssl;
	SSL_set_msg_callback(ssl, count_key_updates);
	SSL_set_msg_callback_arg(ssl, &updates);
	tls_key_bytes = BULK / 4;
	while (got < BULK) {
		sent += write_some(k.client, sent, BULK);
		got += read_some(k.server, got);
	}
	tls_key_bytes = whole;
	assert_int_equal(updates, 3);
	talk_end(&k);
}

static void
test_nothing_left_open(void **state)
{
	unsigned before = open_descriptors();
	struct talk k;
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		begin(&k);
		talk_end(&k);
	}
	assert_int_equal(open_descriptors(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_data_behind_handshake),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_outlive),
		cmocka_unit_test(test_new_keys),
		cmocka_unit_test(test_new_keys_without_end),
		cmocka_unit_test(test_key_is_used_up),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_nothing_left_open),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
