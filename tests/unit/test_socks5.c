/* SPDX-License-Identifier: ISC */
/* The SOCKS5 parser: each case in one piece, bytewise, and in any two. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/socks5.h"

#define SOCKS5_CONSUMED_MAX 1032	/* the longest handshake */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s) { s, sizeof(s) - 1 }

#define HELLO "\x05\x01\x00"
#define HELLO_PASSWORD "\x05\x01\x02"
#define AUTH "\x01\x04user\x06secret"
#define REFUSED(code) "\x05" code "\0\x01\0\0\0\0\0\0"

struct bytes {
	const char *p;
	size_t len;
};

struct outcome {
	enum socks5_verdict verdict;
	size_t consumed, outlen;
	uint8_t out[4 * SOCKS5_OUT_MAX];
	struct address to;
};

/* Copies the input to memory of its own size, for the sanitizer's sake. */
static void
feed_piece(struct socks5 *s, const uint8_t *in, size_t len, struct outcome *o)
{
	uint8_t out[SOCKS5_OUT_MAX], *copy = malloc(len == 0 ? 1 : len);
	size_t consumed, outlen;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, in, len);
	o->verdict = socks5_feed(s, copy, len, &consumed, out, &outlen);
	free(copy);
	assert_true(consumed <= len);
	assert_true(outlen <= SOCKS5_OUT_MAX);
	if (o->verdict == SOCKS5_MORE)
		assert_int_equal(consumed, len);
	assert_true(o->outlen + outlen <= sizeof(o->out));
	memcpy(o->out + o->outlen, out, outlen);
	o->outlen += outlen;
	o->consumed += consumed;
}

/* Feeds in[0 .. cut) in pieces of size, then the rest in one piece. */
static void
run(const char *user, const char *password, struct bytes in, size_t size,
    size_t cut, struct outcome *o)
{
	const uint8_t *p = (const uint8_t *)in.p;
	struct socks5 s;
	size_t n, done = 0;

	memset(o, 0, sizeof(*o));
	socks5_init(&s, user, password);
	feed_piece(&s, NULL, 0, o);
	while (o->verdict == SOCKS5_MORE && done < in.len) {
		n = done < cut && size < cut - done ? size :
		    done < cut ? cut - done : in.len - done;
		feed_piece(&s, p + done, n, o);
		done += n;
	}
	o->to = s.to;

	/* After the verdict nothing more happens. */
	n = o->outlen;
	done = o->consumed;
	if (o->verdict != SOCKS5_MORE) {
		enum socks5_verdict verdict = o->verdict;

		feed_piece(&s, (const uint8_t *)"\x05\x01\x00GET", 6, o);
		assert_int_equal(o->verdict, verdict);
		assert_int_equal(o->outlen, n);
		assert_int_equal(o->consumed, done);
	}
	socks5_clear(&s);
	for (n = 0; n < sizeof(s); n++)
		assert_int_equal(((const uint8_t *)&s)[n], 0);
}

static void
assert_same(const struct outcome *a, const struct outcome *b)
{
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->consumed, b->consumed);
	assert_int_equal(a->outlen, b->outlen);
	assert_memory_equal(a->out, b->out, a->outlen);
	assert_true(address_equal(&a->to, &b->to));
}

/* The outcome of one piece, once every split was seen to give the same. */
static void
check(const char *user, const char *password, struct bytes in,
    struct outcome *o)
{
	struct outcome other;
	size_t cut;

	run(user, password, in, in.len, 0, o);
	run(user, password, in, 1, in.len, &other);
	assert_same(o, &other);
	for (cut = 1; cut < in.len; cut++) {
		run(user, password, in, cut, cut, &other);
		assert_same(o, &other);
	}
	for (cut = 2; cut < in.len && cut < 20; cut++) {
		run(user, password, in, cut, in.len, &other);
		assert_same(o, &other);
	}
	if (o->verdict != SOCKS5_CONNECT)
		assert_int_equal(o->to.kind, ADDRESS_NONE);
}

