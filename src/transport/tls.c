/* SPDX-License-Identifier: ISC */
/*
 * TLS as a transport.  OpenSSL gets and leaves its ciphertext in memory, so
 * that one read and one write of what is below carry many records.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "orthrus/base/mem.h"

#include "tls_private.h"

#define RECORD_MAX (16 * 1024 + 256 + 5)	/* RFC 8446 section 5.2 */
/* A turn of SSH, 128 KiB and a little, goes at once, and comes so. */
#define IN_SIZE (144 * 1024)
#define OUT_PLAIN (144 * 1024)		/* whole records */
#define OUT_SIZE (OUT_PLAIN + 8 * 1024)

/* AES-GCM is good for 24 million records: RFC 8446 section 5.5. */
uint64_t tls_key_bytes = UINT64_C(128) << 30;

/*
 * The ciphertext of the one call that is under way, whoever's it is: between
 * calls there is none.  It needs no wiping.
 */
static struct {
	size_t room;			/* bytes that may still be read */
	bool dry;			/* no more is there now */
	size_t off, len;
	uint8_t bytes[IN_SIZE];
} arrived;
static struct {
	size_t len;
	uint8_t bytes[OUT_SIZE];
} leaving;

/* --- ciphertext that waits -------------------------------------------- */

static void
keep_bytes(struct tls_bytes *b, const uint8_t *p, size_t n)
{
	size_t kept = b->len - b->off;
	uint8_t *all;

	if (n == 0)
		return;
	all = xreallocarray(NULL, kept + n, 1);
	if (kept > 0)
		memcpy(all, b->p + b->off, kept);
	memcpy(all + kept, p, n);
	free(b->p);
	*b = (struct tls_bytes){ all, 0, kept + n };
}

static void
bytes_gone(struct tls_bytes *b, size_t n)
{
	b->off += n;
	if (b->off < b->len)
		return;
	free(b->p);
	*b = (struct tls_bytes){ NULL, 0, 0 };
}

/* --- OpenSSL's side: its BIO ------------------------------------------ */

static void
note_arrival(struct tls *t, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && t->received + i < sizeof(t->first); i++)
		t->first[t->received + i] = p[i];
	t->received += n;
}

/* True when bytes have arrived. */
static bool
refill(struct tls *t)
{
	size_t most = arrived.room < IN_SIZE ? arrived.room : IN_SIZE;
	ssize_t n;

	if (arrived.dry || most == 0 || t->ended || t->error != 0)
		return false;
	n = transport_read(t->lower, arrived.bytes, most);
	if (n == -1 && errno != EAGAIN)
		t->error = errno;
	t->ended = n == 0;
	arrived.dry = n < (ssize_t)most && !transport_holds_input(t->lower);
	if (n <= 0)
		return false;
	arrived.off = 0;
	arrived.len = (size_t)n;
	arrived.room -= (size_t)n;
	note_arrival(t, arrived.bytes, (size_t)n);
	return true;
}

static int
bio_read(BIO *b, char *p, size_t n, size_t *got)
{
	struct tls *t = BIO_get_data(b);
	bool kept = t->in.p != NULL;
	size_t there;

	BIO_clear_retry_flags(b);
	*got = 0;
	if (!kept && arrived.off == arrived.len && !refill(t)) {
		if (!t->ended && t->error == 0)
			BIO_set_retry_read(b);
		return 0;
	}
	there = kept ? t->in.len - t->in.off : arrived.len - arrived.off;
	*got = n < there ? n : there;
	memcpy(p, kept ? t->in.p + t->in.off : arrived.bytes + arrived.off,
	    *got);
	if (kept)
		bytes_gone(&t->in, *got);
	else
		arrived.off += *got;
	return 1;
}

/* All or nothing. */
static int
bio_write(BIO *b, const char *p, size_t n, size_t *taken)
{
	struct tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	*taken = 0;
	if (n > OUT_SIZE - leaving.len ||
	    t->out.len - t->out.off > OUT_SIZE - leaving.len - n) {
		BIO_set_retry_write(b);
		return 0;
	}
	memcpy(leaving.bytes + leaving.len, p, n);
	leaving.len += n;
	*taken = n;
	return 1;
}

