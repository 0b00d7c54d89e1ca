/* SPDX-License-Identifier: ISC */
/* HTTP's CONNECT, asked of a proxy. */
#include <sodium.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "orthrus/proto/proxy_talk.h"

#define LOGIN_MAX (2 * PROXY_WORD_MAX)	/* "user:password" */

/* --- the request -------------------------------------------------- */

static const char *
basic_login(const struct proxy *p, char text[2 * LOGIN_MAX])
{
	char login[LOGIN_MAX];

	snprintf(login, sizeof(login), "%s:%s", p->user, p->password);
	sodium_bin2base64(text, 2 * LOGIN_MAX, (const unsigned char *)login,
	    strlen(login), sodium_base64_VARIANT_ORIGINAL);
	sodium_memzero(login, sizeof(login));
	return text;
}

/*
 * The login goes with the first request, whether it will be asked for or not:
 * who wrote it into the URL wants it to be used.
 */
static void
write_connect(struct proxy_talk *t)
{
	bool v6 = strchr(t->host, ':') != NULL, login = t->proxy->user[0];
	char basic[2 * LOGIN_MAX] = "", to[ADDRESS_TEXT_MAX];

	snprintf(to, sizeof(to), "%s%s%s:%u", v6 ? "[" : "", t->host,
	    v6 ? "]" : "", (unsigned)t->port);
	if (login)
		basic_login(t->proxy, basic);
	t->out_len = (size_t)snprintf((char *)t->out, sizeof(t->out),
	    "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", to, to,
	    login ? "Proxy-Authorization: Basic " : "", basic,
	    login ? "\r\n" : "");
	sodium_memzero(basic, sizeof(basic));
}

/* --- the answer --------------------------------------------------- */

static enum proxy_progress
fail_login(const struct proxy_talk *t, struct error *e)
{
	if (!t->basic)
		error_set(e, EX_UNAVAILABLE, "it wants a login by %s, and only "
		    "Basic is supported (%s); a local proxy such as cntlm can "
		    "log in for you", t->way[0] != '\0' ? t->way :
		    "a way it does not name", t->reason);
	else if (t->proxy->user[0] != '\0')
		error_set(e, EX_UNAVAILABLE, "it refuses the user \"%s\" or "
		    "the password (%s)", t->proxy->user, t->reason);
	else
		error_set(e, EX_UNAVAILABLE, "it wants a user and a password "
		    "(%s): write http://USER@HOST:PORT, and the password into "
		    "a file of ORTHRUS_PROXY_PASSWORD_FILE", t->reason);
	return PROXY_FAILS;
}

static enum proxy_progress
fail_status(const struct proxy_talk *t, struct error *e)
{
	static const struct {
		unsigned from, to;
		const char *what;
	} rows[] = {
		{ 403, 403, "its rules do not let us connect to that host and "
		    "port (%s); many allow no port but 443" },
		{ 400, 405, "it is no proxy, or does not serve CONNECT (%s)" },
		{ 429, 429, "it has too many requests (%s)" },
		{ 501, 501, "it is no proxy, or does not serve CONNECT (%s)" },
		{ 500, 599, "it cannot connect to the server (%s): see that "
		    "the server listens, and is known there by this name" },
	};
	char text[ERROR_TEXT_MAX];
	const char *at;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (t->status >= rows[i].from && t->status <= rows[i].to)
			break;
	if (i == sizeof(rows) / sizeof(rows[0])) {
		error_set(e, EX_UNAVAILABLE, "it answers %s instead of "
		    "connecting", t->reason);
		return PROXY_FAILS;
	}
	at = strstr(rows[i].what, "%s");
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - rows[i].what),
	    rows[i].what, t->reason, at + 2);
	error_set(e, EX_UNAVAILABLE, "%s", text);
	return PROXY_FAILS;
}

