/* SPDX-License-Identifier: ISC */
/* The server's half of a SOCKS5 handshake, and what other clients are told. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/socks5.h"

#define VERSION 5
#define SUBVERSION 1		/* of RFC 1929 */
#define METHOD_NONE 0x00
#define METHOD_PASSWORD 0x02
#define METHOD_UNACCEPTABLE 0xff
#define COMMAND_CONNECT 1
#define TYPE_IPV4 1
#define TYPE_DOMAIN 3
#define TYPE_IPV6 4

#define REQUEST_HEAD 4		/* version, command, reserved, address type */
#define REPLY_LEN 10

#define HTTP_BODY \
	"This is the SOCKS5 port of orthrus, not an HTTP server or proxy.\n" \
	"Use it as socks5h://HOST:PORT, for example\n" \
	"  curl --socks5-hostname HOST:PORT http://example.com/\n"
#define HTTP_HEAD \
	"HTTP/1.1 400 Bad Request\r\n" \
	"Connection: close\r\n" \
	"Content-Type: text/plain\r\n" \
	"Content-Length: %zu\r\n" \
	"\r\n"

/*
 * Each state collects one message: buf[0 .. want) is all that is known to
 * belong to it so far, and its step raises want as lengths become known.
 */
enum socks5_state {
	STATE_CLOSED,		/* also what wiped memory stands for */
	STATE_CONNECTED,
	STATE_GREETING,
	STATE_PASSWORD,
	STATE_REQUEST
};

struct socks5_output {
	uint8_t *p;		/* SOCKS5_OUT_MAX bytes */
	size_t len;
};

static void
socks5_put(struct socks5_output *out, const void *p, size_t n)
{
	if (n > SOCKS5_OUT_MAX - out->len)
		return;
	memcpy(out->p + out->len, p, n);
	out->len += n;
}

static void
put_pair(struct socks5_output *out, uint8_t version, uint8_t code)
{
	uint8_t pair[] = { version, code };

	socks5_put(out, pair, sizeof(pair));
}

/* Waits for the next message from its first byte on. */
static enum socks5_verdict
socks5_enter(struct socks5 *s, enum socks5_state state, size_t want)
{
	sodium_memzero(s->buf, s->have);
	s->state = state;
	s->have = 0;
	s->want = want;
	return SOCKS5_MORE;
}

/* Raises want to what the message is now known to have. */
static enum socks5_verdict
socks5_need(struct socks5 *s, size_t want)
{
	s->want = want;
	return SOCKS5_MORE;
}

static enum socks5_verdict
socks5_refuse(struct socks5_output *out, enum socks5_reply code)
{
	uint8_t reply[SOCKS5_OUT_MAX];

	socks5_put(out, reply, socks5_reply(code, reply));
	return SOCKS5_CLOSE;
}

/*
 * Compares hashes, which all have one length, so that the time it takes tells
 * nothing about the secret.
 */
static bool
secret_equal(const char *secret, const uint8_t *given, size_t len)
{
	uint8_t a[crypto_generichash_BYTES], b[crypto_generichash_BYTES];
	bool equal;

	if (secret == NULL)
		return false;
	crypto_generichash(a, sizeof(a), (const uint8_t *)secret,
	    strlen(secret), NULL, 0);
	crypto_generichash(b, sizeof(b), given, len, NULL, 0);
	equal = sodium_memcmp(a, b, sizeof(a)) == 0;
	sodium_memzero(a, sizeof(a));
	sodium_memzero(b, sizeof(b));
	return equal;
}

static enum socks5_verdict
answer_http(struct socks5_output *out)
{
	char text[SOCKS5_OUT_MAX];
	int n;

	n = snprintf(text, sizeof(text), HTTP_HEAD HTTP_BODY,
	    strlen(HTTP_BODY));
	if (n > 0 && (size_t)n < sizeof(text))
		socks5_put(out, text, (size_t)n);
	return SOCKS5_CLOSE;
}

