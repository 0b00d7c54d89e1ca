/* SPDX-License-Identifier: ISC */
/*
 * Both roles of a connection in one loop, over loopback: the client's session
 * and its link against the acceptor, with real keys and libssh in between.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/userauth.h"
#include "orthrus/relay/relay.h"
#include "orthrus/ssh/inbound.h"
#include "orthrus/ssh/link.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/listener.h"

#include "awkward_transport.h"
#include "memory_endpoint.h"

#define PATIENCE_MS 20000	/* for anything at all */

static char dir[] = "/tmp/orthrus-connection.XXXXXX";
static char *key;
static uint8_t host_secret[64], host_blob[KEY_BLOB_LEN];
static struct event_base *base;
static struct dialer *dialer;
static struct identity *identity;

/* What either side has been told, and the server's answers. */
static struct {
	bool key_ok, signs_nothing;
	unsigned up, ended, turned_away, penalised, hashes, left, proven;
	unsigned asked;			/* to listen */
	uint64_t number;		/* of the last session, and its id */
	uint8_t session_id[SESSION_ID_MAX];
	size_t id_len;
	struct inbound *in;
	char why[ERROR_TEXT_MAX], user[INBOUND_USER_MAX];
	struct memory memory;
	struct relay *relay;
} server;
static struct {
	unsigned up, ended, down, trouble, gave_up, opened, sent, granted;
	struct error why;
	enum open_failure reason;
	char text[256];
	struct memory memory;
	struct relay *relay;
	struct channel *ch;
} client;

static struct acceptor *acceptor;
static listener_accept *take;	/* the acceptor's, or over another transport */
static struct listener *listener;
static uint16_t port;

/* --- the loop ------------------------------------------------------- */

static void
give(struct memory *m)
{
	if (m->ep.relay != NULL)
		while (memory_step(m))
			;
}

/* Runs the loop until *what is at least n. */
static void
until(const unsigned *what, unsigned n)
{
	uint64_t end = clock_ms() + PATIENCE_MS;
	static const struct timeval tick = { 0, 5000 };

	while (*what < n) {
		if (clock_ms() > end)
			fail_msg("it did not come to that");
		event_base_loopexit(base, &tick);
		event_base_loop(base, EVLOOP_ONCE);
		give(&server.memory);
		give(&client.memory);
	}
}

/* --- the server ----------------------------------------------------- */

static bool
on_sign(void *arg, struct inbound *in, const uint8_t *hash, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN])
{
	(void)arg;
	assert_true(len == 32 || len == 64);
	server.hashes++;
	if (server.number != inbound_number(in)) {
		server.number = inbound_number(in);
		memcpy(server.session_id, hash, len);
		server.id_len = len;
	}
	crypto_sign_detached(signature, NULL, hash, len, host_secret);
	return !server.signs_nothing;
}

static void
on_left(void *arg, struct inbound *in)
{
	(void)arg;
	assert_true(inbound_number(in) > 0);
	server.left++;
}

/* What libssh has found right is right for who has only the session's id. */
static void
check_signature(struct inbound *in, const uint8_t *blob, size_t len)
{
	uint8_t key_bytes[ED25519_KEY_LEN];
	struct userauth u;
	size_t n;
	const uint8_t *p = inbound_request(in, &n);

	assert_true(userauth_read(p, n, &u));
	assert_int_equal(u.blob_len, len);
	assert_memory_equal(u.blob, blob, len);
	assert_int_equal(key_blob_read(blob, len, key_bytes), 0);
	assert_true(userauth_is_signed(&u, p, server.session_id,
	    server.id_len, key_bytes));
	server.session_id[0] ^= 1;
	assert_false(userauth_is_signed(&u, p, server.session_id,
	    server.id_len, key_bytes));
	server.session_id[0] ^= 1;
	server.proven++;
}

static bool
on_key(void *arg, struct inbound *in, const char *user, const uint8_t *blob,
    size_t len, bool proven)
{
	(void)arg;
	assert_true(len > 0);
	if (proven)
		check_signature(in, blob, len);
	snprintf(server.user, sizeof(server.user), "%s", user);
	return server.key_ok;
}

static bool
on_password(void *arg, struct inbound *in, const char *password)
{
	(void)arg;
	(void)in;
	return strcmp(password, "right") == 0;
}

static void
on_turned_away(void *arg, struct inbound *in, const char *why)
{
	(void)arg;
	(void)in;
	snprintf(server.why, sizeof(server.why), "%s", why);
	server.turned_away++;
}