/* What answers when its first bytes are not "HTTP/". */
static enum proxy_progress
fail_garbage(uint8_t first, struct error *e)
{
	const char *what = "something else than HTTP answers";

	if (first == 5 || first == 0)
		what = "SOCKS answers, and not HTTP: write socks5h://";
	else if (first == 0x15 || first == 0x16)
		what = "TLS answers: a proxy in TLS (https://) is not "
		    "supported";
	else if (first == 'S')
		what = "something like SSH answers, and not HTTP: is this the "
		    "server itself, and no proxy?";
	error_set(e, EX_UNAVAILABLE, "%s", what);
	return PROXY_FAILS;
}

/* "HTTP/1.1 200 Connection established": 0, or -1. */
static int
read_status_line(struct proxy_talk *t)
{
	const char *line = (const char *)t->in;

	if (strlen(line) < 12 || strncmp(line, "HTTP/1.", 7) != 0 ||
	    !isdigit((unsigned char)line[7]) || line[8] != ' ' ||
	    !isdigit((unsigned char)line[9]) ||
	    !isdigit((unsigned char)line[10]) ||
	    !isdigit((unsigned char)line[11]) ||
	    (line[12] != ' ' && line[12] != '\0'))
		return -1;
	t->status = (unsigned)((line[9] - '0') * 100 + (line[10] - '0') * 10 +
	    line[11] - '0');
	snprintf(t->reason, sizeof(t->reason), "%s", line + 9);
	return 0;
}

/* Remembers the ways to log in of "Proxy-Authenticate: Basic realm=...". */
static void
read_header_line(struct proxy_talk *t)
{
	static const char name[] = "Proxy-Authenticate:";
	const char *value = (const char *)t->in + strlen(name);
	size_t len;

	if (strncasecmp((const char *)t->in, name, strlen(name)) != 0)
		return;
	value += strspn(value, " \t");
	len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz-0123456789");
	if (len == 5 && strncasecmp(value, "Basic", 5) == 0)
		t->basic = true;
	else
		snprintf(t->way, sizeof(t->way), "%.*s", (int)len, value);
	if (strcasestr(value, ", Basic ") != NULL)
		t->basic = true;
}

/* The head is complete.  Of 200 its body is what follows (RFC 9110). */
static enum proxy_progress
read_head_end(struct proxy_talk *t, struct error *e)
{
	if (t->status / 100 == 1) {	/* the real answer comes behind it */
		t->status = 0;
		return PROXY_SAYS_MORE;
	}
	if (t->status / 100 == 2)
		return PROXY_LEADS_THROUGH;
	return t->status == 407 ? fail_login(t, e) : fail_status(t, e);
}

static enum proxy_progress
take_line(struct proxy_talk *t, struct error *e)
{
	bool first = t->status == 0;

	if (t->in_len > 0 && t->in[t->in_len - 1] == '\r')
		t->in_len--;
	t->in[t->in_len] = '\0';
	if (first && read_status_line(t) == -1)
		return fail_garbage(t->in[0], e);
	if (!first && t->in_len == 0)
		return read_head_end(t, e);
	if (!first)
		read_header_line(t);
	t->in_len = 0;
	return PROXY_SAYS_MORE;
}

static enum proxy_progress
take_http(struct proxy_talk *t, uint8_t byte, struct error *e)
{
	static const char begin[] = "HTTP/";

	if (t->total > PROXY_HEAD_MAX) {
		error_set(e, EX_UNAVAILABLE, "its answer has a header of more "
		    "than %d KiB", PROXY_HEAD_MAX / 1024);
		return PROXY_FAILS;
	}
	if (t->status == 0 && t->in_len < strlen(begin) &&
	    byte != (uint8_t)begin[t->in_len])
		return fail_garbage(t->in_len > 0 ? t->in[0] : byte, e);
	if (byte == '\n')
		return take_line(t, e);
	if (t->in_len < sizeof(t->in) - 1)
		t->in[t->in_len++] = byte;
	return PROXY_SAYS_MORE;
}

void
http_talk_begin(struct proxy_talk *t)
{
	write_connect(t);
	t->take = take_http;
}
