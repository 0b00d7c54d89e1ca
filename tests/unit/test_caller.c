/* SPDX-License-Identifier: ISC */
/* Who sends a request: Host, Origin and Sec-Fetch-*, and the lists of names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/span.h"
#include "orthrus/http/caller.h"
#include "orthrus/muzzle/names.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LISTED "portainer.example.net,socket_proxy.internal,10.0.0.7"

/* "Name: value\n" for each header; every value in memory of just its size. */
static enum caller_kind
judge(const char *headers, const char *hosts)
{
	struct caller c = { 0 };
	enum caller_kind kind;
	char *values[8];
	size_t n = 0, name, len;

	for (; *headers != '\0'; headers += len + 1) {
		len = strcspn(headers, "\n");
		name = strcspn(headers, ":");
		assert_in_range(name + 2, 0, len);
		values[n] = malloc(len - name - 1);
		assert_non_null(values[n]);
		memcpy(values[n], headers + name + 2, len - name - 2);
		caller_header(&c, headers, name, values[n], len - name - 2);
		assert_in_range(++n, 0, COUNT(values) - 1);
	}
	kind = caller_judge(&c, hosts);
	while (n > 0)
		free(values[--n]);
	return kind;
}

static enum caller_kind
judge_host(const char *host, const char *hosts)
{
	char text[1024];

	snprintf(text, sizeof(text), "Host: %s\n", host);
	return judge(text, hosts);
}

static void
test_fine(void **state)
{
	static const char *const fine[] = {
		/* What clients say for want of a host. */
		"", ":80", ":", "docker", "DOCKER", "docker:80", "docker.",
		"localhost", "LocalHost:", "localhost.:2375",
		"api.moby.localhost", "x.localhost.", "unix.sock",
		"docker.example.com", "Docker.Example.com:80",
		"docker.sock:80", "Podman.Sock", "d", "unix", "localunixsocket",
		"socket_proxy", "vps-1.orthrus:2375",
		"/var/run/docker.sock", "/run/user/1000/podman/podman.sock",
		"%2Fvar%2Frun%2Fdocker.sock", "%2fvar%2frun%2fdocker.sock:80",
		"%2Frun%2Fmy%20app%2Fdocker", "%2F%2F.%2Fpipe%2Fdocker_engine",
		"2f7661722f72756e2f646f636b65722e736f636b.socket",
		"2F72756e2F.736f636b.Socket:80",
		/* hyperlocal's: the path in hexadecimal, longer than a label. */
		("2f72756e2f757365722f313030302f646f636b65722f7468652d736f636b"
		"65742d6f662d646f636b65722e736f636b"),
		"2f7661722f72756e2f646f636b65722e736f636b:0",
		/* A version of the API. */
		"1.41", "v1.41", "V1.52:80",
		/* Addresses, however they are written. */
		"127.0.0.1", "127.0.0.1:1", "127.0.0.1.", "10.0.0.1:2375",
		"192.168.1.1", "8.8.8.8", "0.0.0.0", "127.1", "0177.0.0.1",
		"0x7f.0.0.0x1", "0x7f000001", "2130706433", "127.0.0.256",
		"1.2.3.4.5", "a.0x1F", "a.0x", "[::1]", "[::1]:2375", "[::]:1",
		"[::ffff:127.0.0.1]", "[fe80::1%eth0]", "[fe80::1%25eth0]:2375",
		"::1", "fe80::1%eth0", "[2001:DB8::1]", "[0:0:0:0:0:0:0:1]",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(fine); i++)
		if (judge_host(fine[i], NULL) != CALLER_PROGRAM ||
		    judge_host(fine[i], LISTED) != CALLER_PROGRAM)
			fail_msg("%s", fine[i]);
	assert_int_equal(judge("", NULL), CALLER_PROGRAM);
}

static void
test_foreign(void **state)
{
	static const char *const foreign[] = {
		"evil.example", "evil.example.", "evil.example:2375",
		"evil.example.com", "example.com", "a.docker.example.com",
		"docker.example.com.evil.example", "xdocker.example.com",
		"EVIL.EXAMPLE", "docker.com", "docker.evil.example",
		"127.0.0.1.evil.example", "127.evil.example", "1.41a", "a.0xg",
		"localhost.evil.example", "evil.localhosts", "a.xlocalhost",
		"a.orthrus.evil.example", "sock.evil", "a.socks", "xn--a.xn--b",
		"a.socket", "evil.socket", "2f.evil.socket", "2fg0.socket",
		"2f72.socket.evil", "2f72.sockets", "3f72.socket",
		"socket_proxy.internal", "portainer.example.net",
		"a_b.evil_tld", "host.docker.internal", "a.41x",
		/* What cannot be a host at all. */
		".", "..", ".localhost", ".sock", "a..b", "127...", ".1",
		"docker:x", "docker:80:80", "docker:80x", "docker:-1",
		"docker@evil.example", "a@evil.example:80@x.localhost",
		"docker/x", "evil.example/x.localhost", "evil.example/x.sock",
		"evil.example%2Fx.sock", "evil.example#.localhost",
		"docker evil.example", "docker, evil.example", "docker\t",
		"%64ocker", "%2", "%", "[::1", "::1]", "[::1]x", "[::1]:x",
		"[::1]evil.example", "[evil.example]", "[]", "[::1%]x",
		"[::1%eth0/x]", ("d\xc3\xb6" "cker"), "/evil@example.sock",
		"/evil example", "/a\x80", "*", "*.localhost", "\\\\.\\pipe",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(foreign); i++)
		if (judge_host(foreign[i], NULL) != CALLER_FOREIGN)
			fail_msg("%s", foreign[i]);
}

