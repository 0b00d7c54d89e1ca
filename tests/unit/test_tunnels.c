/* SPDX-License-Identifier: ISC */
/*
 * The list of tunnels over a session whose far end is in memory, with real
 * sockets on this side: forwards that come up, are refused and asked for
 * again, come back with the next session, and change with a configuration.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "orthrus/base/log.h"
#include "orthrus/proto/wire.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"

#include "../../src/ssh/mux_private.h"
#include "../../src/tunnel/tunnel_private.h"
#include "fake_peer.h"

#define PATIENCE_S 60		/* for what takes no time on an idle machine */
#define WINDOW (256 * 1024)	/* that the far end grants */
#define PACKET 32768

static struct event_base *base;
static struct dialer *dialer;
static struct tunnels *set;
static struct mux *mux;		/* NULL while there is no session */
static unsigned changes;
static char dir[64];

static void
on_change(void *arg)
{
	assert_ptr_equal(arg, &changes);
	changes++;
}

static int
setup(void **state)
{
	(void)state;
	log_setup(LEVEL_ERROR, LOG_TEXT);
	strcpy(dir, "/tmp/test_tunnels.XXXXXX");
	assert_non_null(mkdtemp(dir));
	fake_reset();
	base = event_base_new();
	dialer = dialer_new(base);
	set = tunnels_new(base, dialer);
	tunnels_on_change(set, on_change, &changes);
	changes = 0;
	return 0;
}

static void
session_ends(void)
{
	tunnels_down(set);
	mux_free(mux);
	mux = NULL;
	while (fake_next() != NULL)
		;
}

static int
teardown(void **state)
{
	(void)state;
	tunnels_free(set);
	if (mux != NULL)
		mux_free(mux);
	mux = NULL;
	dialer_free(dialer);
	socket_endpoints_end();
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	fake_reset();
	assert_int_equal(rmdir(dir), 0);	/* no socket is left behind */
	return 0;
}

/* --- this side ---------------------------------------------------- */

static struct address
unix_address(const char *file)
{
	struct address a = { .kind = ADDRESS_UNIX };

	snprintf(a.path, sizeof(a.path), "%s/%s", dir, file);
	return a;
}

static struct address
tcp_address(const char *host, uint16_t port)
{
	struct address a = { .kind = ADDRESS_TCP, .port = port };

	snprintf(a.host, sizeof(a.host), "%s", host);
	return a;
}

static struct tunnel_config
make_config(enum tunnel_kind kind, const char *name, struct address listen,
    struct address to)
{
	struct tunnel_config c = { .kind = kind };

	snprintf(c.name, sizeof(c.name), "%s", name);
	c.spec.listen = listen;
	c.spec.to = to;
	return c;
}

static void
apply(const struct tunnel_config *config, size_t n)
{
	struct error e;

	if (tunnels_apply(set, config, n, &e) == -1)
		fail_msg("%s", e.text);
}

/* What tunnels_each() says of the tunnel called name. */
struct found {
	const char *name;
	struct tunnel_info info;
	unsigned count, place;		/* 1 for the first one */
};

static void
on_info(void *arg, const struct tunnel_info *info)
{
	struct found *f = arg;

	f->count++;
	if (strcmp(info->name, f->name) != 0)
		return;
	assert_int_equal(f->place, 0);
	f->place = f->count;
	f->info = *info;
}

static struct found
find_tunnel(const char *name)
{
	struct found f = { .name = name };

	tunnels_each(set, on_info, &f);
	assert_int_not_equal(f.place, 0);
	return f;
}

static void
assert_tunnel(const char *name, enum tunnel_state state, const char *error)
{
	struct found f = find_tunnel(name);

	assert_int_equal(f.info.state, state);
	if (strncmp(f.info.error, error, strlen(error)) != 0 ||
	    (*error == '\0' && *f.info.error != '\0'))
		fail_msg("%s: \"%s\" instead of \"%s\"", name, f.info.error,
		    error);
}

static int
unix_socket(const char *file, bool listens)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), r;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/%s", dir, file);
	assert_int_not_equal(fd, -1);
	if (listens)
		r = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ?
		    listen(fd, 5) : -1;
	else
		r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	assert_int_equal(r, 0);
	return fd;
}