static enum socks5_verdict
answer_socks4(struct socks5_output *out)
{
	static const uint8_t rejected[8] = { 0x00, 0x5b };

	socks5_put(out, rejected, sizeof(rejected));
	return SOCKS5_CLOSE;
}

static enum socks5_verdict
step_greeting(struct socks5 *s, struct socks5_output *out)
{
	bool password = s->username != NULL || s->password != NULL;
	uint8_t method = password ? METHOD_PASSWORD : METHOD_NONE;

	if (s->have == 1) {
		if (s->buf[0] == 4)
			return answer_socks4(out);
		if (s->buf[0] >= 'A' && s->buf[0] <= 'Z')
			return answer_http(out);
		return s->buf[0] == VERSION ? socks5_need(s, 2) : SOCKS5_CLOSE;
	}
	if (s->have < 2 + (size_t)s->buf[1])
		return socks5_need(s, 2 + (size_t)s->buf[1]);
	if (memchr(s->buf + 2, method, s->buf[1]) == NULL) {
		put_pair(out, VERSION, METHOD_UNACCEPTABLE);
		return SOCKS5_CLOSE;
	}
	put_pair(out, VERSION, method);
	return password ? socks5_enter(s, STATE_PASSWORD, 2) :
	    socks5_enter(s, STATE_REQUEST, REQUEST_HEAD);
}

static enum socks5_verdict
step_password(struct socks5 *s, struct socks5_output *out)
{
	size_t ulen = s->buf[1], plen;
	bool user_ok, password_ok;

	if (s->buf[0] != SUBVERSION) {
		put_pair(out, SUBVERSION, 1);
		return SOCKS5_CLOSE;
	}
	if (s->have < 2 + ulen + 1)
		return socks5_need(s, 2 + ulen + 1);
	plen = s->buf[2 + ulen];
	if (s->have < 2 + ulen + 1 + plen)
		return socks5_need(s, 2 + ulen + 1 + plen);

	user_ok = secret_equal(s->username, s->buf + 2, ulen);
	password_ok = secret_equal(s->password, s->buf + 2 + ulen + 1, plen);
	put_pair(out, SUBVERSION, user_ok && password_ok ? 0 : 1);
	if (!user_ok || !password_ok)
		return SOCKS5_CLOSE;
	return socks5_enter(s, STATE_REQUEST, REQUEST_HEAD);
}

/* Takes a name as it is, since the far end resolves it. */
static int
set_host(struct address *to, uint8_t type, const uint8_t *p, size_t len)
{
	if (type == TYPE_IPV4)
		return inet_ntop(AF_INET, p, to->host, HOST_MAX) ? 0 : -1;
	if (type == TYPE_IPV6)
		return inet_ntop(AF_INET6, p, to->host, HOST_MAX) ? 0 : -1;
	if (!host_valid((const char *)p, len))
		return -1;
	memcpy(to->host, p, len);
	to->host[len] = '\0';
	return 0;
}

static enum socks5_verdict
step_request(struct socks5 *s, struct socks5_output *out)
{
	size_t start = REQUEST_HEAD, len;	/* of the address in buf */
	uint8_t command = s->buf[1], type = s->buf[3];
	struct address to = { .kind = ADDRESS_TCP };

	if (s->buf[0] != VERSION)
		return socks5_refuse(out, SOCKS5_FAILURE);
	if (type == TYPE_IPV4)
		len = 4;
	else if (type == TYPE_IPV6)
		len = 16;
	else if (type != TYPE_DOMAIN)
		return socks5_refuse(out, command == COMMAND_CONNECT ?
		    SOCKS5_ADDRESS_UNSUPPORTED : SOCKS5_COMMAND_UNSUPPORTED);
	else if (s->have == start)
		return socks5_need(s, start + 1);
	else
		len = s->buf[start++];

	/*
	 * A request is read in full even when it is refused: with input unread,
	 * closing would send a reset.
	 */
	if (s->have < start + len + 2)
		return socks5_need(s, start + len + 2);
	if (command != COMMAND_CONNECT)
		return socks5_refuse(out, SOCKS5_COMMAND_UNSUPPORTED);
	to.port = (uint16_t)(s->buf[start + len] << 8 |
	    s->buf[start + len + 1]);
	if (to.port == 0 || set_host(&to, type, s->buf + start, len) == -1)
		return socks5_refuse(out, SOCKS5_FAILURE);
	s->to = to;
	return SOCKS5_CONNECT;
}

