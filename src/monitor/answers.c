/* SPDX-License-Identifier: ISC */
/*
 * The questions of the network process, each with its answer.  Who asks may
 * have been taken over: nothing that he says is believed but what he has seen
 * of agents, which decides nothing.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/log.h"

#include "keeper.h"

/*
 * bytes: the exchange hash; answer: its signature in bytes.  Only what has the
 * length of a hash is signed, which nothing else has that a host key signs; the
 * first of a session is its id (RFC 4253 section 7.2), those of later key
 * exchanges are not.
 */
static int
answer_sign(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	static uint8_t signature[ED25519_SIGNATURE_LEN];

	if (q->len != 32 && q->len != 64)	/* SHA-256, SHA-512 */
		return error_set(e, EX_DATAERR, "not an exchange hash");
	if (guests_find(&k->guests, q->session) == NULL &&
	    guests_add(&k->guests, q->session, q->bytes, q->len) == NULL)
		return error_set(e, EX_TEMPFAIL, "too many sessions");
	crypto_sign_detached(signature, NULL, q->bytes, q->len,
	    k->host_secret);
	a->bytes = signature;
	a->len = sizeof(signature);
	return 0;
}

/*
 * What was registered, or revoked, since the last look is known before somebody
 * is let in because of it.  flag says that there is something to be told, and
 * session as of which position he was judged.
 */
static void
look_at_registry(struct keeper *k, struct message *a)
{
	struct error e;

	if (rows_collect(k, &e) == -1)
		log_error("registry: %s", e.text);
	a->flag = rows_wait(k);
	a->session = k->position;
}

/*
 * bytes: the login request (userauth.h).  Answer: whose it is, a row in bytes,
 * and the certificate's serial in number.
 */
static int
answer_key(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	static uint8_t text[1024 + ALLOW_MAX];
	static struct peer_row row;

	look_at_registry(k, a);
	if (judge_key(k, q, &row, &a->number, e) == -1)
		return -1;
	row_write(&row, text, sizeof(text), &a->len);
	a->bytes = text;
	return 0;
}

/* bytes: the AUTH_KEY.  Answer: in number the id of whose it is. */
static int
answer_password(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	look_at_registry(k, a);
	return judge_password(k, q, &a->number, e);
}

/* Answer: flag says that older certificates were revoked. */
static int
answer_logged_in(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	const struct guest *guest = guests_find(&k->guests, q->session);
	int rc;

	if (guest == NULL || guest->kind != GUEST_PEER || guest->serial == 0)
		return error_set(e, EX_NOPERM, "this session was not let in "
		    "with a certificate");
	rc = registry_logged_in(k->registry, guest->peer, guest->serial, e);
	a->flag = rc == 1;
	if (rc == 1)
		k->revoked_dirty = true;
	return rc == -1 ? -1 : 0;
}

static int
answer_left(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	struct guest *guest = guests_find(&k->guests, q->session);

	(void)a;
	(void)e;
	if (guest != NULL)
		guests_remove(&k->guests, guest);
	return 0;
}

/*
 * flag: look again.  Answer: rows in bytes, and in session their position; see
 * rows_tell().
 */
static int
answer_changes(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	if (q->flag && rows_collect(k, e) == -1)
		return -1;
	rows_tell(k, a);
	return 0;
}

/* number: an id.  Answer: flag. */
static int
answer_registered(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	static struct peer p;
	int rc = registry_find_id(k->registry, q->number, &p, e);

	a->flag = rc == 1;
	return rc == -1 ? -1 : 0;
}

/* bytes: rows. */
static int
answer_seen(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	(void)a;
	return rows_save(k, q, e);
}

static int
answer_revoked(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	(void)q;
	(void)a;
	if (k->revoked_dirty && state_write_revoked(k->state, e) == -1)
		return -1;
	k->revoked_dirty = false;
	return 0;
}

static void
ignore_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* The asker has said by now what is wrong with it, if anything is. */
static int
answer_reload(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	struct gateway_config *c;
	int code;

	(void)q;
	(void)a;
	c = gateway_config_load(k->argc, k->argv, ignore_line, NULL, &code);
	if (c == NULL)
		return error_set(e, code, "the configuration has errors");
	k->certificate_lifetime = c->certificate_lifetime;
	k->renew_before = c->renew_before;
	k->old_agents = c->old_agents;
	code = web_certificate_rename(&k->web, c, e);
	gateway_config_free(c);
	return code;
}

/* Answer: the file, or in number an errno value. */
static int
answer_config(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	(void)q;
	errno = ENOENT;
	if (k->config_file != NULL)
		k->hand = open(k->config_file, O_RDONLY | O_CLOEXEC |
		    O_NOCTTY | O_NONBLOCK);
	if (k->hand != -1)
		return 0;
	a->number = (uint64_t)errno;
	return error_set(e, EX_NOINPUT, "%s", strerror(errno));
}

/* name: an agent's; number: the port that it exposes, 0 for its Docker. */
static int
answer_listen(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	(void)a;
	return sockets_listen(k, q, e);
}

/* name: an agent's; number: where at loopback, 0 for any. */
static int
answer_listen_tcp(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	(void)a;
	return sockets_listen_tcp(k, q, e);
}

static int
answer_remove(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	(void)a;
	(void)e;
	sockets_remove(k, q);
	return 0;
}

/* number: which one is known.  Answer: in number another, then in bytes PEM. */
static int
answer_web_certificate(struct keeper *k, const struct message *q,
    struct message *a, struct error *e)
{
	return web_certificate_tell(k, q, a, e);
}

/* bytes: what is to be signed; number: bits of its digest. */
static int
answer_web_sign(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	return web_certificate_sign(k, q, a, e);
}

static int (*const answers[])(struct keeper *k, const struct message *q,
    struct message *a, struct error *e) = {
	[ASK_SIGN] = answer_sign,
	[ASK_KEY] = answer_key,
	[ASK_PASSWORD] = answer_password,
	[ASK_LOGGED_IN] = answer_logged_in,
	[ASK_LEFT] = answer_left,
	[ASK_ENROL] = certify_enrol,
	[ASK_RENEW] = certify_renew,
	[ASK_CHANGES] = answer_changes,
	[ASK_REGISTERED] = answer_registered,
	[ASK_SEEN] = answer_seen,
	[ASK_REVOKED] = answer_revoked,
	[ASK_RELOAD] = answer_reload,
	[ASK_CONFIG] = answer_config,
	[ASK_LISTEN] = answer_listen,
	[ASK_LISTEN_TCP] = answer_listen_tcp,
	[ASK_REMOVE] = answer_remove,
	[ASK_WEB_CERTIFICATE] = answer_web_certificate,
	[ASK_WEB_SIGN] = answer_web_sign
};

int
answer_question(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	if (answers[q->kind] == NULL)
		return error_set(e, EX_DATAERR, "no such question");
	return answers[q->kind](k, q, a, e);
}