static long
bio_ctrl(BIO *b, int what, long larg, void *parg)
{
	(void)larg;
	(void)parg;
	if (what == BIO_CTRL_EOF)
		return ((struct tls *)BIO_get_data(b))->ended;
	return what == BIO_CTRL_FLUSH;
}

static BIO *
bio_new(struct tls *t)
{
	static BIO_METHOD *method;
	BIO *b;

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() |
		    BIO_TYPE_SOURCE_SINK, "transport");
		if (method == NULL ||
		    BIO_meth_set_read_ex(method, bio_read) != 1 ||
		    BIO_meth_set_write_ex(method, bio_write) != 1 ||
		    BIO_meth_set_ctrl(method, bio_ctrl) != 1)
			abort();	/* of no memory, as below */
	}
	if ((b = BIO_new(method)) == NULL)
		abort();
	BIO_set_data(b, t);
	BIO_set_init(b, 1);
	return b;
}

/* --- each call of OpenSSL --------------------------------------------- */

/* Others leave errors in the queue, which SSL_get_error() looks at. */
static void
call_begins(size_t room)
{
	ERR_clear_error();
	arrived.room = room;
	arrived.dry = false;
}

/* Sends p[*off .. n): 0, or -1 with errno when it did not take all. */
static int
send_bytes(struct tls *t, const uint8_t *p, size_t *off, size_t n)
{
	ssize_t sent;

	while (*off < n) {
		sent = transport_write(t->lower, p + *off, n - *off);
		if (sent == -1)
			return -1;
		*off += (size_t)sent;
	}
	return transport_holds_output(t->lower) &&
	    transport_write(t->lower, NULL, 0) == -1 ? -1 : 0;
}

/* What waits since an earlier call. */
static int
send_kept(struct tls *t)
{
	size_t off = t->out.off;
	int rc = send_bytes(t, t->out.p, &off, t->out.len);

	bytes_gone(&t->out, off - t->out.off);
	return rc;
}

/*
 * Sends what OpenSSL has written, and keeps what is left of both ways: 0, or
 * -1 with errno.
 */
static int
call_ends(struct tls *t)
{
	size_t off = 0;
	int rc;

	keep_bytes(&t->in, arrived.bytes + arrived.off,
	    arrived.len - arrived.off);
	arrived.off = arrived.len = 0;
	rc = send_kept(t);
	if (rc == 0)
		rc = send_bytes(t, leaving.bytes, &off, leaving.len);
	keep_bytes(&t->out, leaving.bytes + off, leaving.len - off);
	leaving.len = 0;
	return rc;
}

int
tls_shake(struct tls *t, size_t n)
{
	int rc, error;

	call_begins(n);
	rc = SSL_do_handshake(t->ssl);
	error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);
	if (call_ends(t) == -1 && errno != EAGAIN && t->error == 0)
		t->error = errno;
	return error;
}

/* --- the transport ---------------------------------------------------- */

/* Why OpenSSL gave up, which leaves the connection of no use. */
static ssize_t
tls_broke(struct tls *t)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);

	t->failed = t->error != 0 ? t->error : ECONNRESET;
	if (t->error == 0 && !t->ended && t->why == NULL)
		t->why = reason > SSL_AD_REASON_OFFSET ?
		    xasprintf("the other side ended TLS: %s",
		    SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET)) :
		    xasprintf("TLS failed: %s", error != 0 ?
		    ERR_reason_error_string(error) : "nothing said");
	errno = t->failed;
	return -1;
}

/* What a read says that had nothing. */
static ssize_t
nothing_read(struct tls *t, int rc)
{
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_WRITE:
		/* More answers wait than bio_write() keeps. */
		if (t->why == NULL)
			t->why = xstrdup("the other side asks for new keys "
			    "without end");
		return tls_broke(t);
	default:
		return tls_broke(t);
	}
}

