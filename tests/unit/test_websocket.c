/* SPDX-License-Identifier: ISC */
/*
 * The WebSocket as a transport: both ends over a lower one that takes and gives
 * what it likes, and holds the writer to its promise to come again with the
 * same bytes; and one end against bytes as a stranger may send them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/upgrade.h"
#include "orthrus/proto/websocket_frame.h"
#include "orthrus/transport/websocket.h"

#define BULK (3 * 1024 * 1024)
#define BYTES(s) s, sizeof(s) - 1

static unsigned seed;

/* --- the lower transport ---------------------------------------------- */

struct lower {
	struct transport head;
	struct buffer *in, *out;
	bool fussy;			/* takes and gives what it likes */
	bool full;			/* takes nothing */
	uint8_t *offered;		/* and not taken */
	size_t noffered;
};

static struct buffer to_client, to_server;

static size_t
some_of(const struct lower *l, size_t n)
{
	return l->fussy ? 1 + (size_t)rand_r(&seed) % n : n;
}

static ssize_t
lower_read(struct transport *t, uint8_t *p, size_t n)
{
	struct lower *l = (struct lower *)t;

	assert_true(n > 0);
	if (l->in->len == 0 || (l->fussy && rand_r(&seed) % 4 == 0)) {
		errno = EAGAIN;
		return -1;
	}
	n = some_of(l, n < l->in->len ? n : l->in->len);
	memcpy(p, buffer_head(l->in), n);
	buffer_drop(l->in, n);
	return (ssize_t)n;
}

static ssize_t
lower_write(struct transport *t, const uint8_t *p, size_t n)
{
	struct lower *l = (struct lower *)t;
	size_t taken = 0;

	if (n == 0)
		return 0;
	assert_true(n >= l->noffered);
	assert_memory_equal(p, l->offered, l->noffered);
	if (!l->full && !(l->fussy && rand_r(&seed) % 3 == 0))
		taken = some_of(l, n);
	assert_int_equal(buffer_put(l->out, p, taken), 0);
	free(l->offered);
	l->noffered = n - taken;
	l->offered = xcalloc(1, l->noffered + 1);
	memcpy(l->offered, p + taken, l->noffered);
	errno = EAGAIN;
	return taken > 0 ? (ssize_t)taken : -1;
}

static void
lower_free(struct transport *t)
{
	free(((struct lower *)t)->offered);
	free(t);
}

static const struct transport_ops lower_ops = {
	.name = "lower", .read = lower_read, .write = lower_write,
	.free = lower_free
};

static struct lower *
lower_new(struct buffer *in, struct buffer *out, bool fussy)
{
	struct lower *l = xcalloc(1, sizeof(*l));

	l->head.ops = &lower_ops;
	l->head.fd = -1;
	l->in = in;
	l->out = out;
	l->fussy = fussy;
	l->offered = xcalloc(1, 1);
	return l;
}

/* --- both ends -------------------------------------------------------- */

static struct lower *client_lower, *server_lower;
static struct transport *client, *server;
static struct handshake *asks, *answers;
static struct error client_error, server_error;

static int
begin(void **state)
{
	(void)state;
	seed = 4711;
	buffer_init(&to_client, 64 * 1024 * 1024);
	buffer_init(&to_server, 64 * 1024 * 1024);
	client_lower = lower_new(&to_client, &to_server, false);
	server_lower = lower_new(&to_server, &to_client, false);
	client = &client_lower->head;
	server = &server_lower->head;
	asks = websocket_connect("gw", 443, "/p");
	answers = websocket_accept("/p");
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	transport_free(client);
	transport_free(server);
	asks->ops->free(asks);
	answers->ops->free(answers);
	buffer_clear(&to_client);
	buffer_clear(&to_server);
	return 0;
}

static enum handshake_result
ask(void)
{
	return asks->ops->go_on(asks, &client, &client_error);
}

