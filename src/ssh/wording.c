/* SPDX-License-Identifier: ISC */
/* See wording.h: tables of what is said, and what it means. */
#include "config.h"

#include "orthrus/proto/leash.h"

#include "wording.h"

#include <stdio.h>
#include <string.h>

#define FAREWELL "Received SSH_MSG_DISCONNECT: "
#define NO_MATCH "no match for method "
#define BROKEN "Socket error: "

/* What stands for nothing but an end in order, in the words of many. */
static const char *const plain_ends[] = { "", "Bye Bye", "bye",
    "disconnected by user", "Closed due to user request.", "disconnect",
    "goodbye" };

/* The parts of RFC 4253 section 7.1's lists, as libssh calls them. */
static const struct {
	const char *theirs, *ours;
} methods[] = {
	{ "kex algos", "key exchange" },
	{ "server host key algo", "kind of host key" },
	{ "encryption", "cipher" },
	{ "mac algo", "integrity check (MAC)" },
	{ "compression", "compression" }
};

static const struct {
	const char *part, *meaning;
} sentences[] = {
	{ "Socket error: disconnected", "the other side closed the "
	    "connection" },
	{ "anner", "the other side does not speak SSH as it should" },
	{ "HMAC error", "what arrives was changed on the way" },
	{ "Packet len", "what arrives was changed on the way, or is no SSH" },
	{ "uthentication failures", "the other side counted too many failed "
	    "logins" }
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const char *
wording_farewell(const char *text)
{
	const char *why = strstr(text, FAREWELL);

	if (why == NULL)
		return NULL;
	why += strlen(FAREWELL);
	/* The number of the reason, which says less than the text. */
	if (strspn(why, "0123456789") > 0 &&
	    why[strspn(why, "0123456789")] == ':')
		why += strspn(why, "0123456789") + 1;
	return why + strspn(why, " ");
}

static void
word_farewell(const char *why, char out[ERROR_TEXT_MAX])
{
	size_t i;

	for (i = 0; i < COUNT(plain_ends); i++)
		if (strcmp(why, plain_ends[i]) == 0)
			break;
	snprintf(out, ERROR_TEXT_MAX, "the other side ended it%s%s",
	    i < COUNT(plain_ends) ? "" : ": ", i < COUNT(plain_ends) ? "" :
	    why);
}

/* "kex error : no match for method WHAT: server [LIST], client [LIST]" */
static void
word_no_match(const char *what, char out[ERROR_TEXT_MAX])
{
	const char *ours = "algorithm", *from = strchr(what, '[');
	size_t i, n = from != NULL ? strcspn(from + 1, "]") : 0;

	for (i = 0; i < COUNT(methods); i++)
		if (strncmp(what, methods[i].theirs,
		    strlen(methods[i].theirs)) == 0)
			ours = methods[i].ours;
	snprintf(out, ERROR_TEXT_MAX, "both sides have no %s in common%s%.*s",
	    ours, n > 0 ? "; the server has " : "", (int)(n > 200 ? 200 : n),
	    n > 0 ? from + 1 : "");
}

const char *
wording_of(const char *text, char out[ERROR_TEXT_MAX])
{
	const char *farewell = wording_farewell(text);
	const char *no_match = strstr(text, NO_MATCH);
	size_t i;

	snprintf(out, ERROR_TEXT_MAX, "%s", text);
	if (farewell != NULL) {
		word_farewell(farewell, out);
		return out;
	}
	if (no_match != NULL) {
		word_no_match(no_match + strlen(NO_MATCH), out);
		return out;
	}
	for (i = 0; i < COUNT(sentences); i++)
		if (strstr(text, sentences[i].part) != NULL) {
			snprintf(out, ERROR_TEXT_MAX, "%s",
			    sentences[i].meaning);
			return out;
		}
	if (strncmp(text, BROKEN, strlen(BROKEN)) == 0)
		snprintf(out, ERROR_TEXT_MAX, "the connection broke: %s",
		    text + strlen(BROKEN));
	return out;
}

const char *
wording_displaced(const char *text, int *code)
{
	*code = EX_TEMPFAIL;
	if (strstr(text, LEASH_COPY) != NULL)
		return "displaced by a machine of which this one seems to be a "
		    "copy, for both have one identity: remove the state "
		    "directory here and enrol under another name (charon agent "
		    "add NAME), or stop one of the two";
	*code = EX_UNAVAILABLE;
	if (strstr(text, LEASH_DISPLACED) != NULL)
		return "displaced by another orthrus with the same identity: "
		    "stop one of the two, or, where one machine is a copy of "
		    "the other, remove the state directory on the copy and "
		    "enrol it under its own name (charon agent add NAME)";
	return NULL;
}

/* --- who is no SSH server ------------------------------------------------ */

const char *
wording_stranger(const uint8_t *p, size_t n)
{
	if (n == 0)
		return "the connection was closed before anybody named "
		    "himself; for a port of TLS write tls://HOST:PORT, for a "
		    "web server wss://HOST:PORT";
	/* RFC 8446 section 5.1: an alert, or a handshake. */
	if (p[0] == 21 || p[0] == 22)
		return "TLS is spoken there, so write tls://HOST:PORT, or "
		    "wss://HOST:PORT where it is a web server";
	if (n >= 4 && (memcmp(p, "HTTP", 4) == 0 || p[0] == '<'))
		return "a web server answers, so write tls://HOST:PORT, or "
		    "wss://HOST:PORT/PATH, or look for the port of SSH";
	if (n >= 4 && memcmp(p, "SSH-", 4) == 0)
		return "what answers breaks off";
	return "another kind of server answers, so look at the port";
}
