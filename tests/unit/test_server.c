/* SPDX-License-Identifier: ISC */
/* Server addresses: defaults, refusals, round trips, no password in errors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/server.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_good(void **state)
{
	static const struct {
		const char *in, *user, *host, *out;
	} cases[] = {
		{ "h", "", "h", "ssh://h:22" },
		{ "h:2222", "", "h", "ssh://h:2222" },
		{ "ssh://h", "", "h", "ssh://h:22" },
		{ "SSH://h", "", "h", "ssh://h:22" },
		{ "tls://h", "", "h", "tls://h:443" },
		{ "tls://h:22", "", "h", "tls://h:22" },
		{ "u@h", "u", "h", "ssh://u@h:22" },
		{ "tls://u@h:8443", "u", "h", "tls://u@h:8443" },
		{ "u@example.com@h", "u@example.com", "h",
		    "ssh://u@example.com@h:22" },
		{ "u.v-w_x+1@h", "u.v-w_x+1", "h", "ssh://u.v-w_x+1@h:22" },
		{ "10.0.0.1", "", "10.0.0.1", "ssh://10.0.0.1:22" },
		{ "[::1]", "", "::1", "ssh://[::1]:22" },
		{ "u@[2001:db8::1]:65535", "u", "2001:db8::1",
		    "ssh://u@[2001:db8::1]:65535" },
		{ "tls://[fe80::1%eth0]", "", "fe80::1%eth0",
		    "tls://[fe80::1%eth0]:443" },
		{ "charon.example.com:2222", "", "charon.example.com",
		    "ssh://charon.example.com:2222" },
		{ "wss://h", "", "h", "wss://h:443" },
		{ "WSS://u@h:8443", "u", "h", "wss://u@h:8443" },
		{ "wss://h/api/v1/orthrus/connect", "", "h", "wss://h:443" },
		{ "wss://h/", "", "h", "wss://h:443/" },
		{ "wss://[::1]:1/a/b-._~!$&'()*+;=:%2F/", "", "::1",
		    "wss://[::1]:1/a/b-._~!$&'()*+;=:%2F/" },
		{ "wss://h/a:1", "", "h", "wss://h:443/a:1" },
		{ "ssh", "", "ssh", "ssh://ssh:22" },
		{ "h:ssh", "", "h", "ssh://h:22" },
		{ "tls://h:https", "", "h", "tls://h:443" },
		/* A slash at the end, as ssh(1) takes it behind a scheme. */
		{ "ssh://h:22/", "", "h", "ssh://h:22" },
		{ "ssh://u@[::1]/", "u", "::1", "ssh://u@[::1]:22" },
		{ "tls://h/", "", "h", "tls://h:443" },
		{ "443", "", "443", "ssh://443:22" },
	};
	char text[SERVER_TEXT_MAX];
	struct server server, again;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (server_parse(cases[i].in, &server, &e) != 0)
			fail_msg("%s", e.text);
		assert_string_equal(server.user, cases[i].user);
		assert_string_equal(server.host, cases[i].host);
		assert_string_equal(server_format(&server, text), cases[i].out);
		assert_int_equal(server_parse(text, &again, &e), 0);
		assert_int_equal(again.transport, server.transport);
		assert_string_equal(again.user, server.user);
		assert_string_equal(again.host, server.host);
		assert_int_equal(again.port, server.port);
		assert_string_equal(again.path, server.path);
		assert_true((server.path[0] == '/') ==
		    (server.transport == TRANSPORT_WSS));
	}
}