static ssize_t
tls_read(struct transport *head, uint8_t *p, size_t n)
{
	struct tls *t = (struct tls *)head;
	size_t got = 0, part;
	ssize_t said = -1;
	int rc = 1, error;

	if (t->failed != 0) {
		errno = t->failed;
		return -1;
	}
	call_begins(n > RECORD_MAX ? n : RECORD_MAX);
	while (got < n && (rc = SSL_read_ex(t->ssl, p + got, n - got,
	    &part)) == 1)
		got += part;
	if (got < n)
		said = nothing_read(t, rc);
	/* An end, or an error, behind some bytes is told in the next call. */
	t->more = got == n || !arrived.dry ||
	    (got > 0 && (said == 0 || t->failed != 0));
	error = errno;
	call_ends(t);
	errno = error;
	return got > 0 ? (ssize_t)got : said;
}

static ssize_t
tls_write(struct transport *head, const uint8_t *p, size_t n)
{
	struct tls *t = (struct tls *)head;
	size_t taken;

	if (t->failed != 0) {
		errno = t->failed;
		return -1;
	}
	if (send_kept(t) == -1)
		return -1;
	if (n == 0)
		return 0;
	call_begins(0);
	if (t->sent >= tls_key_bytes &&
	    SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1)
		t->sent = 0;
	if (SSL_write_ex(t->ssl, p, n < OUT_PLAIN ? n : OUT_PLAIN,
	    &taken) != 1) {
		tls_broke(t);
		call_ends(t);
		errno = t->failed;
		return -1;
	}
	t->sent += taken;
	if (call_ends(t) == -1 && errno != EAGAIN)
		return -1;
	return (ssize_t)taken;
}

static bool
tls_holds_input(const struct transport *head)
{
	return ((const struct tls *)head)->more;
}

static bool
tls_holds_output(const struct transport *head)
{
	const struct tls *t = (const struct tls *)head;

	return t->out.p != NULL || transport_holds_output(t->lower);
}

static const char *
tls_why(const struct transport *head)
{
	const struct tls *t = (const struct tls *)head;

	return t->why == NULL && t->lower->ops->why != NULL ?
	    t->lower->ops->why(t->lower) : t->why;
}

/* Says close_notify where that is possible: 0, or -1 with errno. */
static int
say_goodbye(struct tls *t)
{
	if (t->failed != 0 || t->error != 0)
		return 0;
	call_begins(0);
	SSL_shutdown(t->ssl);
	return call_ends(t);
}

/* Says that no more comes from us, and lets what is below say so, too. */
static int
tls_finish(struct transport *head)
{
	struct tls *t = (struct tls *)head;

	return say_goodbye(t) == -1 ? -1 : transport_finish(t->lower);
}

static void
tls_free(struct transport *head)
{
	struct tls *t = (struct tls *)head;
	struct transport *lower = t->lower;

	say_goodbye(t);
	tls_destroy(t);
	transport_free(lower);
}

const struct transport_ops tls_ops = {
	.name = "tls",
	.read = tls_read,
	.write = tls_write,
	.holds_input = tls_holds_input,
	.holds_output = tls_holds_output,
	.why = tls_why,
	.free = tls_free,
	.finish = tls_finish
};

struct tls *
tls_new(SSL_CTX *ctx)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	BIO *b = bio_new(t);

	t->head.ops = &tls_ops;
	t->head.fd = -1;
	/* What comes with the end of the handshake is in OpenSSL's hands. */
	t->more = true;
	if ((t->ssl = SSL_new(ctx)) == NULL || SSL_set_app_data(t->ssl, t) != 1)
		abort();
	SSL_set_bio(t->ssl, b, b);
	return t;
}

struct tls *
tls_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

void
tls_destroy(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	tls_client_leave(t);
	free(t->in.p);
	free(t->out.p);
	free(t->why);
	free(t->host);
	free(t->name);
	free(t->peer);
	free(t);
}