static enum socks5_verdict
socks5_step(struct socks5 *s, struct socks5_output *out)
{
	switch ((enum socks5_state)s->state) {
	case STATE_GREETING:
		return step_greeting(s, out);
	case STATE_PASSWORD:
		return step_password(s, out);
	case STATE_REQUEST:
		return step_request(s, out);
	case STATE_CONNECTED:
		return SOCKS5_CONNECT;
	case STATE_CLOSED:
		break;
	}
	return SOCKS5_CLOSE;
}

void
socks5_init(struct socks5 *s, const char *username, const char *password)
{
	*s = (struct socks5){ .username = username, .password = password,
	    .state = STATE_GREETING, .want = 1 };
}

enum socks5_verdict
socks5_feed(struct socks5 *s, const uint8_t *in, size_t len, size_t *consumed,
    uint8_t out[SOCKS5_OUT_MAX], size_t *outlen)
{
	struct socks5_output output = { out, 0 };
	enum socks5_verdict verdict = SOCKS5_MORE;
	size_t n;

	*consumed = 0;
	if (s->state == STATE_CONNECTED || s->state == STATE_CLOSED)
		verdict = socks5_step(s, &output);
	while (verdict == SOCKS5_MORE && *consumed < len) {
		n = s->want - s->have;
		if (n > len - *consumed)
			n = len - *consumed;
		memcpy(s->buf + s->have, in + *consumed, n);
		s->have += n;
		*consumed += n;
		if (s->have < s->want)
			break;
		verdict = socks5_step(s, &output);
		if (verdict == SOCKS5_CONNECT)
			socks5_enter(s, STATE_CONNECTED, 0);
		else if (verdict == SOCKS5_CLOSE)
			socks5_enter(s, STATE_CLOSED, 0);
	}
	*outlen = output.len;
	return verdict;
}

size_t
socks5_reply(enum socks5_reply code, uint8_t out[SOCKS5_OUT_MAX])
{
	const uint8_t reply[REPLY_LEN] = { VERSION, (uint8_t)code, 0,
	    TYPE_IPV4 };

	memcpy(out, reply, sizeof(reply));
	return sizeof(reply);
}

/* As C libraries, Go, Java, Node, Erlang and Windows have it. */
enum socks5_reply
socks5_reply_for(const char *text)
{
	static const char *const unreachable[] = {
		"unreach", "no route", "timed out", "timedout", "timeout",
		"not known", "resolution", "resolve", "no address",
		"unknown host", "unknownhost", "no such host", "nxdomain",
		"host not found", "enotfound", "lookup failed",
		"network is down", "host is down", "in time",
		"not currently connected",	/* an agent, at charon */
		/* sshd, when connect(2) itself fails: no route, mostly. */
		"open failed"
	};
	size_t i;

	if (strcasestr(text, "refused") != NULL)
		return SOCKS5_REFUSED;
	for (i = 0; i < sizeof(unreachable) / sizeof(unreachable[0]); i++)
		if (strcasestr(text, unreachable[i]) != NULL)
			return SOCKS5_HOST_UNREACHABLE;
	return SOCKS5_REFUSED;
}

void
socks5_clear(struct socks5 *s)
{
	sodium_memzero(s, sizeof(*s));
}