/* What --transport does to an address. */
static void
test_choose(void **state)
{
	static const struct {
		const char *in, *word, *out;	/* NULL: refused */
	} cases[] = {
		{ "h", "tcp", "ssh://h:22" },
		{ "h", "tls", "tls://h:443" },
		{ "h", "wss", "wss://h:443" },
		{ "u@[::1]:7", "tls", "tls://u@[::1]:7" },
		{ "h:22", "wss", "wss://h:22" },
		{ "ssh://h", "tcp", "ssh://h:22" },
		{ "tls://h:1", "tls", "tls://h:1" },
		{ "wss://h/x", "wss", "wss://h:443/x" },
		{ "ssh://h", "tls", NULL },
		{ "tls://h", "wss", NULL },
		{ "wss://h", "tcp", NULL },
	};
	char text[SERVER_TEXT_MAX];
	enum transport_kind kind;
	struct server server;
	struct error e;
	size_t i;
	int r;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(server_parse(cases[i].in, &server, &e), 0);
		assert_int_equal(transport_parse(cases[i].word, &kind), 0);
		assert_string_equal(transport_word(kind), cases[i].word);
		r = server_choose_transport(&server, kind, &e);
		assert_int_equal(r, cases[i].out == NULL ? -1 : 0);
		if (r == 0)
			assert_string_equal(server_format(&server, text),
			    cases[i].out);
		else
			assert_non_null(strstr(e.text, "://"));
	}
	assert_int_equal(transport_parse("TLS", &kind), -1);
	assert_int_equal(transport_parse("", &kind), -1);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *in, *says;
	} cases[] = {
		{ "", "no host" },
		{ ":22", "no host" },
		{ "u@", "no host" },
		{ "ssh://", "no host" },
		{ "ssh://:22", "no host" },
		{ "http://h", "unknown scheme \"http://\"" },
		{ "sshx://h", "unknown scheme" },
		{ "://h", "unknown scheme" },
		{ "ssh://ssh://h", "only the address of a wss://" },
		{ "ssh:/h", "only the address of a wss://" },
		{ "h:22/", "only the address of a wss://" },
		{ "h:22/path", "only the address of a wss://" },
		{ "h/path", "only the address of a wss://" },
		{ "h/", "only the address of a wss://" },
		{ "ssh://h//", "only the address of a wss://" },
		{ "/run/x.sock", "only the address of a wss://" },
		{ "unix:/run/x.sock", "only the address of a wss://" },
		{ "wss://", "no host" },
		{ "wss:///path", "no host" },
		{ "wss://h:x/path", "\"x\" is not a port" },
		{ "wss://h:/", "not a port" },
		{ "wss://h/a b", "not a path" },
		{ "wss://h/a?b", "not a path" },
		{ "wss://h/a#b", "not a path" },
		{ "wss://h/%4", "not a path" },
		{ "wss://h/%g0", "not a path" },
		{ "wss://h/a,b", "not a path" },
		{ "wss://h/\xc3\xa4", "not a path" },
		{ "wss://h/a\r\nb", "not a path" },
		{ "wss://h/a@b", "not a user name" },
		{ "h:", "\"\" is not a port" },
		{ "h:0", "not a port" },
		{ "h:65536", "not a port" },
		{ "h:no-such", "not a port" },
		{ "h: 22", "not a port" },
		{ "::1", "brackets" },
		{ "2001:db8::1:22", "brackets" },
		{ "a:b:22", "brackets" },
		{ "[h]", "brackets" },
		{ "[10.0.0.1]:22", "brackets" },
		{ "[]:22", "brackets" },
		{ "[::1", "brackets" },
		{ "[::1:22", "brackets" },
		{ "[a:b]:22", "\"a:b\" is not a host" },
		{ "[::1]22", "\"22\" after the host" },
		{ "[::1]:", "not a port" },
		{ "*", "not a host" },
		{ "-oProxyCommand=x", "not a host" },
		{ "a b", "not a host" },
		{ "a,b", "not a host" },
		{ "a\n", "not a host" },
		{ "h]", "not a host" },
		{ "@h", "not a user name" },
		{ "-l@h", "not a user name" },
		{ "a b@h", "not a user name" },
		{ "a,b@h", "not a user name" },
		{ "a/b@h", "not a user name" },
		{ "a\tb@h", "not a user name" },
	};
	struct server server, before;
	struct error e;
	size_t i;

	(void)state;
	assert_int_equal(server_parse("u@before:7", &before, &e), 0);
	for (i = 0; i < COUNT(cases); i++) {
		memcpy(&server, &before, sizeof(server));
		if (server_parse(cases[i].in, &server, &e) != -1)
			fail_msg("\"%s\" was taken", cases[i].in);
		assert_int_equal(e.code, EX_USAGE);
		if (strstr(e.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].in, e.text);
		assert_int_equal(server_parse(cases[i].in, &server, NULL), -1);
		assert_memory_equal(&server, &before, sizeof(server));
	}
}

/* Whatever else is wrong, a password is not repeated. */
static void
test_password(void **state)
{
	static const char *const cases[] = { "u:hunter2@h", "u:hunter2@h:22",
	    "ssh://u:hunter2@h", "tls://u:hunter2@[::1]:1/path",
	    "http://u:hunter2@h", "u:hunter2@", ":hunter2@h",
	    "u:hunter2://x@h", "u:hunter2:y@h", "u:hunter2@x@h",
	    "u:@hunter2@h", "u:hunter2/x@h", "ssh:/u:hunter2@h",
	    "u u:hunter2@-h", "wss://u:hunter2@h", "wss://u:hunter2@h/x",
	    "wss://u:hunter2/x@h", "wss://h:1/hunter2@x" };
	struct server server;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(server_parse(cases[i], &server, &e), -1);
		if (strstr(e.text, "hunter2") != NULL)
			fail_msg("%s", e.text);
	}
	server_parse(cases[0], &server, &e);
	assert_non_null(strstr(e.text, "no password"));
}

static void
test_lengths(void **state)
{
	char user[100], host[300], in[512], text[SERVER_TEXT_MAX];
	struct server server;
	struct error e;

	(void)state;
	memset(user, 'u', sizeof(user));
	user[64] = '\0';
	memset(host, 'z', sizeof(host));
	memcpy(host, "fe80::1%", 8);
	host[255] = '\0';
	snprintf(in, sizeof(in), "tls://%s@[%s]:65535", user, host);
	assert_int_equal(server_parse(in, &server, &e), 0);
	assert_string_equal(server_format(&server, text), in);

	user[64] = 'u';
	user[65] = '\0';
	snprintf(in, sizeof(in), "%s@h", user);
	assert_int_equal(server_parse(in, &server, &e), -1);
	assert_non_null(strstr(e.text, "64"));

	memset(host, 'h', sizeof(host));
	host[256] = '\0';
	assert_int_equal(server_parse(host, &server, &e), -1);
	host[255] = '\0';
	assert_int_equal(server_parse(host, &server, &e), 0);

	memset(host, 'p', sizeof(host));
	host[255] = '\0';
	snprintf(in, sizeof(in), "wss://h:443/%s", host + 1);
	assert_int_equal(server_parse(in, &server, &e), 0);
	assert_string_equal(server_format(&server, text), in);
	snprintf(in, sizeof(in), "wss://h:443/%s", host);
	assert_int_equal(server_parse(in, &server, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
