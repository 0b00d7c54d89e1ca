/* SPDX-License-Identifier: ISC */
/* The questions as functions: each is sent and its answer awaited. */
#include "config.h"

#include "orthrus/monitor/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/hand.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/userauth.h"

#include "monitor_private.h"

static int
monitor_lost(struct monitor *m, struct error *e)
{
	m->lost = true;
	return error_set(e, EX_SOFTWARE, "the monitor has ended");
}

static void
drop_descriptor(struct monitor *m)
{
	if (m->hand != -1)
		close(m->hand);
	m->hand = -1;
}

int
monitor_hear(struct monitor *m, enum message_kind kind, struct message *a,
    struct error *e)
{
	ssize_t n;

	drop_descriptor(m);
	n = hand_receive(m->fd, m->in, sizeof(m->in), &m->hand, 0);
	if (n <= 0 || (size_t)n > sizeof(m->in) ||
	    !message_read(a, m->in, (size_t)n) || a->kind != kind)
		return monitor_lost(m, e);
	if (a->code == 0)
		return 0;
	message_error(a, e);
	return -1;
}

int
monitor_say(struct monitor *m, const struct message *q, struct error *e)
{
	size_t len = message_write(q, m->out);
	ssize_t n;

	if (len == 0)
		return error_set(e, EX_DATAERR, "too long");
	if (m->lost)
		return monitor_lost(m, e);
	n = hand_send(m->fd, m->out, len, -1, 0);
	sodium_memzero(m->out, len);	/* it may hold an AUTH_KEY */
	return n == (ssize_t)len ? 0 : monitor_lost(m, e);
}

static int
ask(struct monitor *m, const struct message *q, struct message *a,
    struct error *e)
{
	memset(a, 0, sizeof(*a));
	if (monitor_say(m, q, e) == -1)
		return -1;
	return monitor_hear(m, (enum message_kind)q->kind, a, e);
}

/* --- sessions ----------------------------------------------------- */

int
ask_sign(struct monitor *m, uint64_t session, const uint8_t *hash, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN], struct error *e)
{
	const struct message q = { .kind = ASK_SIGN, .session = session,
	    .bytes = hash, .len = len };
	struct message a;

	if (ask(m, &q, &a, e) == -1)
		return -1;
	if (a.len != ED25519_SIGNATURE_LEN)
		return monitor_lost(m, e);
	memcpy(signature, a.bytes, a.len);
	return 0;
}

int
ask_key(struct monitor *m, uint64_t session, const uint8_t *request,
    size_t len, struct peer *p, uint64_t *serial, struct ask_look *look,
    struct error *e)
{
	const struct message q = { .kind = ASK_KEY, .session = session,
	    .bytes = request, .len = len };
	static struct peer_row row;
	struct message a;
	int rc = ask(m, &q, &a, e);

	*look = (struct ask_look){ a.flag, a.session };
	if (rc == -1)
		return -1;
	if (!row_read(&row, &a.bytes, &a.len) || a.len != 0)
		return monitor_lost(m, e);
	*p = row.peer;
	*serial = a.number;
	return 0;
}

int
ask_password(struct monitor *m, uint64_t session, const char *password,
    uint64_t *id, struct ask_look *look, struct error *e)
{
	const struct message q = { .kind = ASK_PASSWORD, .session = session,
	    .bytes = (const uint8_t *)password,
	    .len = strnlen(password, USERAUTH_MAX) };
	struct message a;
	int rc = ask(m, &q, &a, e);

	*look = (struct ask_look){ a.flag, a.session };
	*id = a.number;
	return rc;
}

int
ask_logged_in(struct monitor *m, uint64_t session, struct error *e)
{
	const struct message q = { .kind = ASK_LOGGED_IN, .session = session };
	struct message a;

	return ask(m, &q, &a, e) == -1 ? -1 : a.flag;
}

void
ask_left(struct monitor *m, uint64_t session)
{
	const struct message q = { .kind = ASK_LEFT, .session = session };

	monitor_say(m, &q, NULL);
}

static int
take_certificate(struct monitor *m, const struct message *a,
    struct ask_certificate *c, struct error *e)
{
	c->challenged = a->flag;
	if (a->len == 0 || a->len > (a->flag ? sizeof(c->challenge) :
	    sizeof(c->blob)))
		return monitor_lost(m, e);
	if (a->flag) {
		memcpy(c->challenge, a->bytes, a->len);
		return 0;
	}
	c->serial = a->number;
	memcpy(c->blob, a->bytes, a->len);
	c->len = a->len;
	return 0;
}

int
ask_enrol(struct monitor *m, uint64_t session, const char *wanted,
    const uint8_t key[ED25519_KEY_LEN], const uint8_t *proof, bool old,
    struct ask_certificate *c, struct error *e)
{
	struct message a, q = { .kind = ASK_ENROL, .session = session,
	    .flag = old,
	    .bytes = key, .len = ED25519_KEY_LEN, .more = proof,
	    .more_len = proof != NULL ? ED25519_SIGNATURE_LEN : 0 };
	int rc;

	snprintf(q.name, sizeof(q.name), "%s", wanted);
	rc = ask(m, &q, &a, e);
	memcpy(c->name, a.name, sizeof(c->name));
	return rc == -1 ? -1 : take_certificate(m, &a, c, e);
}