static void
test_connect(void **state)
{
	static const struct {
		struct bytes in;
		const char *to;
		size_t early;		/* bytes of the stream behind it */
	} cases[] = {
		{ BYTES(HELLO "\x05\x01\0\x01\x0a\0\0\x01\0\x50"),
		    "10.0.0.1:80", 0 },
		{ BYTES(HELLO "\x05\x01\0\x01\xff\xff\xff\xff\xff\xff"),
		    "255.255.255.255:65535", 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x0b" "example.com\x01\xbb"),
		    "example.com:443", 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x01" "a\0\x01"), "a:1", 0 },
		/* Nobody resolves or normalises a name here. */
		{ BYTES(HELLO "\x05\x01\0\x03\x0c" "Example.COM.\x01\xbb"),
		    "Example.COM.:443", 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x08" "10.0.0.1\0\x50"),
		    "10.0.0.1:80", 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x03::1\0\x50"), "[::1]:80", 0 },
		{ BYTES(HELLO "\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0"
		    "\0\0\0\x01\0\x50"), "[2001:db8::1]:80", 0 },
		{ BYTES(HELLO "\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0"
		    "\0\x01\0\x50"), "[::ffff:10.0.0.1]:80", 0 },
		/* The reserved byte means nothing. */
		{ BYTES(HELLO "\x05\x01\x77\x01\x0a\0\0\x01\0\x50"),
		    "10.0.0.1:80", 0 },
		{ BYTES(HELLO "\x05\x01\0\x01\x0a\0\0\x01\0\x50GET / HT"),
		    "10.0.0.1:80", 8 },
		{ BYTES(HELLO "\x05\x01\0\x03\x01" "a\0\x01\x05\x01\0"),
		    "a:1", 3 },
		{ BYTES("\x05\x03\x01\x02\0\x05\x01\0\x01\x0a\0\0\x01\0\x50"),
		    "10.0.0.1:80", 0 },
	};
	char text[ADDRESS_TEXT_MAX];
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check(NULL, NULL, cases[i].in, &o);
		assert_int_equal(o.verdict, SOCKS5_CONNECT);
		assert_string_equal(address_format(&o.to, text), cases[i].to);
		assert_int_equal(o.consumed, cases[i].in.len - cases[i].early);
		assert_int_equal(o.outlen, 2);
		assert_memory_equal(o.out, "\x05\x00", 2);
	}
}

/* Refusals: what is sent, and that a request is read in full before. */
static void
test_refused(void **state)
{
	static const struct {
		struct bytes in, out;
		size_t left;
	} cases[] = {
		/* No acceptable method. */
		{ BYTES("\x05\x00\x05\x01"), BYTES("\x05\xff"), 2 },
		{ BYTES("\x05\x01\x02"), BYTES("\x05\xff"), 0 },
		{ BYTES("\x05\x02\x01\x02\x05"), BYTES("\x05\xff"), 1 },
		/* BIND, UDP ASSOCIATE, unknown commands. */
		{ BYTES(HELLO "\x05\x02\0\x01\x0a\0\0\x01\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x07")), 0 },
		{ BYTES(HELLO "\x05\x03\0\x03\x01" "a\0\0x"),
		    BYTES("\x05\x00" REFUSED("\x07")), 1 },
		{ BYTES(HELLO "\x05\x00\0\x03\x00\0\0"),
		    BYTES("\x05\x00" REFUSED("\x07")), 0 },
		{ BYTES(HELLO "\x05\xff\0\x09\x00\0\0"),
		    BYTES("\x05\x00" REFUSED("\x07")), 3 },
		/* Address types. */
		{ BYTES(HELLO "\x05\x01\0\x00zzz"),
		    BYTES("\x05\x00" REFUSED("\x08")), 3 },
		{ BYTES(HELLO "\x05\x01\0\x02"),
		    BYTES("\x05\x00" REFUSED("\x08")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x05"),
		    BYTES("\x05\x00" REFUSED("\x08")), 0 },
		/* Hosts and ports. */
		{ BYTES(HELLO "\x05\x01\0\x03\x00\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x03" "a\0b\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x03" "a b\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x03" "a:b\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x05[::1]\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x02-o\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x04/run\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x03\x01*\0\x50"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		{ BYTES(HELLO "\x05\x01\0\x01\x0a\0\0\x01\0\0"),
		    BYTES("\x05\x00" REFUSED("\x01")), 0 },
		/* A request of another version. */
		{ BYTES(HELLO "\x04\x01\0\x01\x0a"),
		    BYTES("\x05\x00" REFUSED("\x01")), 1 },
		/* SOCKS4 and SOCKS4a. */
		{ BYTES("\x04\x01\0\x50\x0a\0\0\x01user\0"),
		    BYTES("\0\x5b\0\0\0\0\0\0"), 12 },
		{ BYTES("\x04"), BYTES("\0\x5b\0\0\0\0\0\0"), 0 },
		/* Garbage, TLS, SSH in lower case, and nothing to say. */
		{ BYTES("\x16\x03\x01"), BYTES(""), 2 },
		{ BYTES("\x00"), BYTES(""), 0 },
		{ BYTES("\x06\x01\x00"), BYTES(""), 2 },
		{ BYTES("\xff"), BYTES(""), 0 },
		{ BYTES("get / HTTP/1.1\r\n"), BYTES(""), 15 },
		{ BYTES("\r\n"), BYTES(""), 1 },
		{ BYTES("@"), BYTES(""), 0 },
		{ BYTES("["), BYTES(""), 0 },
	};
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check(NULL, NULL, cases[i].in, &o);
		assert_int_equal(o.verdict, SOCKS5_CLOSE);
		assert_int_equal(o.consumed, cases[i].in.len - cases[i].left);
		assert_int_equal(o.outlen, cases[i].out.len);
		assert_memory_equal(o.out, cases[i].out.p, o.outlen);
	}
}

/* Every beginning of a good handshake waits for more. */
static void
test_more(void **state)
{
	static const char in[] = HELLO_PASSWORD AUTH
	    "\x05\x01\0\x03\x0b" "example.com\x01\xbb";
	struct outcome o;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(in) - 1; n++) {
		run("user", "secret", (struct bytes){ in, n }, n, 0, &o);
		assert_int_equal(o.verdict, SOCKS5_MORE);
		assert_int_equal(o.consumed, n);
		assert_int_equal(o.outlen, n < 3 ? 0 : n < 16 ? 2 : 4);
	}
	check("user", "secret", (struct bytes)BYTES(in), &o);
	assert_int_equal(o.verdict, SOCKS5_CONNECT);
	assert_int_equal(o.outlen, 4);
	assert_memory_equal(o.out, "\x05\x02\x01\x00", 4);
}

static void
test_password(void **state)
{
	static const struct {
		struct bytes in, out;
	} cases[] = {
		{ BYTES(HELLO), BYTES("\x05\xff") },
		{ BYTES("\x05\x00"), BYTES("\x05\xff") },
		{ BYTES(HELLO_PASSWORD "\x01\x04user\x06Secret"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x04User\x06secret"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x04user\x05secre"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x04user\x07secret\0"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x03use\x07rsecret"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x00\x00"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x04user\x00"),
		    BYTES("\x05\x02\x01\x01") },
		{ BYTES(HELLO_PASSWORD "\x01\x00\x06secret"),
		    BYTES("\x05\x02\x01\x01") },
		/* A subnegotiation of another version. */
		{ BYTES(HELLO_PASSWORD "\x05\x04"), BYTES("\x05\x02\x01\x01") },
	};
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check("user", "secret", cases[i].in, &o);
		assert_int_equal(o.verdict, SOCKS5_CLOSE);
		assert_int_equal(o.consumed, cases[i].in.len);
		assert_int_equal(o.outlen, cases[i].out.len);
		assert_memory_equal(o.out, cases[i].out.p, o.outlen);
	}
	check("u", "p", (struct bytes)BYTES(HELLO_PASSWORD "\x01\x01u\x01p"
	    "\x05\x01\0\x01\x0a\0\0\x01\0\x50"), &o);
	assert_int_equal(o.verdict, SOCKS5_CONNECT);
	/* Half a pair of credentials lets nobody in. */
	for (i = 0; i < 2; i++) {
		check(i == 0 ? "user" : NULL, i == 0 ? NULL : "secret",
		    (struct bytes)BYTES(HELLO_PASSWORD AUTH), &o);
		assert_int_equal(o.verdict, SOCKS5_CLOSE);
		assert_memory_equal(o.out, "\x05\x02\x01\x01", 4);
		check(i == 0 ? "user" : NULL, i == 0 ? NULL : "secret",
		    (struct bytes)BYTES(HELLO), &o);
		assert_memory_equal(o.out, "\x05\xff", 2);
	}
}

