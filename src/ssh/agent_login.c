/* SPDX-License-Identifier: ISC */
/*
 * See agent_login.h.  libssh has a client for agents that waits for each answer,
 * which may be a person's.  So it is given a key that was made for nothing, in
 * whose place the agent's is shown (packet_user_key()).  When it signs with that,
 * it fails; the agent is asked for a signature over the same bytes, and the login
 * is begun again, with the signature at hand.
 */
#include "config.h"

#include "agent_login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libssh/libssh.h>

#include "orthrus/base/mem.h"
#include "orthrus/ssh/auth_agent.h"
#include "orthrus/ssh/identity.h"

#include "keygen.h"
#include "packet.h"

struct agent_login {
	struct event_base *base;
	const char *path;
	const uint8_t *only;		/* this key alone; NULL: all */
	void (*go_on)(void *arg);
	void *arg;
	enum { ASK_KEYS, OFFER, LOG_IN, ASKING } state;
	struct auth_agent *agent;
	struct auth_agent_keys keys;
	size_t at, tried;
	ssh_key key;			/* libssh's, made for nothing */
	struct user_key user_key;	/* the one at hand */
	uint8_t *data;			/* what libssh wants to have signed */
	size_t len;
	bool wanted, have_signature;
	uint8_t signature[ED25519_SIGNATURE_LEN];
	char why[128];			/* the agent's failure, or "" */
};

static void
forget_key(struct agent_login *l)
{
	ssh_key_free(l->key);
	l->key = NULL;
	free(l->data);
	l->data = NULL;
	l->len = 0;
	l->wanted = l->have_signature = false;
}

void
agent_login_free(struct agent_login *l)
{
	if (l == NULL)
		return;
	auth_agent_free(l->agent);
	forget_key(l);
	free(l);
}

/* --- the agent's answers ---------------------------------------------- */

static void
agent_failed(struct agent_login *l, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%s", why);
	l->at = l->keys.n;
	l->state = OFFER;
}

/* With one key asked for, the rest are as if they were not there. */
static void
choose_keys(struct agent_login *l)
{
	size_t i;

	for (i = 0; l->only != NULL && i < l->keys.n; i++)
		if (memcmp(l->keys.key[i], l->only, ED25519_KEY_LEN) == 0) {
			memcpy(l->keys.key[0], l->only, ED25519_KEY_LEN);
			l->keys.n = 1;
			return;
		}
	if (l->only != NULL)
		l->keys.n = 0;
}

static void
on_keys(void *arg, const uint8_t *p, size_t n, const char *why)
{
	struct agent_login *l = arg;

	l->state = OFFER;
	if (p == NULL)
		agent_failed(l, why);
	else if (auth_agent_read_keys(p, n, &l->keys) == -1)
		agent_failed(l, "it does not tell its keys");
	else
		choose_keys(l);
	auth_agent_free(l->agent);
	l->agent = NULL;
	l->go_on(l->arg);
}

static void
on_signature(void *arg, const uint8_t *p, size_t n, const char *why)
{
	struct agent_login *l = arg;

	l->state = LOG_IN;
	if (p == NULL)
		agent_failed(l, why);
	else if (auth_agent_read_signature(p, n, l->signature) == -1)
		agent_failed(l, "it does not sign (was that refused, or is it "
		    "locked?)");
	else
		l->have_signature = true;
	auth_agent_free(l->agent);
	l->agent = NULL;
	l->go_on(l->arg);
}

/* --- libssh's side ---------------------------------------------------- */

/* A signature that is at hand, or a note of what it is to be of. */
static bool
sign_for_libssh(void *arg, const uint8_t *p, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN])
{
	struct agent_login *l = arg;

	if (l->have_signature && len == l->len &&
	    memcmp(p, l->data, len) == 0) {
		memcpy(signature, l->signature, ED25519_SIGNATURE_LEN);
		return true;
	}
	free(l->data);
	l->data = xcalloc(len + 1, 1);
	memcpy(l->data, p, len);
	l->len = len;
	l->wanted = true;
	return false;
}