int
ask_renew(struct monitor *m, uint64_t session,
    const uint8_t key[ED25519_KEY_LEN], const uint8_t *proof, bool old,
    struct ask_certificate *c, bool *early, struct error *e)
{
	const struct message q = { .kind = ASK_RENEW, .session = session,
	    .flag = old,
	    .bytes = key, .len = ED25519_KEY_LEN, .more = proof,
	    .more_len = proof != NULL ? ED25519_SIGNATURE_LEN : 0 };
	struct message a;
	int rc = ask(m, &q, &a, e);

	*early = a.flag;
	memcpy(c->name, a.name, sizeof(c->name));
	return rc == -1 ? -1 : take_certificate(m, &a, c, e);
}

/* --- the registry ------------------------------------------------- */

int
ask_registered(struct monitor *m, uint64_t id, struct error *e)
{
	const struct message q = { .kind = ASK_REGISTERED, .number = id };
	struct message a;

	return ask(m, &q, &a, e) == -1 ? -1 : a.flag;
}

/* Questions are answered one after the other; any will do. */
int
ask_done(struct monitor *m, struct error *e)
{
	return ask_registered(m, 0, e) == -1 ? -1 : 0;
}

int
ask_seen_commit(struct monitor *m, struct error *e)
{
	const struct message q = { .kind = ASK_SEEN, .bytes = m->rows,
	    .len = m->rows_len };
	struct message a;

	m->rows_len = 0;
	return q.len == 0 ? 0 : ask(m, &q, &a, e);
}

int
ask_seen_add(struct monitor *m, const struct peer *p, struct error *e)
{
	static struct peer_row row;

	row.peer = *p;
	if (row_write(&row, m->rows, sizeof(m->rows), &m->rows_len))
		return 0;
	if (ask_seen_commit(m, e) == -1)
		return -1;
	row_write(&row, m->rows, sizeof(m->rows), &m->rows_len);
	return 0;
}

int
ask_revoked(struct monitor *m, struct error *e)
{
	const struct message q = { .kind = ASK_REVOKED };
	struct message a;

	return ask(m, &q, &a, e);
}

int
ask_reload(struct monitor *m, struct error *e)
{
	const struct message q = { .kind = ASK_RELOAD };
	struct message a;

	return ask(m, &q, &a, e);
}

/* --- sockets ------------------------------------------------------ */

static int
ask_descriptor(struct monitor *m, const struct message *q, struct error *e)
{
	struct message a;
	int fd;

	if (ask(m, q, &a, e) == -1)
		return -1;
	fd = m->hand;
	m->hand = -1;
	return fd == -1 ? monitor_lost(m, e) : fd;
}

int
ask_config(struct monitor *m)
{
	const struct message q = { .kind = ASK_CONFIG };
	struct message a;
	struct error e;
	int fd;

	if (ask(m, &q, &a, &e) == -1) {
		errno = a.number > 0 && a.number < 4096 ? (int)a.number : EIO;
		return -1;
	}
	fd = m->hand;
	m->hand = -1;
	errno = EIO;
	return fd;
}

int
ask_listen(struct monitor *m, const char *agent, uint16_t port,
    struct error *e)
{
	struct message q = { .kind = ASK_LISTEN, .number = port };

	snprintf(q.name, sizeof(q.name), "%s", agent);
	return ask_descriptor(m, &q, e);
}

int
ask_listen_tcp(struct monitor *m, const char *agent, uint16_t at,
    struct error *e)
{
	struct message q = { .kind = ASK_LISTEN_TCP, .number = at };

	snprintf(q.name, sizeof(q.name), "%s", agent);
	return ask_descriptor(m, &q, e);
}

void
ask_remove(struct monitor *m, const char *agent, uint16_t port)
{
	struct message q = { .kind = ASK_REMOVE, .number = port };

	snprintf(q.name, sizeof(q.name), "%s", agent);
	monitor_say(m, &q, NULL);
}

/* --- TLS ---------------------------------------------------------- */

int
ask_web_certificate(struct monitor *m, uint64_t *generation, char **pem,
    size_t *len, struct error *e)
{
	const struct message q = { .kind = ASK_WEB_CERTIFICATE,
	    .number = *generation };
	struct message a;

	if (ask(m, &q, &a, e) == -1)
		return -1;
	if (a.number == *generation)
		return 0;
	*generation = a.number;
	*pem = NULL;
	*len = a.len;
	if (a.len > 0) {
		*pem = xcalloc(a.len, 1);
		memcpy(*pem, a.bytes, a.len);
	}
	return 1;
}

int
ask_web_sign(struct monitor *m, unsigned digest, const uint8_t *p, size_t n,
    uint8_t *signature, size_t size, size_t *len, struct error *e)
{
	const struct message q = { .kind = ASK_WEB_SIGN, .number = digest,
	    .bytes = p, .len = n };
	struct message a;

	if (ask(m, &q, &a, e) == -1)
		return -1;
	if (a.len > size)
		return error_set(e, EX_SOFTWARE, "the monitor speaks nonsense");
	memcpy(signature, a.bytes, a.len);
	*len = a.len;
	return 0;
}