/* A port that is taken, by the descriptor that is returned. */
static int
take_port(uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(in);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

/* --- the far end -------------------------------------------------- */

static void
session_begins(const char *agent)
{
	struct tunnel_server server = { .tells = true };

	snprintf(server.name, sizeof(server.name), "%s", agent);
	mux = fake_mux(base);
	tunnels_up(set, mux, &server);
}

/* Turns until the far end is sent something, which it is. */
static const struct sent *
next_sent(uint8_t type)
{
	time_t end = time(NULL) + PATIENCE_S;
	const struct sent *s;

	while ((s = fake_next()) == NULL) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (fake_queued() == 0)
			usleep(1000);
		assert_true(time(NULL) < end);
	}
	assert_int_equal(s->type, type);
	return s;
}

static void
assert_nothing_sent(void)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(fake_queued(), 0);
}

/* The next packet is this request; of TCP with host and port. */
static void
expect_request(const char *request, const char *where, int port)
{
	const struct sent *s = next_sent(MSG_GLOBAL_REQUEST);
	char text[HOST_MAX];
	struct wire w;

	wire_init(&w, s->p, s->len);
	wire_text(&w, text, sizeof(text));
	assert_string_equal(text, request);
	assert_true(wire_bool(&w));
	wire_text(&w, text, sizeof(text));
	assert_string_equal(text, where);
	if (port != -1)
		assert_int_equal(wire_u32(&w), port);
	assert_false(w.bad);
	assert_int_equal(w.left, 0);
}

/* The far end opens a channel for its listener there: its number is 7. */
static void
feed_forwarded(const char *host, uint32_t port)
{
	fake_feed(MSG_CHANNEL_OPEN, "suuususu", "forwarded-tcpip", 7u,
	    (uint32_t)WINDOW, (uint32_t)PACKET, host, port, "192.0.2.1",
	    4000u);
}

/* It is refused for that reason, in these words. */
static void
expect_open_failure(uint32_t reason, const char *words)
{
	const struct sent *s = next_sent(MSG_CHANNEL_OPEN_FAILURE);
	char text[256];
	struct wire w;

	wire_init(&w, s->p, s->len);
	assert_int_equal(wire_u32(&w), 7);
	assert_int_equal(wire_u32(&w), reason);
	wire_text(&w, text, sizeof(text));
	assert_string_equal(text, words);
}

/* A channel is opened to host:80: our number for it. */
static uint32_t
expect_direct(void)
{
	const struct sent *s = next_sent(MSG_CHANNEL_OPEN);
	uint32_t id, port;
	struct wire w;
	char text[64];

	wire_init(&w, s->p, s->len);
	assert_true(wire_is(&w, "direct-tcpip"));
	id = wire_u32(&w);
	wire_u32(&w);
	wire_u32(&w);
	wire_text(&w, text, sizeof(text));
	port = wire_u32(&w);
	assert_false(w.bad);
	assert_string_equal(text, "host");
	assert_int_equal(port, 80);
	return id;
}

/* --- local -------------------------------------------------------- */

static void
test_local(void **state)
{
	struct tunnel_config c = make_config(TUNNEL_LOCAL, "web",
	    unix_address("web.sock"), tcp_address("host", 80));
	const struct sent *s;
	uint32_t id;
	int fd;

	(void)state;
	assert_true(tunnels_ready(set));
	apply(&c, 1);
	assert_int_equal(changes, 1);
	assert_tunnel("web", TUNNEL_UP, "");
	assert_true(tunnels_ready(set));

	/* What comes before the session waits for it. */
	fd = unix_socket("web.sock", false);
	assert_int_equal(write(fd, "hello", 5), 5);
	while (tunnels_open(set) == 0)
		event_base_loop(base, EVLOOP_ONCE);
	assert_nothing_sent();
	session_begins("");
	id = expect_direct();
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", id, 7u,
	    (uint32_t)WINDOW, (uint32_t)PACKET);
	s = next_sent(MSG_CHANNEL_DATA);
	assert_int_equal(s->len, 4 + 4 + 5);
	assert_memory_equal(s->p + 8, "hello", 5);
	assert_int_equal(find_tunnel("web").info.open, 1);
	assert_int_equal(find_tunnel("web").info.total, 1);
	close(fd);
	session_ends();
	assert_tunnel("web", TUNNEL_UP, "");
}

