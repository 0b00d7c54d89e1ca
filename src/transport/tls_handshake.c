/* SPDX-License-Identifier: ISC */
/*
 * TLS's handshake, of either side: from a transport to one inside TLS, or to a
 * line that says why not.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "orthrus/base/log.h"
#include "orthrus/base/machine.h"
#include "orthrus/base/mem.h"

#include "tls_private.h"

#define STEP_BYTES (16 * 1024)		/* read at once */
/*
 * A client's hello has 2 KiB, and a server's certificates 8 or so.  What is
 * longer wants our memory.
 */
#define CLIENT_BYTES (32 * 1024)
#define SERVER_BYTES (256 * 1024)

/* What a record that begins a handshake, or an alert, is: RFC 8446, B.1. */
#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22

struct tls_handshake {
	struct handshake head;
	struct tls *t;			/* NULL: it is the transport now */
};

/* Fast ones first: others than these three have no place here. */
#define AES_SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"
#define CHACHA_SUITES "TLS_CHACHA20_POLY1305_SHA256"

void
tls_context(SSL_CTX *ctx)
{
	const char *suites = cpu_has_aes() ? AES_SUITES ":" CHACHA_SUITES :
	    CHACHA_SUITES ":" AES_SUITES;

	if (ctx == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, suites) != 1)
		abort();	/* of no memory */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
}

/* --- what went wrong -------------------------------------------------- */

static const char *
other_side(const struct tls *t)
{
	return SSL_is_server(t->ssl) ? "client" : "server";
}

/* Whoever speaks TLS begins with such a record. */
static bool
speaks_tls(const struct tls *t)
{
	return t->received == 0 || ((t->first[0] == RECORD_ALERT ||
	    t->first[0] == RECORD_HANDSHAKE) &&
	    (t->received == 1 || t->first[1] == 3));
}

static const char *
speaks_instead(const struct tls *t)
{
	if (memcmp(t->first, "SSH-", 4) == 0)
		return SSL_is_server(t->ssl) ? " (but SSH)" :
		    " (it answers like an SSH server: ssh://)";
	if (memcmp(t->first, "HTTP/", 5) == 0)
		return " (it answers like a web server without TLS)";
	return "";
}

/* True when the other side has closed, or the way there is broken. */
static bool
lost_on_the_way(const struct tls *t, struct error *e)
{
	if (t->error != 0)
		error_set(e, EX_UNAVAILABLE, "%s",
		    transport_why(t->lower, t->error));
	else if (t->ended)
		error_set(e, EX_UNAVAILABLE, "the %s closed the connection "
		    "in the middle of the handshake", other_side(t));
	return t->error != 0 || t->ended;
}

static void
say_reason(const struct tls *t, unsigned long error, struct error *e)
{
	int reason = ERR_GET_REASON(error);

	switch (reason) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		error_set(e, EX_UNAVAILABLE, "the %s speaks no TLS 1.3, and "
		    "older versions are not spoken here", other_side(t));
		break;
	case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
		error_set(e, EX_UNAVAILABLE, "the server does not offer "
		    "\"%s\" there (no common ALPN)", t->alpn);
		break;
	default:
		if (reason > SSL_AD_REASON_OFFSET)
			error_set(e, EX_UNAVAILABLE, "the %s refused: %s",
			    other_side(t), SSL_alert_desc_string_long(
			    reason - SSL_AD_REASON_OFFSET));
		else
			error_set(e, EX_UNAVAILABLE, "the handshake failed: "
			    "%s", error != 0 ? ERR_reason_error_string(error) :
			    "no reason given");
	}
}

static enum handshake_result
say_why(const struct tls *t, struct error *e)
{
	if (t->why != NULL)
		error_set(e, t->untrusted ? EX_NOPERM : EX_UNAVAILABLE, "%s",
		    t->why);
	else if (!speaks_tls(t))
		error_set(e, EX_UNAVAILABLE, "the %s does not speak TLS "
		    "there%s", other_side(t), speaks_instead(t));
	else if (!lost_on_the_way(t, e))
		say_reason(t, ERR_peek_error(), e);
	return HANDSHAKE_FAILED;
}

/* --- the hooks -------------------------------------------------------- */

static bool
too_long(const struct tls *t)
{
	return t->received > (SSL_is_server(t->ssl) ? CLIENT_BYTES :
	    SERVER_BYTES);
}

static enum handshake_result
shaken(struct tls_handshake *h, struct transport **lower)
{
	struct tls *t = h->t;

	log_debug("TLS with %s: %s%s", t->host != NULL ? t->host : "a client",
	    SSL_get_cipher_name(t->ssl),
	    SSL_session_reused(t->ssl) ? ", resumed" : "");
	t->head.fd = (*lower)->fd;
	*lower = &t->head;
	h->t = NULL;
	return HANDSHAKE_DONE;
}

static enum handshake_result
shake(struct handshake *head, struct transport **lower, struct error *e)
{
	struct tls_handshake *h = (struct tls_handshake *)head;
	struct tls *t = h->t;
	int said;

	t->lower = *lower;
	do
		said = tls_shake(t, STEP_BYTES);
	while (said == SSL_ERROR_WANT_READ && !too_long(t) &&
	    transport_holds_input(*lower));
	if (said == SSL_ERROR_NONE)
		return shaken(h, lower);
	if (too_long(t)) {
		error_set(e, EX_UNAVAILABLE, "the %s's part of the handshake "
		    "is longer than any should be", other_side(t));
		return HANDSHAKE_FAILED;
	}
	if (said != SSL_ERROR_WANT_READ && said != SSL_ERROR_WANT_WRITE)
		return say_why(t, e);
	return t->out.p != NULL ? HANDSHAKE_WRITE : HANDSHAKE_READ;
}

static const char *
shake_awaited(const struct handshake *head)
{
	const struct tls_handshake *h = (const struct tls_handshake *)head;

	return SSL_is_server(h->t->ssl) ? "the client's hello" :
	    "the server's answer";
}

static void
shake_free(struct handshake *head)
{
	tls_destroy(((struct tls_handshake *)head)->t);
	free(head);
}

struct handshake *
tls_handshake_new(struct tls *t)
{
	static const struct handshake_ops ops = {
		"TLS", shake, shake_awaited, shake_free
	};
	struct tls_handshake *h = xcalloc(1, sizeof(*h));

	h->head.ops = &ops;
	h->t = t;
	return &h->head;
}

/* --- what came of it -------------------------------------------------- */

static const struct tls *
as_tls(const struct transport *t)
{
	return t->ops == &tls_ops ? (const struct tls *)t : NULL;
}

const char *
tls_alpn(const struct transport *head)
{
	const struct tls *t = as_tls(head);
	const unsigned char *p = NULL;
	unsigned n = 0;

	if (t != NULL)
		SSL_get0_alpn_selected(t->ssl, &p, &n);
	if (n == strlen(TLS_ALPN_SSH) && memcmp(p, TLS_ALPN_SSH, n) == 0)
		return TLS_ALPN_SSH;
	return n > 0 ? TLS_ALPN_HTTP : "";
}

bool
tls_resumed(const struct transport *head)
{
	const struct tls *t = as_tls(head);

	return t != NULL && SSL_session_reused(t->ssl) == 1;
}
