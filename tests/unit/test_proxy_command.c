/* SPDX-License-Identifier: ISC */
/* Commands with names in them, and the names in what commands say. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/proxy_command.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_expand(void **state)
{
	static const struct {
		const char *text, *server, *out;
	} cases[] = {
		{ "nc %h %p", "h", "nc h 22" },
		{ "ssh -W [%h]:%p %r@bastion", "joe@[2001:db8::1]:7",
		    "ssh -W [2001:db8::1]:7 joe@bastion" },
		{ "echo '100%%' \"%n\"", "tls://gw.example.com",
		    "echo '100%' \"gw.example.com\"" },
		{ "socat - 'TCP6:[%h]:%p'", "[fe80::1%eth0]",
		    "socat - 'TCP6:[fe80::1%eth0]:22'" },
		{ "true", "a$(id)@b`id`", "true" },	/* not asked for */
		{ "x %r", "u.v-w_x+1@h", "x u.v-w_x+1" },
		{ "x %%h", "h", "x %h" },
	};
	char out[PROXY_COMMAND_MAX];
	struct server server;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(server_parse(cases[i].server, &server, &e),
		    0);
		if (proxy_command_expand(cases[i].text, &server, out, &e) !=
		    0)
			fail_msg("%s", e.text);
		assert_string_equal(out, cases[i].out);
	}
}

static void
test_refuse(void **state)
{
	static const struct {
		const char *text, *host, *user, *says;
	} cases[] = {
		{ "nc %x", "h", "u", "\"%x\" in a command" },
		{ "nc %H", "h", "u", "\"%H\"" },
		{ "nc %", "h", "u", "\"%\"" },
		{ "nc %h", "a;id", "u", "the host of a server" },
		{ "nc '%h'", "a'b", "u", "the host" },
		{ "nc \"%h\"", "a\"b", "u", "the host" },
		{ "nc %h", "$(id)", "u", "the host" },
		{ "nc %n", "`id`", "u", "the host" },
		{ "nc %h", "a|b", "u", "the host" },
		{ "nc %h", "a>b", "u", "the host" },
		{ "nc %h", "a\\b", "u", "the host" },
		{ "nc %h", "a=b", "u", "the host" },
		{ "nc %h", "~root", "u", "the host" },
		{ "nc %h", "{a}", "u", "the host" },
		{ "nc %h", "a*", "u", "the host" },
		{ "nc %h", "#a", "u", "the host" },
		{ "nc %h", "!a", "u", "the host" },
		{ "nc %h", "a\nb", "u", "the host" },
		{ "nc %h", "\xc3\xa4", "u", "the host" },
		{ "nc %h", "-oProxyCommand=id", "u", "the host" },
		{ "nc %h", "", "u", "the host" },
		{ "nc %r", "h", "a&b", "the user of a server" },
		{ "nc %r", "h", "-l", "the user" },
		{ "nc %r", "h", "", "the user" },
	};
	struct server server = { .port = 22 };
	char out[PROXY_COMMAND_MAX];
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		strcpy(server.host, cases[i].host);
		strcpy(server.user, cases[i].user);
		if (proxy_command_expand(cases[i].text, &server, out, &e) !=
		    -1)
			fail_msg("\"%s\" became \"%s\"", cases[i].text, out);
		assert_int_equal(e.code, EX_CONFIG);
		assert_non_null(strstr(e.text, cases[i].says));
	}
}

static void
test_command_length(void **state)
{
	char text[PROXY_COMMAND_MAX + 1], out[PROXY_COMMAND_MAX];
	struct server server = { .host = "ab" };
	struct error e;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[PROXY_COMMAND_MAX - 1] = '\0';
	assert_int_equal(proxy_command_expand(text, &server, out, &e), 0);
	assert_string_equal(out, text);
	text[PROXY_COMMAND_MAX - 1] = 'x';
	text[PROXY_COMMAND_MAX] = '\0';
	assert_int_equal(proxy_command_expand(text, &server, out, &e), -1);
	strcpy(text + PROXY_COMMAND_MAX - 3, "%h");
	assert_int_equal(proxy_command_expand(text, &server, out, &e), 0);
	strcpy(text + PROXY_COMMAND_MAX - 3, "x%h");
	assert_int_equal(proxy_command_expand(text, &server, out, &e), -1);
	assert_non_null(strstr(e.text, "longer"));
}

static void
test_mask(void **state)
{
	static const struct {
		const char *in, *host, *out;
	} cases[] = {
		{ "", "h", "" },
		{ "Permission denied", "gw", "Permission denied" },
		{ "sh: 1: exec: nc: not found", "gw",
		    "sh: 1: exec: nc: not found" },
		{ "ssh: connect to host gw port 22: Connection refused", "gw",
		    "ssh: connect to host ** port 22: Connection refused" },
		{ "to GW: no", "gw", "to **: no" },
		{ "nc: getaddrinfo for host \"gw.example.com\" port 22", "x",
		    "nc: getaddrinfo for host \"***\" port 22" },
		{ "at 10.0.0.1.", "gw", "at ***." },
		{ "at 10.0.0.1:22, no", "gw", "at ***, no" },
		{ "at [2001:db8::1]:22 fe80::1%eth0", "gw",
		    "at [***]:22 ***" },
		{ "joe@gw.example.com's password", "x", "joe@***'s password" },
		{ "https://gw.example.com:443/x", "y", "https://***/x" },
		{ "/dev/tcp/10.0.0.1/22: no", "x", "/dev/tcp/***/22: no" },
		{ "/dev/tcp/gw.example.com/22: no", "gw.example.com",
		    "/dev/tcp/***/22: no" },
		{ "cannot read /etc/ssl/openssl.cnf: no", "gw",
		    "cannot read /etc/ssl/openssl.cnf: no" },
		{ "OpenSSL 3.0.2, error 0.5", "gw",
		    "OpenSSL 3.0.2, error 0.5" },
		{ "TCP:gw.example.com:22 and tcp:gw", "gw", "*** and ***" },
		{ "h is down", "h", "* is down" },
		{ "g\xc3\xbc.example", "x", "***" },
	};
	char line[200];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		strcpy(line, cases[i].in);
		proxy_command_mask(line, cases[i].host);
		assert_string_equal(line, cases[i].out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_command_length),
		cmocka_unit_test(test_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