static void
on_kept_out(void *arg, const char *peer, const char *why)
{
	(void)arg;
	assert_int_equal(strncmp(peer, "127.0.0.", 8), 0);
	snprintf(server.why, sizeof(server.why), "%s", why);
	server.turned_away++;
}

static void
on_penalised(void *arg, const char *peer, uint64_t ms)
{
	(void)arg;
	assert_string_equal(peer, "127.0.0.2");
	assert_in_range(ms, 14000, 60000);
	server.penalised++;
}

static void
on_relayed(void *arg, uint64_t out, uint64_t in)
{
	(void)out;
	(void)in;
	*(struct relay **)arg = NULL;
}

static void
on_direct(void *arg, struct channel *ch, const struct address *to)
{
	assert_ptr_equal(arg, &server);
	assert_string_equal(to->host, "far");
	if (to->port == 1) {
		channel_refuse(ch, OPEN_PROHIBITED, "not here");
		return;
	}
	channel_accept(ch);
	server.relay = relay_start(&server.memory.ep, channel_endpoint(ch),
	    on_relayed, &server.relay);
}

static bool
on_server_listen(void *arg, const struct address *at, bool cancel,
    uint16_t *asked)
{
	assert_ptr_equal(arg, &server);
	(void)at;
	(void)cancel;
	(void)asked;
	server.asked++;
	return true;
}

static void
on_server_up(void *arg, struct inbound *in)
{
	static const struct mux_service service = { .direct = on_direct,
	    .listen = on_server_listen };

	(void)arg;
	mux_serve(inbound_mux(in), &service, &server);
	server.in = in;
	server.up++;
}

static void
on_server_ended(void *arg, struct inbound *in, const struct error *why)
{
	(void)arg;
	assert_ptr_equal(server.in, in);
	snprintf(server.why, sizeof(server.why), "%s", why->text);
	server.in = NULL;
	server.ended++;
}

static void
serve(unsigned grace_ms, size_t unauthenticated_max)
{
	static const struct acceptor_events events = { on_sign, on_left,
	    on_key, on_password, on_turned_away, on_kept_out, on_penalised,
	    on_server_up, on_server_ended, NULL, NULL };
	const struct acceptor_config config = {
		.host_key = host_blob, .version = "charon_test",
		.grace_ms = grace_ms, .attempts = 3,
		.limits = { .unauthenticated = unauthenticated_max,
		    .penalty_ms = 60000 },
		.dead_ms = 10000
	};
	const struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	struct error e;

	acceptor = acceptor_new(base, &config, "enroll", &events, NULL, &e);
	assert_non_null(acceptor);
	listener = listener_new(base, &at, take, acceptor, &e);
	assert_non_null(listener);
	port = listener_port(listener);
}

/* --- the client ----------------------------------------------------- */

static void
on_up(void *arg)
{
	(void)arg;
	client.up++;
}

static void
on_ended(void *arg, const struct error *why)
{
	(void)arg;
	client.why = *why;
	client.ended++;
}

static struct outbound_config
config_for(const char *user)
{
	static char *pins[1];
	struct outbound_config c = {
		.server = { .host = "127.0.0.1", .port = port },
		.policy = { .known_hosts = pins, .nknown_hosts = 1,
		    .accept_new = true },
		.identity = identity, .transport.step_ms = 5000, .login_ms = 10000,
		.probe_ms = 5000, .dead_ms = 13000
	};

	if (pins[0] == NULL)
		pins[0] = xasprintf("%s/known_hosts", dir);
	snprintf(c.server.user, sizeof(c.server.user), "%s", user);
	return c;
}

static struct outbound *
dial(const struct outbound_config *c)
{
	static const struct outbound_events events = { on_up, on_ended,
	    NULL };

	return outbound_start(base, dialer, c, &events, NULL);
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	(void)arg;
	client.opened++;
	client.reason = reason;
	snprintf(client.text, sizeof(client.text), "%s", text);
	if (reason == OPEN_OK)
		client.relay = relay_start(&client.memory.ep,
		    channel_endpoint(client.ch), on_relayed, &client.relay);
}

static void
open_channel(struct outbound *s, uint16_t to_port)
{
	struct address to = { .kind = ADDRESS_TCP, .host = "far",
	    .port = to_port };

	client.ch = mux_open(outbound_mux(s), &to, NULL, on_opened, NULL);
	assert_non_null(client.ch);
	until(&client.opened, 1);
}

/* --- each test ------------------------------------------------------ */