/* The longest of everything: 255 methods, user, password and name. */
static void
test_longest(void **state)
{
	static char in[2 * SOCKS5_CONSUMED_MAX], secret[256];
	char *p = in;
	struct outcome o;

	(void)state;
	memset(secret, 's', 255);
	*p++ = 5;
	*p++ = (char)255;
	memset(p, 0x80, 254);
	p += 254;
	*p++ = 2;
	*p++ = 1;
	*p++ = (char)255;
	p = (char *)memcpy(p, secret, 255) + 255;
	*p++ = (char)255;
	p = (char *)memcpy(p, secret, 255) + 255;
	memcpy(p, "\x05\x01\0\x03\xff", 5);
	p += 5;
	memset(p, 'n', 255);
	p += 255;
	*p++ = 0;
	*p++ = 80;
	assert_int_equal(p - in, SOCKS5_CONSUMED_MAX);
	check(secret, secret, (struct bytes){ in, sizeof(in) }, &o);
	assert_int_equal(o.verdict, SOCKS5_CONNECT);
	assert_int_equal(o.consumed, SOCKS5_CONSUMED_MAX);
	assert_int_equal(strlen(o.to.host), 255);
	assert_int_equal(o.to.port, 80);
}

static void
test_http(void **state)
{
	static const struct bytes cases[] = {
		BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		BYTES("CONNECT example.com:443 HTTP/1.1\r\n\r\n"),
		BYTES("POST / HTTP/1.0\r\n\r\n"), BYTES("HEAD"),
		BYTES("OPTIONS * HTTP/1.1\r\n"), BYTES("A"), BYTES("Z"),
	};
	char text[SOCKS5_OUT_MAX + 1], *body, *length;
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		check(NULL, NULL, cases[i], &o);
		assert_int_equal(o.verdict, SOCKS5_CLOSE);
		assert_true(o.outlen > 0 && o.outlen <= SOCKS5_OUT_MAX);
		memcpy(text, o.out, o.outlen);
		text[o.outlen] = '\0';
		assert_int_equal(strlen(text), o.outlen);
		assert_memory_equal(text, "HTTP/1.1 400 ", 13);
		assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
		assert_non_null(strstr(text, "\r\nContent-Type: text/plain"));
		body = strstr(text, "\r\n\r\n");
		assert_non_null(body);
		body += 4;
		length = strstr(text, "\r\nContent-Length: ");
		assert_non_null(length);
		assert_int_equal(strtoul(length + 18, NULL, 10), strlen(body));
		assert_non_null(strstr(body, "SOCKS5"));
		assert_non_null(strstr(body, "orthrus"));
		assert_non_null(strstr(body, "--socks5-hostname"));
		assert_non_null(strstr(body, "socks5h://"));
	}
}