static void
test_local_failure(void **state)
{
	struct tunnel_config c = make_config(TUNNEL_LOCAL, "web",
	    unix_address("web.sock"), tcp_address("host", 80));
	int fd;

	(void)state;
	apply(&c, 1);
	session_begins("");
	fd = unix_socket("web.sock", false);
	fake_feed(MSG_CHANNEL_OPEN_FAILURE, "uuss", expect_direct(),
	    (uint32_t)OPEN_PROHIBITED, "no", "");
	assert_tunnel("web", TUNNEL_UP, "last connection failed: the server "
	    "does not allow it");
	assert_int_equal(tunnels_open(set), 0);
	assert_int_equal(find_tunnel("web").info.open, 0);
	close(fd);

	/* The next one that works is no failure any more. */
	fd = unix_socket("web.sock", false);
	fake_feed(MSG_CHANNEL_OPEN_CONFIRMATION, "uuuu", expect_direct(), 8u,
	    (uint32_t)WINDOW, (uint32_t)PACKET);
	assert_tunnel("web", TUNNEL_UP, "");
	assert_int_equal(find_tunnel("web").info.total, 2);
	close(fd);
}

/* All of a configuration is taken over, or nothing. */
static void
test_local_taken(void **state)
{
	struct tunnel_config c[3] = {
		make_config(TUNNEL_LOCAL, "web", unix_address("web.sock"),
		    tcp_address("host", 80)),
		make_config(TUNNEL_LOCAL, "new", unix_address("new.sock"),
		    tcp_address("host", 80)),
	};
	struct error e;
	uint16_t port;
	int taken = take_port(&port);

	(void)state;
	apply(c, 1);
	c[2] = make_config(TUNNEL_LOCAL, "no", tcp_address("127.0.0.1", port),
	    tcp_address("host", 80));
	/* Without "web", which must be there again afterwards. */
	assert_int_equal(tunnels_apply(set, c + 1, 2, &e), -1);
	assert_int_equal(e.code, EX_UNAVAILABLE);
	assert_memory_equal(e.text, "local forward no: ", 18);
	assert_tunnel("web", TUNNEL_UP, "");
	assert_int_equal(find_tunnel("web").count, 1);
	close(unix_socket("web.sock", false));
	assert_int_equal(access(unix_address("new.sock").path, F_OK), -1);

	/* Unless it need not be: then it is down, and tried with the next. */
	c[2].optional = true;
	apply(c, 3);
	assert_tunnel("no", TUNNEL_DOWN, "local forward no: ");
	assert_tunnel("new", TUNNEL_UP, "");
	assert_true(tunnels_ready(set));
	close(taken);
	apply(c, 3);
	assert_tunnel("no", TUNNEL_UP, "");
}

static void
test_stop(void **state)
{
	struct tunnel_config c[2] = {
		make_config(TUNNEL_LOCAL, "web", unix_address("web.sock"),
		    tcp_address("host", 80)),
		make_config(TUNNEL_REMOTE, "back", tcp_address("localhost",
		    8022), unix_address("target.sock")),
	};

	(void)state;
	apply(c, 2);
	session_begins("");
	expect_request("tcpip-forward", "localhost", 8022);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	tunnels_stop(set);
	assert_int_equal(access(unix_address("web.sock").path, F_OK), -1);
	feed_forwarded("localhost", 8022);
	expect_open_failure(OPEN_PROHIBITED, "shutting down");
}

/* --- remote ------------------------------------------------------- */

static void
test_remote_chosen_port(void **state)
{
	struct tunnel_config c = make_config(TUNNEL_REMOTE, "back",
	    tcp_address("localhost", 0), unix_address("target.sock"));

	(void)state;
	apply(&c, 1);
	assert_tunnel("back", TUNNEL_PENDING, "");
	assert_false(tunnels_ready(set));
	session_begins("");
	expect_request("tcpip-forward", "localhost", 0);
	assert_tunnel("back", TUNNEL_PENDING, "");
	changes = 0;
	fake_feed(MSG_REQUEST_SUCCESS, "u", 4711u);
	assert_int_equal(changes, 1);
	assert_tunnel("back", TUNNEL_UP, "");
	assert_true(tunnels_ready(set));
	assert_int_equal(find_tunnel("back").info.listen.port, 4711);
	assert_false(find_tunnel("back").info.gateway);
	assert_nothing_sent();
}