static int
setup(void **state)
{
	(void)state;
	take = acceptor_take;
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	memory_init(&server.memory);
	memory_init(&client.memory);
	server.key_ok = true;
	base = event_base_new();
	dialer = dialer_new(base);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	listener_free(listener);
	acceptor_free(acceptor);
	listener = NULL;
	acceptor = NULL;
	if (server.relay != NULL)
		relay_abort(server.relay);
	if (client.relay != NULL)
		relay_abort(client.relay);
	dialer_free(dialer);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	memory_free(&server.memory);
	memory_free(&client.memory);
	return 0;
}

static void
take_awkward(void *arg, int fd)
{
	acceptor_take_transport(arg, transport_awkward(fd));
}

static int
setup_awkward(void **state)
{
	int r = setup(state);

	take = take_awkward;
	return r;
}

static void
test_login(void **state)
{
	struct outbound_config c;
	struct outbound_info info;
	struct outbound *s;
	char fp[KEY_FINGERPRINT_MAX];

	(void)state;
	serve(10000, 10);
	c = config_for("web-1");
	s = dial(&c);
	assert_null(outbound_mux(s));
	until(&client.up, 1);
	until(&server.up, 1);
	outbound_info(s, &info);
	assert_true(info.gateway);
	assert_string_not_equal(info.kex, "");
	assert_string_not_equal(info.cipher, "");
	key_fingerprint(host_blob, sizeof(host_blob), fp);
	assert_string_equal(info.host_key, fp);
	assert_int_equal(server.hashes, 1);
	assert_int_equal(server.proven, 1);
	assert_int_equal(server.left, 0);
	assert_string_equal(server.user, "web-1");
	assert_string_equal(inbound_user(server.in), "web-1");
	assert_string_equal(inbound_peer(server.in), "127.0.0.1");
	outbound_free(s);
	until(&server.ended, 1);
	until(&server.left, 1);
	assert_int_equal(client.ended, 0);
}

static void
test_login_with_password(void **state)
{
	struct outbound_config c;
	struct outbound *s;

	(void)state;
	serve(10000, 10);
	c = config_for("enroll");
	c.identity = NULL;
	c.password = "right";
	s = dial(&c);
	until(&client.up, 1);
	outbound_free(s);
}