struct agent_login *
agent_login_new(struct event_base *base, const struct identity *identity,
    void (*go_on)(void *arg), void *arg)
{
	struct agent_login *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->path = identity_agent(identity, &l->only);
	l->go_on = go_on;
	l->arg = arg;
	l->user_key.sign = sign_for_libssh;
	l->user_key.arg = l;
	return l;
}

static int
next_key(struct agent_login *l, int rc)
{
	forget_key(l);
	l->at++;
	l->state = OFFER;
	return rc;
}

/* Whether the server would take the key, before anybody is asked to sign. */
static int
offer_key(struct agent_login *l, ssh_session ssh)
{
	int rc;

	if (l->at >= l->keys.n)
		return SSH_AUTH_DENIED;
	if (l->key == NULL) {
		l->tried++;
		if (keygen_ed25519(&l->key) != SSH_OK)
			return next_key(l, SSH_AUTH_DENIED);
		l->user_key.given = l->key;
		key_blob_write(l->keys.key[l->at], l->user_key.blob);
	}
	packet_user_key(&l->user_key);
	rc = ssh_userauth_try_publickey(ssh, NULL, l->key);
	packet_user_key(NULL);
	if (rc == SSH_AUTH_SUCCESS)
		l->state = LOG_IN;
	return rc == SSH_AUTH_AGAIN || rc == SSH_AUTH_SUCCESS ||
	    rc == SSH_AUTH_ERROR ? rc : next_key(l, rc);
}

static int
log_in(struct agent_login *l, ssh_session ssh)
{
	uint8_t *question;
	size_t len;
	int rc;

	packet_user_key(&l->user_key);
	rc = ssh_userauth_publickey(ssh, NULL, l->key);
	packet_user_key(NULL);
	if (!l->wanted)
		return rc == SSH_AUTH_AGAIN || rc == SSH_AUTH_SUCCESS ||
		    rc == SSH_AUTH_ERROR ? rc : next_key(l, rc);
	l->wanted = l->have_signature = false;
	question = auth_agent_ask_signature(l->keys.key[l->at], l->data,
	    l->len, &len);
	l->agent = auth_agent_ask(l->base, l->path, question, len,
	    on_signature, l);
	free(question);
	l->state = ASKING;
	return SSH_AUTH_AGAIN;
}

static int
ask_keys(struct agent_login *l)
{
	uint8_t question[AUTH_AGENT_LIST_LEN];

	auth_agent_ask_keys(question);
	l->agent = auth_agent_ask(l->base, l->path, question,
	    sizeof(question), on_keys, l);
	l->state = ASKING;
	return SSH_AUTH_AGAIN;
}

int
agent_login_step(struct agent_login *l, struct ssh_session_struct *ssh)
{
	bool last;
	int rc;

	do {
		last = l->at + 1 >= l->keys.n;
		switch (l->state) {
		case ASK_KEYS:
			rc = ask_keys(l);
			break;
		case OFFER:
			rc = offer_key(l, ssh);
			break;
		case LOG_IN:
			rc = log_in(l, ssh);
			break;
		default:
			rc = SSH_AUTH_AGAIN;
		}
	} while ((l->state == LOG_IN && rc == SSH_AUTH_SUCCESS &&
	    !l->have_signature) || ((rc == SSH_AUTH_DENIED ||
	    rc == SSH_AUTH_PARTIAL) && !last));
	return rc;
}

bool
agent_login_signs(const struct agent_login *l)
{
	return l != NULL && l->state == ASKING && l->key != NULL;
}

void
agent_login_why(const struct agent_login *l, char *text, size_t size)
{
	if (l->why[0] != '\0')
		snprintf(text, size, "ssh-agent, for %s (SSH_AUTH_SOCK): %s",
		    l->path, l->why);
	else if (l->tried == 0)
		snprintf(text, size, "ssh-agent, which has %s; add it with "
		    "ssh-add", l->only != NULL ? "not the identity's key" :
		    "no Ed25519 key");
	else
		snprintf(text, size, "ssh-agent: none of its %zu Ed25519 keys "
		    "serves; the public half of one must be in that user's "
		    "authorized_keys (ssh-add -L shows them)", l->tried);
}