static enum handshake_result
answer(void)
{
	return answers->ops->go_on(answers, &server, &server_error);
}

static void
shake_hands(bool fussy)
{
	enum handshake_result a = HANDSHAKE_READ, b = HANDSHAKE_READ;

	client_lower->fussy = server_lower->fussy = fussy;
	while (a != HANDSHAKE_DONE || b != HANDSHAKE_DONE) {
		if (a != HANDSHAKE_DONE)
			a = ask();
		if (b != HANDSHAKE_DONE)
			b = answer();
		assert_int_not_equal(a, HANDSHAKE_FAILED);
		assert_int_not_equal(b, HANDSHAKE_FAILED);
	}
}

static void
put(struct buffer *b, const char *p, size_t n)
{
	assert_int_equal(buffer_put(b, p, n), 0);
}

static void
test_handshake(void **state)
{
	(void)state;
	assert_int_equal(answer(), HANDSHAKE_READ);
	assert_int_equal(ask(), HANDSHAKE_READ);
	assert_int_equal(answer(), HANDSHAKE_DONE);
	assert_int_equal(ask(), HANDSHAKE_DONE);
	assert_string_equal(client->ops->name, "wss");
}

static void
test_handshake_fussy(void **state)
{
	(void)state;
	shake_hands(true);
}

/* What comes in one packet with the answer is the stream's beginning. */
static void
test_early_bytes(void **state)
{
	uint8_t b[1024];

	(void)state;
	ask();
	assert_int_equal(answer(), HANDSHAKE_DONE);
	assert_int_equal(transport_write(server, (const uint8_t *)"SSH-", 4),
	    4);
	assert_int_equal(ask(), HANDSHAKE_DONE);
	assert_true(transport_holds_input(client));
	assert_int_equal(transport_read(client, b, sizeof(b)), 4);
	assert_memory_equal(b, "SSH-", 4);
	assert_false(transport_holds_input(client));
}

/* What was read too early is read first, under the same name. */
static void
test_unread(void **state)
{
	uint8_t b[8];

	(void)state;
	client = transport_unread(client, (const uint8_t *)"early", 5);
	put(&to_client, BYTES("late"));
	assert_string_equal(client->ops->name, "lower");
	assert_true(transport_holds_input(client));
	assert_int_equal(transport_read(client, b, sizeof(b)), 5);
	assert_memory_equal(b, "early", 5);
	assert_false(transport_holds_input(client));
	assert_int_equal(transport_read(client, b, sizeof(b)), 4);
}

/* --- the stream ------------------------------------------------------- */

struct flow {
	struct transport *from, *to;
	size_t sent, got, most;
};

static uint8_t
byte_at(size_t i)
{
	return (uint8_t)(i * 2654435761u >> 13);
}

static void
flow_out(struct flow *f)
{
	static uint8_t bytes[256 * 1024];
	size_t i, n = 1 + (size_t)rand_r(&seed) % sizeof(bytes);
	ssize_t sent;

	/* Who is told that less was taken comes again with no less. */
	n = f->most > n ? f->most : n;
	if (n > BULK - f->sent)
		n = BULK - f->sent;
	for (i = 0; i < n; i++)
		bytes[i] = byte_at(f->sent + i);
	sent = transport_write(f->from, bytes, n);
	assert_true(sent != 0 || n == 0);
	f->most = n;
	if (sent > 0) {
		f->sent += (size_t)sent;
		f->most -= (size_t)sent;
	}
}

static void
flow_in(struct flow *f)
{
	static uint8_t bytes[128 * 1024];
	bool small = rand_r(&seed) % 3 == 0;
	size_t n = 1 + (size_t)rand_r(&seed) % (small ? 600 : sizeof(bytes));
	ssize_t i, got = transport_read(f->to, bytes, n);

	if (got == -1)
		assert_int_equal(errno, EAGAIN);
	for (i = 0; i < got; i++)
		assert_int_equal(bytes[i], byte_at(f->got + (size_t)i));
	f->got += got > 0 ? (size_t)got : 0;
}