static void
expect_refused(const struct outbound_config *c, int code, const char *text)
{
	struct outbound *s = dial(c);

	until(&client.ended, 1);
	assert_int_equal(client.why.code, code);
	if (strstr(client.why.text, text) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", client.why.text, text);
	assert_int_equal(client.up, 0);
	assert_null(outbound_mux(s));
	outbound_free(s);
}

/* Who has the host key does not sign: no session comes of it. */
static void
test_nobody_signs(void **state)
{
	struct outbound_config c;

	(void)state;
	serve(10000, 10);
	server.signs_nothing = true;
	c = config_for("web-1");
	expect_refused(&c, EX_UNAVAILABLE, "");
	assert_int_equal(server.up, 0);
	until(&server.turned_away, 1);
	until(&server.left, 1);
	assert_int_equal(server.hashes, 1);
}

static void
test_key_refused(void **state)
{
	struct outbound_config c;

	(void)state;
	serve(10000, 10);
	c = config_for("web-1");
	server.key_ok = false;
	expect_refused(&c, EX_NOPERM, "refused user \"web-1\"");
	assert_int_equal(server.up, 0);
	until(&server.turned_away, 1);	/* the connection, in the end */
}

static void
test_password_refused(void **state)
{
	struct outbound_config c;

	(void)state;
	serve(10000, 10);
	c = config_for("enroll");
	c.identity = NULL;
	c.password = "wrong";
	expect_refused(&c, EX_NOPERM, "password");
}

static void
test_host_key_refused(void **state)
{
	char *pin = (char *)(uintptr_t)
	    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct outbound_config c;

	(void)state;
	serve(10000, 10);
	c = config_for("web-1");
	c.policy.pins = &pin;
	c.policy.npins = 1;
	expect_refused(&c, EX_NOPERM, "SHA256:");
	assert_string_equal(server.user, "");	/* nothing was told */
}

/* Listens, and says text to whoever connects, if anything. */
static int strangers[4];
static size_t nstrangers;
static const char *stranger_says;

static void
on_stranger(void *arg, int fd)
{
	(void)arg;
	assert_true(nstrangers < 4);
	strangers[nstrangers++] = fd;
	if (stranger_says != NULL)
		assert_true(write(fd, stranger_says, strlen(stranger_says)) >
		    0);
}

static void
be_strange(const char *says)
{
	const struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	struct error e;

	stranger_says = says;
	listener = listener_new(base, &at, on_stranger, NULL, &e);
	assert_non_null(listener);
	port = listener_port(listener);
}

static void
forget_strangers(void)
{
	while (nstrangers > 0)
		close(strangers[--nstrangers]);
}

static void
test_silent_server(void **state)
{
	struct outbound_config c;

	(void)state;
	be_strange(NULL);
	c = config_for("web-1");
	c.login_ms = 200;
	expect_refused(&c, EX_UNAVAILABLE, "no SSH server has named itself");
	forget_strangers();
}

static void
test_no_ssh_server(void **state)
{
	char text[8192];
	struct outbound_config c;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	be_strange(text);
	c = config_for("web-1");
	expect_refused(&c, EX_UNAVAILABLE, "no SSH server answers there");
	forget_strangers();
}

static void
test_nobody_there(void **state)
{
	struct outbound_config c;

	(void)state;
	serve(10000, 10);
	listener_free(listener);
	listener = NULL;
	c = config_for("web-1");
	expect_refused(&c, EX_UNAVAILABLE, "refused");
}

static void
test_channel(void **state)
{
	static uint8_t data[1 << 20];
	struct outbound_config c;
	struct outbound *s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	serve(10000, 10);
	c = config_for("web-1");
	s = dial(&c);
	until(&client.up, 1);
	open_channel(s, 1);
	assert_int_equal(client.reason, OPEN_PROHIBITED);
	assert_string_equal(client.text, "not here");
	client.opened = 0;
	client.memory.in = data;
	client.memory.in_len = sizeof(data);
	client.memory.in_end = true;
	server.memory.in = data;
	server.memory.in_len = 1000;
	server.memory.in_end = true;
	open_channel(s, 2);
	assert_int_equal(client.reason, OPEN_OK);
	until(&server.memory.closed, 1);
	until(&client.memory.closed, 1);
	assert_false(server.memory.aborted);
	assert_false(client.memory.aborted);
	assert_int_equal(server.memory.out_len, sizeof(data));
	assert_memory_equal(server.memory.out, data, sizeof(data));
	assert_int_equal(client.memory.out_len, 1000);
	assert_memory_equal(client.memory.out, data, 1000);
	outbound_free(s);
}

static void
on_listening(void *arg, enum mux_answer answer, uint16_t listening)
{
	(void)arg;
	(void)listening;
	assert_int_equal(answer, MUX_GRANTED);
	client.granted++;
}

/*
 * However many packets wait, a turn serves 512 of one session, and what a read
 * has brought beyond that.
 */
static void
test_many_packets(void **state)
{
	const struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1",
	    .port = 80 };
	uint64_t end = clock_ms() + PATIENCE_MS;
	struct outbound_config c;
	struct outbound *s;
	unsigned before, most = 0;

	(void)state;
	serve(10000, 10);
	c = config_for("web-1");
	s = dial(&c);
	until(&client.up, 1);
	until(&server.up, 1);
	while (client.sent++ < 20000)
		mux_listen(outbound_mux(s), &at, on_listening, NULL);
	while (client.granted < 20000 && clock_ms() < end) {
		before = server.asked;
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		if (server.asked - before > most)
			most = server.asked - before;
	}
	assert_int_equal(client.granted, 20000);
	assert_int_equal(server.asked, 20000);
	assert_in_range(most, 1, 3 * 512);
	outbound_free(s);
}

/* What is open when the server ends the session ends with an error. */
static void
test_ended_by_the_server(void **state)
{
	struct outbound_config c;
	struct outbound *s;

	(void)state;
	serve(10000, 10);
	c = config_for("web-1");
	s = dial(&c);
	until(&client.up, 1);
	open_channel(s, 2);
	inbound_end(server.in, "enough");
	until(&server.ended, 1);
	assert_string_equal(server.why, "enough");
	until(&client.ended, 1);
	assert_int_equal(client.why.code, EX_UNAVAILABLE);
	assert_non_null(strstr(client.why.text, "enough"));
	outbound_free(s);
	assert_int_equal(client.memory.closed, 1);
	assert_true(client.memory.aborted);
}

/* --- those who have not logged in ------------------------------------- */

#define OTHER (INADDR_LOOPBACK + 1)	/* 127.0.0.2 */
#define THIRD (INADDR_LOOPBACK + 2)

