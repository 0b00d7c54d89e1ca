/* SPDX-License-Identifier: ISC */
/* The client's side of an upgrade to WebSocket: see upgrade.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/upgrade.h"

#include "upgrade_head.h"

#define QUOTED_MAX 120		/* of what a stranger sent, in an error */

#define NOT_PASSED_ON "the web server there does not pass the upgrade on: it " \
	"wants to be told to send Upgrade and Connection to charon"
#define NOBODY_BEHIND "the web server there does not reach charon behind it: " \
	"does that run, and is the address right that the web server has?"

/* What an answer means that is not 101, and what to do. */
static const struct {
	int status;
	const char *advice;
} meanings[] = {
	{ 200, "a page is there and no charon: is the path right, and does "
	    "the web server hand it on?" },
	{ 400, NOT_PASSED_ON },
	{ 401, "the web server there wants a password: it has to let this "
	    "path through without, for charon asks for a key" },
	{ 403, "the web server there does not let us to this path: it has to "
	    "be allowed there" },
	{ 404, "nothing is at this path: is it right, and does the web server "
	    "there hand it to charon?" },
	{ 405, NOT_PASSED_ON },
	{ 407, "a proxy on the way wants a password: give it as --proxy" },
	{ 421, "the web server there does not know this name: is the host "
	    "right?" },
	{ 426, NOT_PASSED_ON },
	{ 429, "the web server there has had too many requests from here: "
	    "wait, or allow more there" },
	{ 502, NOBODY_BEHIND },
	{ 503, NOBODY_BEHIND },
	{ 504, NOBODY_BEHIND }
};

#define NMEANINGS (sizeof(meanings) / sizeof(meanings[0]))

char *
upgrade_request(const char *host, uint16_t port, const char *path,
    const char key[UPGRADE_KEY_LEN + 1])
{
	const char *open = strchr(host, ':') != NULL ? "[" : "";
	char number[8] = "";

	if (port != 443)
		snprintf(number, sizeof(number), ":%u", port);
	return xasprintf("GET %s HTTP/1.1\r\n"
	    "Host: %s%s%s%s\r\n"
	    "User-Agent: orthrus/" PACKAGE_VERSION "\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %s\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Protocol: " UPGRADE_PROTOCOL "\r\n\r\n", path,
	    open, host, *open != '\0' ? "]" : "", number, key);
}

static int
quoted(size_t len)
{
	return len > QUOTED_MAX ? QUOTED_MAX : (int)len;
}

static const char *
advice(int status)
{
	size_t i;

	for (i = 0; i < NMEANINGS; i++)
		if (meanings[i].status == status)
			return meanings[i].advice;
	return status >= 500 ? "the web server there is in trouble: its log "
	    "says why" : "no charon answers at this path";
}

static int
refuse_redirect(int status, struct span to, struct error *e)
{
	bool secure = span_begins(to, "https://");
	size_t skip = secure ? strlen("https://") : 0;

	return error_set(e, EX_UNAVAILABLE, "the answer is %d, which sends us "
	    "on to \"%s%.*s\": if that is where charon is, give it as the "
	    "server", status, secure ? "wss://" : "", quoted(to.len - skip),
	    to.p + skip);
}

/* "HTTP/1.1 404 Not Found"; -1 when the line is not of this form. */
static int
status_of(struct span line)
{
	const char *p = line.p + 9;

	if (line.len < 12 || line.p[8] != ' ' || p[0] < '1' || p[0] > '5' ||
	    p[1] < '0' || p[1] > '9' || p[2] < '0' || p[2] > '9' ||
	    (line.len > 12 && p[3] != ' '))
		return -1;
	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + p[2] - '0';
}