/* No credential stays behind once it was looked at. */
static void
test_wiped(void **state)
{
	static const char in[] = HELLO_PASSWORD AUTH;
	struct outcome o = { .outlen = 0 };
	struct socks5 s;
	size_t i;

	(void)state;
	socks5_init(&s, "user", "secret");
	feed_piece(&s, (const uint8_t *)in, sizeof(in) - 1, &o);
	for (i = 0; i < sizeof(s.buf); i++)
		assert_int_equal(s.buf[i], 0);
	socks5_init(&s, "user", "another");
	feed_piece(&s, (const uint8_t *)in, sizeof(in) - 1, &o);
	assert_int_equal(o.verdict, SOCKS5_CLOSE);
	for (i = 0; i < sizeof(s.buf); i++)
		assert_int_equal(s.buf[i], 0);

	/* What was cleared takes nothing more. */
	socks5_clear(&s);
	o = (struct outcome){ .outlen = 0 };
	feed_piece(&s, (const uint8_t *)in, sizeof(in) - 1, &o);
	assert_int_equal(o.verdict, SOCKS5_CLOSE);
	assert_int_equal(o.consumed, 0);
	assert_int_equal(o.outlen, 0);
}

static void
test_reply(void **state)
{
	static const enum socks5_reply codes[] = { SOCKS5_SUCCEEDED,
	    SOCKS5_FAILURE, SOCKS5_PROHIBITED, SOCKS5_HOST_UNREACHABLE,
	    SOCKS5_REFUSED, SOCKS5_COMMAND_UNSUPPORTED,
	    SOCKS5_ADDRESS_UNSUPPORTED };
	uint8_t out[SOCKS5_OUT_MAX], want[] = { 5, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(codes); i++) {
		want[1] = (uint8_t)codes[i];
		assert_int_equal(socks5_reply(codes[i], out), sizeof(want));
		assert_memory_equal(out, want, sizeof(want));
	}
}