static void
test_listed(void **state)
{
	static const char *const listed[] = { "portainer.example.net",
	    "portainer.example.net:9443", "PORTAINER.example.NET.:1",
	    "socket_proxy.internal:2375" };
	static const char *const not[] = { "example.net", "ortainer.example.net",
	    "portainer.example.net.evil.example", "a.portainer.example.net",
	    "portainer.example.net,socket_proxy.internal",
	    "evil.example@portainer.example.net", "portainer.example.net:x",
	    "portainer.example.net/", "," };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(listed); i++)
		if (judge_host(listed[i], LISTED) != CALLER_PROGRAM)
			fail_msg("%s", listed[i]);
	for (i = 0; i < COUNT(not); i++)
		if (judge_host(not[i], LISTED) != CALLER_FOREIGN)
			fail_msg("%s", not[i]);
}

static void
test_page(void **state)
{
	static const struct {
		const char *headers;
		enum caller_kind kind, listed;
	} cases[] = {
		{ "Host: d\nX: y\n", CALLER_PROGRAM, CALLER_PROGRAM },
		/* Node's fetch. */
		{ "Host: d\nsec-fetch-mode: cors\n", CALLER_PROGRAM,
		    CALLER_PROGRAM },
		{ "Host: d\nSec-Fetch-Mode: navigate\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: d\nSEC-FETCH-MODE: no-cors\n", CALLER_PROGRAM,
		    CALLER_PROGRAM },
		{ "Host: d\nSec-Fetch-Mode: Same-Origin\n", CALLER_PROGRAM,
		    CALLER_PROGRAM },
		{ "Host: d\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image\n",
		    CALLER_PAGE, CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Mode: cors, navigate\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Mode: cors\nSec-Fetch-Mode: navigate\n",
		    CALLER_PAGE, CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Mode: no-cors\nSec-Fetch-Site: "
		    "cross-site\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Dest: empty\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Anything-New: x\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: d\nSec-WebSocket-Key: x\n", CALLER_PROGRAM,
		    CALLER_PROGRAM },
		/* A dashboard that passes its browser's headers on. */
		{ "Host: d\nSec-Fetch-Site: same-origin\nSec-Fetch-Mode: "
		    "navigate\nSec-Fetch-Dest: document\nSec-Fetch-User: ?1\n",
		    CALLER_PROGRAM, CALLER_PROGRAM },
		{ "Host: 10.0.0.7\nSEC-FETCH-SITE: Same-Origin\n",
		    CALLER_PROGRAM, CALLER_PROGRAM },
		{ "Host: portainer.example.net\nSec-Fetch-Site: same-origin\n",
		    CALLER_FOREIGN, CALLER_PROGRAM },
		/* A person who types it, and pages of other sites. */
		{ "Host: d\nSec-Fetch-Site: none\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7\nSec-Fetch-Site: none\n", CALLER_PAGE,
		    CALLER_PROGRAM },
		{ "Host: 10.0.0.7\nSec-Fetch-Site: same-site\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: 10.0.0.7\nSec-Fetch-Site: cross-site\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: 10.0.0.7\nSec-Fetch-Site: \n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Site: same-origin, cross-site\n",
		    CALLER_PAGE, CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Site: same-origin\nSec-Fetch-Site: "
		    "cross-site\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: d\nSec-Fetch-Site: cross-site\nSec-Fetch-Site: "
		    "same-origin\n", CALLER_PAGE, CALLER_PAGE },
		/* Origin: of the listed site itself, or it is a page. */
		{ "Host: d\nOrigin: http://d\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: d\norigin: \n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7\nOrigin: null\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7:9000\nOrigin: http://10.0.0.7:9000\n",
		    CALLER_PAGE, CALLER_PROGRAM },
		{ "Host: portainer.example.net:9443\nSec-Fetch-Site: "
		    "same-origin\nOrigin: HTTPS://portainer.example.NET:9443\n",
		    CALLER_FOREIGN, CALLER_PROGRAM },
		{ "Host: 10.0.0.7:9000\nOrigin: http://10.0.0.7:9001\n",
		    CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7\nOrigin: https://portainer.example.net\n",
		    CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7\nOrigin: ftp://10.0.0.7\n", CALLER_PAGE,
		    CALLER_PAGE },
		{ "Host: 10.0.0.7\nOrigin: http://10.0.0.7.evil.example\n",
		    CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7\nOrigin: http://10.0.0.7\nOrigin: "
		    "http://10.0.0.7\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: 10.0.0.7\nOrigin: http://10.0.0.7\nSec-Fetch-Site: "
		    "cross-site\n", CALLER_PAGE, CALLER_PAGE },
		{ "Origin: http://\n", CALLER_PAGE, CALLER_PAGE },
		{ "Host: \nOrigin: http://\n", CALLER_PAGE, CALLER_PAGE },
		/* The Host is told first: that can be listed. */
		{ "Host: evil.example\nOrigin: http://evil.example\n",
		    CALLER_FOREIGN, CALLER_FOREIGN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (judge(cases[i].headers, NULL) != cases[i].kind ||
		    judge(cases[i].headers, LISTED) != cases[i].listed)
			fail_msg("%s", cases[i].headers);
	}
}

/* --- lists of names --------------------------------------------------- */

static void
test_hosts(void **state)
{
	static const char *const bad[] = { "", "*", "*.example.net", "?.x",
	    ".example.net", "a..b", "https://a.example", "a.example/x", "a b",
	    "a,b", "a:x", "a@b", "\xc3\xa9.example", "%2Fx", "/var/run/x.sock",
	    "[::1", "." };
	struct error e;
	char *list = NULL, text[NAMES_MAX + 8];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		if (names_add_host(&list, bad[i], &e) == 0)
			fail_msg("%s", bad[i]);
		assert_int_equal(e.code, EX_CONFIG);
		assert_null(list);
	}
	assert_int_equal(names_add_host(&list, "Portainer.Example.NET.:9443",
	    &e), 0);
	assert_string_equal(list, "portainer.example.net");
	assert_int_equal(names_add_host(&list, "portainer.example.net", &e),
	    0);
	assert_int_equal(names_add_host(&list, "docker", &e), 0);
	assert_int_equal(names_add_host(&list, "[FE80::1]:80", &e), 0);
	assert_string_equal(list, "portainer.example.net,docker,[fe80::1]");
	assert_true(names_have(list, "docker", 6));
	assert_false(names_have(list, "docke", 5));
	assert_false(names_have(list, "", 0));
	assert_false(names_have(NULL, "", 0));
	/* No more than a list may have, and none that DNS has not. */
	memset(text, 'a', sizeof(text));
	text[254] = '\0';
	assert_int_equal(names_add_host(&list, text, &e), -1);
	text[253] = '\0';
	for (i = 0; names_add_host(&list, text, &e) == 0; i++)
		text[0]++;
	assert_int_equal(i, 3);
	assert_non_null(strstr(e.text, "1023"));
	assert_true(strlen(list) < NAMES_MAX);
	free(list);
}