static int
connect_from(uint32_t host)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons(port) }, from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_not_equal(fd, -1);
	from.sin_addr.s_addr = htonl(host);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* True when the server has closed it, with what it said in text. */
static bool
is_closed(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, size - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return n == 0;
}

/* Runs the loop until the server has accepted n in all. */
static void
until_accepted(uint64_t n)
{
	uint64_t end = clock_ms() + PATIENCE_MS;
	struct acceptor_counters c;

	for (acceptor_counters(acceptor, &c); c.accepted < n;
	    acceptor_counters(acceptor, &c)) {
		if (clock_ms() > end)
			fail_msg("not accepted");
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static void
test_grace(void **state)
{
	struct acceptor_counters n;
	int fd;

	(void)state;
	serve(100, 10);
	fd = connect_from(INADDR_LOOPBACK);
	until(&server.turned_away, 1);
	assert_non_null(strstr(server.why, "no login within"));
	acceptor_counters(acceptor, &n);
	assert_int_equal(n.timeouts, 1);
	assert_int_equal(n.unauthenticated, 0);
	close(fd);
}

static void
test_room_is_made(void **state)
{
	struct acceptor_counters n;
	int fds[4];
	size_t i;

	(void)state;
	serve(10000, 3);
	for (i = 0; i < 4; i++)
		fds[i] = connect_from(INADDR_LOOPBACK);
	until(&server.turned_away, 1);
	assert_string_equal(server.why, "others need its place");
	acceptor_counters(acceptor, &n);
	assert_int_equal(n.accepted, 4);
	assert_int_equal(n.dropped, 1);
	assert_int_equal(n.unauthenticated, 3);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

/* Whoever has more than others loses, however many come from there. */
static void
test_others_keep_their_places(void **state)
{
	char text[128];
	int first, crowd[20], last;
	size_t i;

	(void)state;
	serve(10000, 3);
	first = connect_from(OTHER);
	until_accepted(1);
	for (i = 0; i < 20; i++)
		crowd[i] = connect_from(INADDR_LOOPBACK);
	until_accepted(21);
	last = connect_from(THIRD);
	until_accepted(22);
	assert_int_equal(server.turned_away, 19);
	assert_false(is_closed(first, text, sizeof(text)));
	assert_false(is_closed(last, text, sizeof(text)));
	for (i = 0; i < 20; i++)
		close(crowd[i]);
	close(first);
	close(last);
}

/* One source may have a limit of its own. */
static void
test_limit_of_one_source(void **state)
{
	const struct acceptor_limits limits = { .unauthenticated = 10,
	    .per_source = 2 };
	struct acceptor_counters n;
	int fds[6];
	size_t i;

	(void)state;
	serve(10000, 10);
	acceptor_limit(acceptor, &limits);
	for (i = 0; i < 6; i++)
		fds[i] = connect_from(i % 2 == 0 ? OTHER : THIRD);
	until_accepted(6);
	acceptor_counters(acceptor, &n);
	assert_int_equal(n.unauthenticated, 4);
	assert_int_equal(n.dropped, 2);
	for (i = 0; i < 6; i++)
		close(fds[i]);
}

/* Twice no login within the grace time, that is 20 s. */
static void
offend(uint32_t host)
{
	int fds[] = { connect_from(host), connect_from(host) };
	unsigned before = server.turned_away;

	until(&server.turned_away, before + 2);
	close(fds[0]);
	close(fds[1]);
}

static void
test_penalty(void **state)
{
	const struct acceptor_limits limits = { .unauthenticated = 10,
	    .penalty_ms = 60000 };
	struct acceptor_counters n;
	char text[128];
	int fd, other;

	(void)state;
	serve(100, 10);
	offend(OTHER);
	assert_int_equal(server.penalised, 1);
	fd = connect_from(OTHER);
	other = connect_from(THIRD);
	until_accepted(4);
	assert_true(is_closed(fd, text, sizeof(text)));
	assert_string_equal(text, "Not now: too many logins from your address "
	    "have failed\r\n");
	assert_false(is_closed(other, text, sizeof(text)));
	close(fd);
	close(other);
	acceptor_counters(acceptor, &n);
	assert_int_equal(n.penalised, 1);
	/* A reload lets it in again. */
	acceptor_limit(acceptor, &limits);
	fd = connect_from(OTHER);
	until_accepted(5);
	assert_false(is_closed(fd, text, sizeof(text)));
	close(fd);
}

/* Who stands behind a proxy is not told from who else does. */
static void
test_no_penalty_for_a_proxy(void **state)
{
	char text[128];
	int fd;

	(void)state;
	serve(100, 10);
	offend(INADDR_LOOPBACK);
	assert_int_equal(server.penalised, 0);
	fd = connect_from(INADDR_LOOPBACK);
	until_accepted(3);
	assert_false(is_closed(fd, text, sizeof(text)));
	close(fd);
}

/* --- the link --------------------------------------------------------- */

static void
on_link_up(void *arg, struct mux *mux, bool gateway)
{
	(void)arg;
	assert_non_null(mux);
	assert_true(gateway);
	client.up++;
}

static void
on_link_down(void *arg)
{
	(void)arg;
	client.down++;
}

static void
on_trouble(void *arg, const struct error *why)
{
	(void)arg;
	client.why = *why;
	client.trouble++;
}

static void
on_gave_up(void *arg, const struct error *why)
{
	(void)arg;
	client.why = *why;
	client.gave_up++;
}

static struct link *
link_to(struct server *servers, bool reconnect)
{
	static const struct link_events events = { on_link_up, on_link_down,
	    on_trouble, on_gave_up, NULL };
	struct link_config c = { .servers = servers, .nservers = 2,
	    .backoff_min = 10, .backoff_max = 20, .reconnect = reconnect };

	c.session = config_for("web-1");
	servers[0] = servers[1] = c.session.server;
	servers[0].port = 1;		/* nobody listens there */
	return link_new(base, dialer, &c, &events, NULL);
}

static void
test_link(void **state)
{
	struct server servers[2];
	struct link_info info;
	struct link *l;

	(void)state;
	serve(10000, 10);
	l = link_to(servers, true);
	until(&client.up, 1);
	assert_int_equal(client.trouble, 1);	/* the first server */
	link_info(l, &info);
	assert_int_equal(info.state, LINK_CONNECTED);
	assert_int_equal(info.server->port, port);
	assert_int_equal(info.reconnects, 0);
	until(&server.up, 1);
	inbound_end(server.in, "enough");
	until(&client.down, 1);
	until(&client.up, 2);
	link_info(l, &info);
	assert_int_equal(info.reconnects, 1);
	link_free(l);
	assert_int_equal(client.down, 2);
	assert_int_equal(client.gave_up, 0);
}

static void
test_link_once(void **state)
{
	struct server servers[2];
	struct link *l;

	(void)state;
	serve(10000, 10);
	server.key_ok = false;
	l = link_to(servers, false);
	until(&client.gave_up, 1);
	assert_int_equal(client.why.code, EX_NOPERM);
	assert_int_equal(client.up, 0);
	link_free(l);
}

/* --- all of them ---------------------------------------------------- */

static int
make_keys(void **state)
{
	struct error e;

	(void)state;
	if (sodium_init() == -1 || mkdtemp(dir) == NULL)
		return -1;
	ssh_library_init();
	crypto_sign_keypair(host_blob, host_secret);
	key_blob_write(host_secret + ED25519_SEED_LEN, host_blob);
	key = xasprintf("%s/key", dir);
	free(identity_generate(key, "key", &e));
	identity = identity_load(key, &e);
	return identity == NULL ? -1 : 0;
}

static int
remove_keys(void **state)
{
	char *line = xasprintf("rm -rf %s", dir);
	int r = system(line);

	(void)state;
	identity_free(identity);
	free(line);
	free(key);
	return r;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define AWKWARD(f) \
    { #f ", an awkward transport", f, setup_awkward, teardown, NULL }

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_login),
		TEST(test_nobody_signs),
		TEST(test_login_with_password),
		TEST(test_key_refused),
		TEST(test_password_refused),
		TEST(test_host_key_refused),
		TEST(test_silent_server),
		TEST(test_no_ssh_server),
		TEST(test_nobody_there),
		TEST(test_channel),
		TEST(test_many_packets),
		TEST(test_ended_by_the_server),
		TEST(test_grace),
		TEST(test_room_is_made),
		TEST(test_others_keep_their_places),
		TEST(test_limit_of_one_source),
		TEST(test_penalty),
		TEST(test_no_penalty_for_a_proxy),
		TEST(test_link),
		TEST(test_link_once),
		AWKWARD(test_login),
		AWKWARD(test_login_with_password),
		AWKWARD(test_key_refused),
		AWKWARD(test_channel),
		AWKWARD(test_many_packets),
		AWKWARD(test_ended_by_the_server),
		AWKWARD(test_grace),
	};

	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
