/* SPDX-License-Identifier: ISC */
/* See resume_fixture.h. */
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
#include "orthrus/relay/relay.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/listener.h"

#include "resume_fixture.h"

static char dir[] = "/tmp/orthrus-resume.XXXXXX";
static char *key, pin[KEY_FINGERPRINT_MAX];
static uint8_t host_secret[64], host_blob[KEY_BLOB_LEN];
static struct event_base *base;
static struct dialer *dialer;
static struct identity *identity;
static struct acceptor *acceptor;
static struct listener *listener;

uint8_t *upload, *download;
struct outbound *session;
uint64_t rekey_bytes;
struct resume_server server;
struct resume_client client;

/* --- the loop ------------------------------------------------------- */

void
step(void)
{
	static const struct timeval tick = { 0, 2000 };

	event_base_loopexit(base, &tick);
	event_base_loop(base, EVLOOP_ONCE);
	if (server.memory.ep.relay != NULL)
		while (memory_step(&server.memory))
			;
	if (client.memory.ep.relay != NULL)
		while (memory_step(&client.memory))
			;
}

/* Runs the loop until *what is at least n. */
void
until(const unsigned *what, unsigned n)
{
	uint64_t end = clock_ms() + PATIENCE_MS;

	while (*what < n) {
		if (clock_ms() > end)
			fail_msg("it did not come to that; server: \"%s\", "
			    "client: \"%s\"", server.why, client.why);
		step();
	}
}

void
until_moved(size_t n)
{
	uint64_t end = clock_ms() + PATIENCE_MS;

	while (server.memory.out_len < n || client.memory.out_len < n) {
		if (clock_ms() > end)
			fail_msg("%zu and %zu of %zu came",
			    server.memory.out_len, client.memory.out_len, n);
		step();
	}
}

/* --- the server ----------------------------------------------------- */

static bool
on_sign(void *arg, struct inbound *in, const uint8_t *hash, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN])
{
	(void)arg;
	server.hashes++;
	if (rekey_bytes != 0)
		assert_int_equal(ssh_options_set(connection_ssh(in->connection),
		    SSH_OPTIONS_REKEY_DATA, &rekey_bytes), 0);
	crypto_sign_detached(signature, NULL, hash, len, host_secret);
	return true;
}

static void
on_left(void *arg, struct inbound *in)
{
	(void)arg;
	(void)in;
}

static bool
on_key(void *arg, struct inbound *in, const char *user, const uint8_t *blob,
    size_t len, bool proven)
{
	(void)arg;
	(void)in;
	(void)user;
	(void)blob;
	(void)len;
	(void)proven;
	return true;
}

static void
on_turned_away(void *arg, struct inbound *in, const char *why)
{
	(void)arg;
	(void)in;
	snprintf(server.turned, sizeof(server.turned), "%s", why);
	server.turned_away++;
}

static void
on_penalised(void *arg, const char *peer, uint64_t ms)
{
	(void)arg;
	(void)ms;
	assert_string_equal(peer, "127.0.0.2");
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
	(void)arg;
	(void)to;
	channel_accept(ch);
	server.relay = relay_start(&server.memory.ep, channel_endpoint(ch),
	    on_relayed, &server.relay);
}

static void
on_server_up(void *arg, struct inbound *in)
{
	static const struct mux_service service = { .direct = on_direct };

	(void)arg;
	mux_serve(inbound_mux(in), &service, &server);
	server.in = in;
	server.up++;
}

static void
on_server_ended(void *arg, struct inbound *in, const struct error *why)
{
	(void)arg;
	(void)in;
	snprintf(server.why, sizeof(server.why), "%s", why->text);
	server.ended++;
}

static void
on_server_parted(void *arg, struct inbound *in, const char *text)
{
	(void)arg;
	(void)text;
	assert_ptr_equal(server.in, in);
	server.parted++;
}

static void
on_server_rejoined(void *arg, struct inbound *in)
{
	(void)arg;
	assert_ptr_equal(server.in, in);
	server.rejoined++;
}