static void
run_flows(bool fussy)
{
	struct flow up, down;

	shake_hands(fussy);
	up = (struct flow){ .from = client, .to = server };
	down = (struct flow){ .from = server, .to = client };
	while (up.got < BULK || down.got < BULK) {
		if (up.sent < BULK)
			flow_out(&up);
		if (down.sent < BULK)
			flow_out(&down);
		flow_in(&up);
		flow_in(&down);
	}
	assert_int_equal(up.got, BULK);
	assert_int_equal(down.got, BULK);
}

static void
test_bulk(void **state)
{
	(void)state;
	run_flows(false);
}

static void
test_bulk_fussy(void **state)
{
	(void)state;
	run_flows(true);
}

/* --- a client, and bytes ---------------------------------------------- */

static void
open_client(void)
{
	shake_hands(false);
	buffer_clear(&to_server);
}

/* What the client has sent is one frame: checks it, and takes it away. */
static void
check_sent(enum frame_opcode opcode, const char *p, size_t n)
{
	uint8_t *b = xcalloc(1, to_server.len + 1);
	struct frame_head h;
	int len;

	memcpy(b, buffer_head(&to_server), to_server.len);
	len = frame_head_read(b, to_server.len + 1, &h);
	assert_int_equal(len, 6);
	assert_true(h.masked && h.fin);
	assert_int_equal(h.opcode, opcode);
	assert_int_equal(h.length, n);
	frame_mask(b + len, b + len, n, h.key, 0);
	assert_memory_equal(b + len, p, n);
	buffer_drop(&to_server, (size_t)len + n);
	free(b);
}

static ssize_t
read_client(uint8_t *b, size_t n)
{
	errno = 0;
	return transport_read(client, b, n);
}

static void
test_ping(void **state)
{
	uint8_t b[1024];

	(void)state;
	open_client();
	put(&to_client, BYTES("\x89\x02" "hi\x82\x01" "x"));
	assert_int_equal(read_client(b, sizeof(b)), 1);
	assert_true(transport_holds_output(client));
	client_lower->full = true;
	assert_int_equal(transport_write(client, NULL, 0), -1);
	client_lower->full = false;
	assert_int_equal(transport_write(client, NULL, 0), 0);
	assert_false(transport_holds_output(client));
	check_sent(FRAME_PONG, "hi", 2);
	put(&to_client, BYTES("\x89\x00"));
	assert_int_equal(read_client(b, sizeof(b)), -1);
	assert_int_equal(errno, EAGAIN);
	/* The pong goes in front of what is sent next. */
	assert_int_equal(transport_write(client, (const uint8_t *)"abc", 3),
	    3);
	check_sent(FRAME_PONG, "", 0);
	check_sent(FRAME_BINARY, "abc", 3);
	assert_int_equal(to_server.len, 0);
}

/* A pong waits for the end of a frame that has begun. */
static void
test_ping_inside(void **state)
{
	uint8_t b[1024];

	(void)state;
	open_client();
	client_lower->full = true;
	assert_int_equal(transport_write(client, (const uint8_t *)"abc", 3),
	    -1);
	put(&to_client, BYTES("\x89\x01" "p"));
	assert_int_equal(read_client(b, sizeof(b)), -1);
	client_lower->full = false;
	assert_int_equal(transport_write(client, (const uint8_t *)"abc", 3),
	    3);
	assert_true(transport_holds_output(client));
	assert_int_equal(transport_write(client, NULL, 0), 0);
	check_sent(FRAME_BINARY, "abc", 3);
	check_sent(FRAME_PONG, "p", 1);
}

static void
close_client(void)
{
	transport_free(client);
	client_lower = lower_new(&to_client, &to_server, false);
	client = &client_lower->head;
}