/* What servers say, word for word. */
static void
test_reply_for(void **state)
{
	static const struct {
		const char *text;
		enum socks5_reply code;
	} cases[] = {
		{ "Connection refused", SOCKS5_REFUSED },
		{ "dial tcp 127.0.0.1:1: connect: connection refused",
		    SOCKS5_REFUSED },
		{ "connect ECONNREFUSED 127.0.0.1:1", SOCKS5_REFUSED },
		{ "", SOCKS5_REFUSED },
		{ "Connect failed", SOCKS5_REFUSED },
		{ "No route to host", SOCKS5_HOST_UNREACHABLE },
		{ "Network is unreachable", SOCKS5_HOST_UNREACHABLE },
		{ "Host is unreachable", SOCKS5_HOST_UNREACHABLE },
		{ "Connection timed out", SOCKS5_HOST_UNREACHABLE },
		{ "Name or service not known", SOCKS5_HOST_UNREACHABLE },
		{ "Temporary failure in name resolution",
		    SOCKS5_HOST_UNREACHABLE },
		{ "Name does not resolve", SOCKS5_HOST_UNREACHABLE },
		{ "open failed", SOCKS5_HOST_UNREACHABLE },
		{ "agent paris is not currently connected",
		    SOCKS5_HOST_UNREACHABLE },
		{ "dial tcp: lookup a.invalid on 192.0.2.1:53: no such host",
		    SOCKS5_HOST_UNREACHABLE },
		{ "dial tcp 192.0.2.1:80: i/o timeout",
		    SOCKS5_HOST_UNREACHABLE },
		{ "java.net.UnknownHostException: a.invalid",
		    SOCKS5_HOST_UNREACHABLE },
		{ "getaddrinfo ENOTFOUND a.invalid", SOCKS5_HOST_UNREACHABLE },
		{ "connect ETIMEDOUT 192.0.2.1:80", SOCKS5_HOST_UNREACHABLE },
		{ "connect EHOSTUNREACH 192.0.2.1:80",
		    SOCKS5_HOST_UNREACHABLE },
		{ "{error,nxdomain}", SOCKS5_HOST_UNREACHABLE },
		{ "DNS lookup failed: address 'a.invalid' not found",
		    SOCKS5_HOST_UNREACHABLE },
		{ "No such host is known.", SOCKS5_HOST_UNREACHABLE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (socks5_reply_for(cases[i].text) != cases[i].code)
			fail_msg("%s", cases[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