/* Something else is spoken there, as the first bytes show. */
static int
refuse_stranger(const uint8_t *p, size_t n, struct error *e)
{
	const char *end = memchr(p, '\n', n);
	size_t len = end != NULL ? (size_t)(end - (const char *)p) : n;

	if (n >= 4 && memcmp(p, "SSH-", 4) == 0)
		return error_set(e, EX_UNAVAILABLE, "an SSH server answers "
		    "there and no web server: its address begins with ssh:// "
		    "or tls://");
	return error_set(e, EX_UNAVAILABLE, "no web server answers there, "
	    "which would begin with HTTP/1.1: \"%.*s\"", quoted(len),
	    (const char *)p);
}

/* A 101: is it one for us?  RFC 6455 section 4.1. */
static int
check_grant(const struct upgrade_head *h, const char *accept, struct error *e)
{
	struct span value;

	if (!upgrade_head_lists(h, "Upgrade", "websocket") ||
	    !upgrade_head_lists(h, "Connection", "upgrade"))
		return error_set(e, EX_UNAVAILABLE, "the answer is 101 but "
		    "not to WebSocket: what is there?");
	if (upgrade_head_field(h, "Sec-WebSocket-Accept", &value) != 1 ||
	    value.len != UPGRADE_ACCEPT_LEN ||
	    memcmp(value.p, accept, value.len) != 0)
		return error_set(e, EX_UNAVAILABLE, "the answer's "
		    "Sec-WebSocket-Accept is not for our key: it comes from "
		    "a cache, or from what is no WebSocket server");
	if (upgrade_head_field(h, "Sec-WebSocket-Extensions", &value) != 0)
		return error_set(e, EX_UNAVAILABLE, "the answer has an "
		    "extension (%.*s) that was not asked for",
		    quoted(value.len), value.p);
	if (upgrade_head_field(h, "Sec-WebSocket-Protocol", &value) != 1 ||
	    !span_is(value, UPGRADE_PROTOCOL))
		return error_set(e, EX_UNAVAILABLE, "a WebSocket server "
		    "answers at this path, but does not take the subprotocol "
		    "\"" UPGRADE_PROTOCOL "\": it is no charon, or the web "
		    "server there drops Sec-WebSocket-Protocol");
	return 1;
}

static int
refuse_status(int status, const struct upgrade_head *h, const char *path,
    struct error *e)
{
	struct span reason = h->start, to;

	if (status >= 300 && status < 400 &&
	    upgrade_head_field(h, "Location", &to) > 0)
		return refuse_redirect(status, to, e);
	reason.p += 9;
	reason.len -= 9;
	return error_set(e, EX_UNAVAILABLE, "the answer for %.*s is \"%.*s\": "
	    "%s", quoted(strlen(path)), path, quoted(reason.len), reason.p,
	    advice(status));
}

/* One head, which may be one before the answer (RFC 9110 section 15.2). */
static int
read_one_answer(const uint8_t *p, size_t n, const char *path,
    const char *accept, size_t *used, struct error *e)
{
	static const char begin[] = "HTTP/1.";
	size_t len = sizeof(begin) - 1;
	struct upgrade_head h;
	int rc, status;

	if (memcmp(p, begin, n < len ? n : len) != 0)
		return refuse_stranger(p, n, e);
	rc = upgrade_head_read(p, n, &h);
	if (rc == 0)
		return 0;
	status = rc == 1 ? status_of(h.start) : -1;
	if (status == -1)
		return error_set(e, EX_UNAVAILABLE, n >= UPGRADE_HEAD_MAX ?
		    "the answer's head has over %d bytes" : "the answer is "
		    "not as HTTP has it, or over %d bytes", UPGRADE_HEAD_MAX);
	*used += h.len;
	if (status == 101)
		return check_grant(&h, accept, e);
	return status < 200 ? 2 : refuse_status(status, &h, path, e);
}

int
upgrade_answer_read(const uint8_t *p, size_t n, const char *path,
    const char accept[UPGRADE_ACCEPT_LEN + 1], size_t *used, struct error *e)
{
	int rc;

	*used = 0;
	do
		rc = read_one_answer(p + *used, n - *used, path, accept, used,
		    e);
	while (rc == 2);
	return rc;
}