void
serve(uint64_t resume_ms)
{
	static const struct acceptor_events events = { on_sign, on_left,
	    on_key, NULL, on_turned_away, NULL, on_penalised, on_server_up,
	    on_server_ended, on_server_parted, on_server_rejoined };
	const struct acceptor_config config = {
		.host_key = host_blob, .version = "charon_test",
		.grace_ms = 10000, .attempts = 3,
		.limits = { .unauthenticated = 20, .penalty_ms = 60000,
		    .resume_ms = resume_ms, .resume_memory = 16 << 20 },
		.dead_ms = 10000
	};
	const struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	struct error e;

	acceptor = acceptor_new(base, &config, NULL, &events, NULL, &e);
	assert_non_null(acceptor);
	listener = listener_new(base, &at, acceptor_take, acceptor, &e);
	assert_non_null(listener);
	cut_link_open(base, listener_port(listener));
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
	snprintf(client.why, sizeof(client.why), "%s", why->text);
	client.ended++;
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	(void)arg;
	(void)text;
	assert_int_equal(reason, OPEN_OK);
	client.opened++;
	client.relay = relay_start(&client.memory.ep,
	    channel_endpoint(client.ch), on_relayed, &client.relay);
}

/* Logs in through the link, and opens a stream. */
void
begin(uint64_t resume_ms)
{
	static const struct outbound_events events = { on_up, on_ended, NULL };
	static char *pins[] = { pin };
	const struct address to = { .kind = ADDRESS_TCP, .host = "far",
	    .port = 2 };
	struct outbound_config c = {
		.server = { .host = "127.0.0.1", .port = cut_link.port,
		    .user = "web-1" },
		.policy = { .pins = pins, .npins = 1 },
		.identity = identity, .transport.step_ms = 5000,
		.login_ms = 10000, .probe_ms = 500, .dead_ms = 1500,
		.resume_ms = resume_ms
	};

	session = outbound_start(base, dialer, &c, &events, NULL);
	until(&client.up, 1);
	until(&server.up, 1);
	client.ch = mux_open(outbound_mux(session), &to, NULL, on_opened,
	    NULL);
	until(&client.opened, 1);
	while (server.relay == NULL)
		step();
}

void
give(size_t up, size_t down)
{
	client.memory.in = upload;
	client.memory.in_len = up;
	server.memory.in = download;
	server.memory.in_len = down;
	if (client.memory.ep.relay != NULL && client.memory.want_read)
		relay_readable(&client.memory.ep);
	if (server.memory.ep.relay != NULL && server.memory.want_read)
		relay_readable(&server.memory.ep);
}

void
assert_all_came(size_t n)
{
	assert_int_equal(server.memory.out_len, n);
	assert_int_equal(client.memory.out_len, n);
	assert_memory_equal(server.memory.out, upload, n);
	assert_memory_equal(client.memory.out, download, n);
}

/* Both sides have agreed, and there is something to be acknowledged. */
void
until_agreed(void)
{
	uint64_t end = clock_ms() + PATIENCE_MS;

	while (!server.in->resume.agreed) {
		assert_true(clock_ms() < end);
		step();
	}
}

int
setup(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	memset(&client, 0, sizeof(client));
	memory_init(&server.memory);
	memory_init(&client.memory);
	rekey_bytes = 0;
	base = event_base_new();
	dialer = dialer_new(base);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	outbound_free(session);
	session = NULL;
	cut_link_close();
	listener_free(listener);
	acceptor_free(acceptor);
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

uint16_t
server_port(void)
{
	return listener_port(listener);
}

/* --- all -------------------------------------------------------------- */

int
make_keys(void **state)
{
	struct error e;

	(void)state;
	if (sodium_init() == -1 || mkdtemp(dir) == NULL)
		return -1;
	ssh_library_init();
	crypto_sign_keypair(host_blob, host_secret);
	key_blob_write(host_secret + ED25519_SEED_LEN, host_blob);
	key_fingerprint(host_blob, sizeof(host_blob), pin);
	key = xasprintf("%s/key", dir);
	free(identity_generate(key, "key", &e));
	identity = identity_load(key, &e);
	upload = xreallocarray(NULL, 2, SIZE);
	download = upload + SIZE;
	randombytes_buf(upload, 2 * SIZE);
	srandom(11);
	return identity == NULL ? -1 : 0;
}

int
remove_keys(void **state)
{
	char *line = xasprintf("rm -rf %s", dir);
	int r = system(line);

	(void)state;
	identity_free(identity);
	free(line);
	free(key);
	free(upload);
	return r;
}