/* Asked for again, here sooner than in 2 s. */
static void
retry_now(void)
{
	struct tunnel *t = TAILQ_FIRST(&set->list);

	assert_true(evtimer_pending(t->retry, NULL));
	event_active(t->retry, EV_TIMEOUT, 0);
}

static void
test_remote_refused(void **state)
{
	static const char port[] = "the server refused to listen on "
	    "localhost:8022: it may still be held by a dead session";
	static const char path[] = "the server refused to listen on /x.sock: "
	    "it may still be there from a dead session";
	struct tunnel_config c = make_config(TUNNEL_REMOTE, "back",
	    tcp_address("localhost", 8022), unix_address("target.sock"));

	(void)state;
	apply(&c, 1);
	session_begins("");
	expect_request("tcpip-forward", "localhost", 8022);
	fake_feed(MSG_REQUEST_FAILURE, "");
	assert_tunnel("back", TUNNEL_RETRYING, port);
	assert_false(tunnels_ready(set));
	assert_nothing_sent();
	retry_now();
	expect_request("tcpip-forward", "localhost", 8022);
	assert_tunnel("back", TUNNEL_RETRYING, port);
	fake_feed(MSG_REQUEST_FAILURE, "");
	assert_tunnel("back", TUNNEL_RETRYING, port);
	retry_now();
	expect_request("tcpip-forward", "localhost", 8022);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_tunnel("back", TUNNEL_UP, "");

	/* A Unix socket there, in another hint's words. */
	c.spec.listen = (struct address){ .kind = ADDRESS_UNIX,
	    .path = "/x.sock" };
	apply(&c, 1);
	expect_request("cancel-tcpip-forward", "localhost", 8022);
	expect_request("streamlocal-forward@openssh.com", "/x.sock", -1);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	fake_feed(MSG_REQUEST_FAILURE, "");
	assert_tunnel("back", TUNNEL_RETRYING, path);
}

static void
test_lost_session(void **state)
{
	struct tunnel_config c = make_config(TUNNEL_REMOTE, "back",
	    tcp_address("localhost", 0), unix_address("target.sock"));

	(void)state;
	apply(&c, 1);
	session_begins("");
	expect_request("tcpip-forward", "localhost", 0);
	fake_feed(MSG_REQUEST_SUCCESS, "u", 4711u);
	session_ends();
	assert_tunnel("back", TUNNEL_PENDING, "not connected");
	assert_int_equal(find_tunnel("back").info.listen.port, 0);
	assert_false(tunnels_ready(set));

	/* The answer that is due when the session ends is none. */
	session_begins("");
	expect_request("tcpip-forward", "localhost", 0);
	session_ends();
	assert_tunnel("back", TUNNEL_PENDING, "not connected");

	session_begins("");
	expect_request("tcpip-forward", "localhost", 0);
	fake_feed(MSG_REQUEST_SUCCESS, "u", 4712u);
	assert_tunnel("back", TUNNEL_UP, "");
	assert_int_equal(find_tunnel("back").info.listen.port, 4712);

	/* One that waited for its next attempt does not wait on. */
	session_ends();
	session_begins("");
	expect_request("tcpip-forward", "localhost", 0);
	fake_feed(MSG_REQUEST_FAILURE, "");
	session_ends();
	assert_false(evtimer_pending(TAILQ_FIRST(&set->list)->retry, NULL));
	assert_tunnel("back", TUNNEL_PENDING, "not connected");
}