/* A header's Host and an image's registry come in any case. */
static void
test_list_in_any_case(void **state)
{
	static const char list[] = "docker,ghcr.io";
	static const struct span upper = { "GHCR.ioX", 7 }, none = { "", 0 },
	    nul = { "docke\0", 6 };

	(void)state;
	assert_true(span_in_list(upper, list, strncasecmp));
	assert_false(span_in_list(upper, list, strncmp));
	assert_false(span_in_list(upper, NULL, strncasecmp));
	assert_false(span_in_list(none, "", strncasecmp));
	assert_false(span_in_list(none, ",", strncmp));
	assert_false(span_in_list(nul, list, strncasecmp));
}

static void
test_variables(void **state)
{
	static const char *const bad[] = { "", "*", "VIRTUAL_*", "A=b", "A,B",
	    "A B", "?", "[A-Z]", "\xc3\x89" };
	struct error e;
	char *list = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		if (names_add_variable(&list, bad[i], &e) == 0)
			fail_msg("%s", bad[i]);
	assert_null(list);
	assert_int_equal(names_add_variable(&list, "VIRTUAL_HOST", &e), 0);
	assert_int_equal(names_add_variable(&list, "a.b-c", &e), 0);
	assert_int_equal(names_add_variable(&list, "VIRTUAL_HOST", &e), 0);
	assert_string_equal(list, "VIRTUAL_HOST,a.b-c");
	assert_false(names_have(list, "virtual_host", 12));
	assert_false(names_have("", "", 0));
	free(list);
}

static void
test_registries(void **state)
{
	static const char *const bad[] = { "", "*", "*.io", "ghcr.io/org",
	    "https://ghcr.io", "a b", "a,b", "ghcr.io.", "ghcr..io", "a@b",
	    "[::1]:5000", "ghcr.io:x", "ghcr.io:", "a_b" };
	struct error e;
	char *list = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		if (names_add_registry(&list, bad[i], &e) == 0)
			fail_msg("%s", bad[i]);
	assert_null(list);
	assert_int_equal(names_add_registry(&list, "GHCR.io", &e), 0);
	assert_int_equal(names_add_registry(&list, "localhost:5000", &e), 0);
	assert_string_equal(list, "ghcr.io,localhost:5000");
	free(list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fine),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_list_in_any_case),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_registries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