static void
check_fault(const char *p, size_t n, const char *why, const char *goodbye)
{
	uint8_t b[1024];

	open_client();
	put(&to_client, p, n);
	assert_int_equal(read_client(b, sizeof(b)), -1);
	assert_int_equal(errno, EPROTO);
	assert_non_null(strstr(transport_why(client, errno), why));
	close_client();
	check_sent(FRAME_CLOSE, goodbye, 2);
}

static void
test_text(void **state)
{
	(void)state;
	check_fault(BYTES("\x81\x01" "a"), "WebSocket: the server sent a text "
	    "frame", "\x03\xeb");
}

static void
test_garbage(void **state)
{
	(void)state;
	check_fault(BYTES("HTTP/1.1 200 OK\r\n"), "WebSocket: the server sent "
	    "what is no frame", "\x03\xea");
}

static void
test_huge(void **state)
{
	(void)state;
	check_fault(BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff" "a"),
	    "a frame of 9223372036854775807 bytes", "\x03\xf1");
}

static void
test_peer_closes(void **state)
{
	uint8_t b[1024];

	(void)state;
	open_client();
	put(&to_client, BYTES("\x82\x01" "x\x88\x05\x03\xe9" "bye"));
	assert_int_equal(read_client(b, sizeof(b)), 1);
	assert_true(transport_holds_input(client));
	assert_int_equal(read_client(b, sizeof(b)), 0);
	assert_false(transport_holds_input(client));
	assert_string_equal(transport_why(client, 0),
	    "WebSocket: the server closed: 1001 bye");
	close_client();
	check_sent(FRAME_CLOSE, "\x03\xe9", 2);
}

/* Who goes in the middle of a frame cannot say goodbye. */
static void
test_goodbye_inside(void **state)
{
	(void)state;
	open_client();
	client_lower->full = true;
	assert_int_equal(transport_write(client, (const uint8_t *)"abc", 3),
	    -1);
	client_lower->full = false;
	close_client();
	assert_int_equal(to_server.len, 0);
}

/* --- a server, and requests ------------------------------------------- */

static void
test_refused(void **state)
{
	(void)state;
	put(&to_server, BYTES("GET /q HTTP/1.1\r\nHost: gw\r\n\r\n"));
	server_lower->full = true;
	assert_int_equal(answer(), HANDSHAKE_WRITE);
	server_lower->full = false;
	assert_int_equal(answer(), HANDSHAKE_FAILED);
	assert_memory_equal(buffer_head(&to_client), "HTTP/1.1 404 ", 13);
	assert_int_equal(server_error.code, EX_UNAVAILABLE);
}

static void
test_refused_by_server(void **state)
{
	(void)state;
	assert_int_equal(ask(), HANDSHAKE_READ);
	put(&to_client, BYTES("HTTP/1.1 403 Forbidden\r\n\r\n"));
	assert_int_equal(ask(), HANDSHAKE_FAILED);
	assert_int_equal(client_error.code, EX_UNAVAILABLE);
	assert_non_null(strstr(client_error.text, "403 Forbidden"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handshake, begin, finish),
		cmocka_unit_test_setup_teardown(test_handshake_fussy, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_early_bytes, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_unread, begin, finish),
		cmocka_unit_test_setup_teardown(test_bulk, begin, finish),
		cmocka_unit_test_setup_teardown(test_bulk_fussy, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_ping, begin, finish),
		cmocka_unit_test_setup_teardown(test_ping_inside, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_text, begin, finish),
		cmocka_unit_test_setup_teardown(test_garbage, begin, finish),
		cmocka_unit_test_setup_teardown(test_huge, begin, finish),
		cmocka_unit_test_setup_teardown(test_peer_closes, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_goodbye_inside, begin,
		    finish),
		cmocka_unit_test_setup_teardown(test_refused, begin, finish),
		cmocka_unit_test_setup_teardown(test_refused_by_server, begin,
		    finish)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