static void
test_gateway(void **state)
{
	struct tunnel_config c[2] = {
		make_config(TUNNEL_EXPOSE, "E1", tcp_address("localhost", 0),
		    tcp_address("127.0.0.1", 9100)),
		make_config(TUNNEL_DOCKER, "", tcp_address("localhost", 0),
		    unix_address("engine.sock")),
	};
	struct found f;

	(void)state;
	c[0].automatic = c[1].automatic = true;
	apply(c, 2);
	session_begins("web-1");
	expect_request("tcpip-forward", "web-1.orthrus", 9100);
	expect_request("streamlocal-forward@openssh.com",
	    "/web-1/docker.sock", -1);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	fake_feed(MSG_REQUEST_FAILURE, "");
	f = find_tunnel("E1");
	assert_int_equal(f.info.state, TUNNEL_UP);
	assert_true(f.info.gateway);
	assert_string_equal(f.info.listen.host, "web-1.orthrus");
	assert_int_equal(f.info.listen.port, 9100);
	assert_tunnel("", TUNNEL_RETRYING, "the server refused to listen on "
	    "/web-1/docker.sock: the gateway's log says why");

	/* Elsewhere they are where the configuration says. */
	session_ends();
	assert_false(find_tunnel("E1").info.gateway);
	session_begins("");
	expect_request("tcpip-forward", "localhost", 0);
	expect_request("tcpip-forward", "localhost", 0);
}

static void
test_reload(void **state)
{
	struct tunnel_config c[3] = {
		make_config(TUNNEL_REMOTE, "one", tcp_address("localhost", 1),
		    unix_address("target.sock")),
		make_config(TUNNEL_REMOTE, "two", tcp_address("localhost", 2),
		    unix_address("target.sock")),
		make_config(TUNNEL_REMOTE, "three", tcp_address("localhost",
		    3), unix_address("target.sock")),
	};

	(void)state;
	apply(c, 2);
	session_begins("");
	expect_request("tcpip-forward", "localhost", 1);
	expect_request("tcpip-forward", "localhost", 2);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	fake_feed(MSG_REQUEST_SUCCESS, "");

	/* "one" goes, "two" stays under another name, "three" is new. */
	strcpy(c[1].name, "second");
	apply(c + 1, 2);
	expect_request("cancel-tcpip-forward", "localhost", 1);
	expect_request("tcpip-forward", "localhost", 3);
	assert_nothing_sent();
	assert_tunnel("second", TUNNEL_UP, "");
	assert_tunnel("three", TUNNEL_PENDING, "");
	assert_int_equal(find_tunnel("second").place, 1);
	assert_int_equal(find_tunnel("second").count, 2);
	fake_feed(MSG_REQUEST_SUCCESS, "");
	fake_feed(MSG_REQUEST_SUCCESS, "");
	assert_tunnel("three", TUNNEL_UP, "");
	assert_true(tunnels_ready(set));
}

static void
test_forwarded(void **state)
{
	struct tunnel_config c = make_config(TUNNEL_REMOTE, "back",
	    tcp_address("localhost", 8022), unix_address("target.sock"));
	int listener, fd;
	uint32_t id;
	char byte;

	(void)state;
	apply(&c, 1);
	session_begins("");
	expect_request("tcpip-forward", "localhost", 8022);
	feed_forwarded("localhost", 8022);	/* before the grant */
	expect_open_failure(OPEN_PROHIBITED, "no such listener was asked for");
	fake_feed(MSG_REQUEST_SUCCESS, "");
	feed_forwarded("localhost", 8023);
	expect_open_failure(OPEN_PROHIBITED, "no such listener was asked for");
	feed_forwarded("localhost", 8022);	/* nobody is at the target */
	expect_open_failure(OPEN_CONNECT_FAILED, "No such file or directory");
	assert_int_equal(tunnels_open(set), 0);

	listener = unix_socket("target.sock", true);
	feed_forwarded("127.0.0.1", 8022);	/* what "localhost" stood for */
	id = wire_u32(&(struct wire){ .p = next_sent(
	    MSG_CHANNEL_OPEN_CONFIRMATION)->p + 4, .left = 4 });
	fd = accept(listener, NULL, NULL);
	assert_int_not_equal(fd, -1);
	fake_feed(MSG_CHANNEL_DATA, "us", id, "x");
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN },
	    1, PATIENCE_S * 1000), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(find_tunnel("back").info.open, 1);
	assert_int_equal(find_tunnel("back").info.total, 2);

	/* A forward that is gone leaves its streams. */
	apply(NULL, 0);
	expect_request("cancel-tcpip-forward", "localhost", 8022);
	assert_int_equal(tunnels_open(set), 1);
	close(fd);
	close(listener);
	unlink(unix_address("target.sock").path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_local, setup, teardown),
		cmocka_unit_test_setup_teardown(test_local_failure, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_local_taken, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remote_chosen_port, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_remote_refused, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_lost_session, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_gateway, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forwarded, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
