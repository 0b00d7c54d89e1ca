/* SPDX-License-Identifier: ISC */
/* SOCKS5, asked of a proxy. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "orthrus/proto/proxy_talk.h"

#define VERSION 5
#define LOGIN_VERSION 1		/* RFC 1929 */
#define NO_LOGIN 0
#define LOGIN 2
#define NOTHING 0xff
#define CONNECT 1
#define IPV4 1
#define NAME 3
#define IPV6 4

static enum proxy_progress
socks_fail(struct error *e, const char *what)
{
	error_set(e, EX_UNAVAILABLE, "%s", what);
	return PROXY_FAILS;
}

/* What answers with a first byte that is not SOCKS5's. */
static enum proxy_progress
fail_version(uint8_t byte, struct error *e)
{
	if (byte == 'H')
		return socks_fail(e, "HTTP answers, and not SOCKS5: write "
		    "http://");
	if (byte == 'S')
		return socks_fail(e, "something like SSH answers, and not "
		    "SOCKS5: is this the server itself, and no proxy?");
	if (byte == 0)
		return socks_fail(e, "it speaks SOCKS4, and only SOCKS5 is "
		    "supported");
	return socks_fail(e, "something else than SOCKS5 answers");
}

/* --- the connection ----------------------------------------------- */

static enum proxy_progress
fail_reply(uint8_t reply, struct error *e)
{
	static const char *const what[] = {
		[1] = "it failed (general SOCKS server failure)",
		[2] = "its rules do not let us connect to that host and port",
		[3] = "it has no way to the server's network",
		[4] = "it cannot reach the server's host",
		[5] = "the server refuses its connection",
		[6] = "the server is too many hops away from it",
		[7] = "it does not serve CONNECT",
		[8] = "it takes no such kind of address; try socks5h://",
	};

	if (reply < sizeof(what) / sizeof(what[0]) && what[reply] != NULL)
		return socks_fail(e, what[reply]);
	error_set(e, EX_UNAVAILABLE, "it refuses, for a reason that SOCKS5 "
	    "does not know (%u)", (unsigned)reply);
	return PROXY_FAILS;
}

/* Length of the reply, as far as it can be told from its first 5 bytes. */
static size_t
reply_length(const struct proxy_talk *t)
{
	switch (t->in[3]) {
	case IPV4:
		return 4 + 4 + 2;
	case IPV6:
		return 4 + 16 + 2;
	case NAME:
		return 4 + 1 + (size_t)t->in[4] + 2;
	default:
		return 0;
	}
}

static enum proxy_progress
take_reply(struct proxy_talk *t, uint8_t byte, struct error *e)
{
	size_t len;

	/* Of a name only the length is of interest, which is in front. */
	if (t->in_len < sizeof(t->in))
		t->in[t->in_len] = byte;
	t->in_len++;
	if (t->in_len == 1 && byte != VERSION)
		return fail_version(byte, e);
	if (t->in_len == 2 && byte != 0)
		return fail_reply(byte, e);
	if (t->in_len < 5)
		return PROXY_SAYS_MORE;
	if ((len = reply_length(t)) == 0)
		return socks_fail(e, "it answers with an unknown kind of "
		    "address");
	return t->in_len < len ? PROXY_SAYS_MORE : PROXY_LEADS_THROUGH;
}

static enum proxy_progress
ask_connect(struct proxy_talk *t)
{
	size_t len = strlen(t->host);
	uint8_t *p = t->out;

	*p++ = VERSION;
	*p++ = CONNECT;
	*p++ = 0;
	if (inet_pton(AF_INET, t->host, p + 1) == 1) {
		*p = IPV4;
		p += 1 + 4;
	} else if (inet_pton(AF_INET6, t->host, p + 1) == 1) {
		*p = IPV6;
		p += 1 + 16;
	} else {
		*p++ = NAME;
		*p++ = (uint8_t)len;	/* HOST_MAX counts the NUL */
		memcpy(p, t->host, len);
		p += len;
	}
	*p++ = (uint8_t)(t->port >> 8);
	*p++ = (uint8_t)t->port;
	t->out_len = (size_t)(p - t->out);
	t->in_len = 0;
	t->take = take_reply;
	return PROXY_SAYS_MORE;
}

/* --- the login ---------------------------------------------------- */

static enum proxy_progress
take_login(struct proxy_talk *t, uint8_t byte, struct error *e)
{
	if (t->in_len++ == 0)
		return PROXY_SAYS_MORE;		/* the version: some say 5 */
	if (byte == 0)
		return ask_connect(t);
	error_set(e, EX_UNAVAILABLE, "it refuses the user \"%s\" or the "
	    "password", t->proxy->user);
	return PROXY_FAILS;
}

static uint8_t *
put_word(uint8_t *p, const char *word)
{
	size_t len = strlen(word);

	*p++ = (uint8_t)len;		/* PROXY_WORD_MAX counts the NUL */
	memcpy(p, word, len);
	return p + len;
}

static enum proxy_progress
log_in(struct proxy_talk *t)
{
	uint8_t *p = t->out;

	*p++ = LOGIN_VERSION;
	p = put_word(p, t->proxy->user);
	p = put_word(p, t->proxy->password);
	t->out_len = (size_t)(p - t->out);
	t->in_len = 0;
	t->take = take_login;
	return PROXY_SAYS_MORE;
}

static enum proxy_progress
take_method(struct proxy_talk *t, uint8_t byte, struct error *e)
{
	bool login = t->proxy->user[0] != '\0';

	if (t->in_len++ == 0)
		return byte == VERSION ? PROXY_SAYS_MORE :
		    fail_version(byte, e);
	if (byte == NO_LOGIN)
		return ask_connect(t);
	if (byte == LOGIN && login)
		return log_in(t);
	if (byte == NOTHING && !login)
		return socks_fail(e, "it wants a user and a password, or does "
		    "not serve this host: write socks5h://USER@HOST:PORT, and "
		    "the password into a file of ORTHRUS_PROXY_PASSWORD_FILE");
	if (byte == NOTHING)
		return socks_fail(e, "it takes no login with user and "
		    "password, or does not serve this host");
	return socks_fail(e, "it chose a way to log in that was not offered");
}

void
socks_talk_begin(struct proxy_talk *t)
{
	uint8_t *p = t->out;

	*p++ = VERSION;
	*p++ = t->proxy->user[0] != '\0' ? 2 : 1;
	*p++ = NO_LOGIN;
	if (t->proxy->user[0] != '\0')
		*p++ = LOGIN;
	t->out_len = (size_t)(p - t->out);
	t->take = take_method;
}
