/* SPDX-License-Identifier: ISC */
/*
 * Who may log in: agents and clients with a certificate of ours that is in
 * force, clients with the key they were added with, and those who enrol with
 * an AUTH_KEY as their password.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/dial_stdio.h"

#include "gateway.h"

static bool
deny_login(struct gateway *g, struct inbound *in, const char *user,
    const char *why)
{
	char shown[INBOUND_USER_MAX * 4];
	unsigned untold;

	if (!refused(g, REFUSED_LOGIN, &untold))
		return false;
	text_escape(shown, sizeof(shown), user, TEXT_PLAIN);
	log_warn("refused a login as \"%s\" from %s: %s", shown,
	    inbound_peer(in), why);
	if (untold > 0)
		log_warn("refused %u more logins before that", untold);
	return false;
}

/* Does *p say that this key may come, for certificate c or plain? */
static int
judge_key(struct gateway *g, const char *user, const uint8_t *blob, size_t len,
    struct certificate *c, struct peer *p, struct error *e)
{
	uint8_t key[ED25519_KEY_LEN];
	int rc;

	c->serial = 0;
	if (key_blob_read(blob, len, key) == 0) {
		rc = registry_find(g->registry, user, p, e);
		if (rc != 1)
			return rc == -1 ? -1 : error_set(e, EX_NOPERM,
			    "no such agent or client");
		if (p->kind != PEER_CLIENT || !p->has_key)
			return error_set(e, EX_NOPERM, "it must come with a "
			    "certificate");
		if (sodium_memcmp(key, p->key, sizeof(key)) != 0)
			return error_set(e, EX_NOPERM, "not this client's key");
		return 0;
	}
	if (certificate_read(blob, len, c, e) == -1 ||
	    certificate_judge(c, blob, len, (const uint8_t (*)[32])
	    g->ca->accepted, g->ca->naccepted, user, (uint64_t)time(NULL),
	    e) == -1)
		return -1;
	rc = registry_certificate_valid(g->registry, user, c->serial, c->key,
	    p, e);
	return rc == 1 ? 0 : -1;
}

/*
 * What was registered, or revoked, since the last look is known before
 * somebody is let in because of it.
 */
static void
look_at_registry(struct gateway *g)
{
	struct error e;

	if (agents_update(g->agents, &e) == -1)
		log_error("registry: %s", e.text);
}

bool
login_key(void *arg, struct inbound *in, const char *user,
    const uint8_t *blob, size_t len, bool proven)
{
	struct gateway *g = arg;
	static struct peer p;
	char name[NAME_MAX_LEN], wanted[NAME_MAX_LEN];
	enum session_kind kind;
	struct certificate c;
	struct session *s;
	struct error e;

	if (g->stopping)
		return deny_login(g, in, user, "this gateway is stopping");
	if (!dial_stdio_user(user, name, wanted))
		return deny_login(g, in, user,
		    "not the name of an agent or client");
	look_at_registry(g);
	if (judge_key(g, name, blob, len, &c, &p, &e) == -1)
		return deny_login(g, in, user, e.text);
	/* Its session would displace the agent's own. */
	if (p.kind == PEER_AGENT && wanted[0] != '\0')
		return deny_login(g, in, user,
		    "an agent logs in as itself only");
	if (p.kind == PEER_AGENT && !g->enabled)
		return deny_login(g, in, user,
		    "agents are disabled here ([agents] enabled)");
	if (!proven)
		return true;
	kind = p.kind == PEER_AGENT ? SESSION_AGENT : SESSION_CLIENT;
	if (sessions_of(g, kind, p.id) >= SESSIONS_PER_PEER)
		return deny_login(g, in, user, "too many sessions at once");
	s = session_new(g, in, kind);
	memcpy(s->name, p.name, sizeof(s->name));
	memcpy(s->wanted, wanted, sizeof(s->wanted));
	s->id = p.id;
	s->serial = s->newest = c.serial;
	s->valid_before = c.serial != 0 ? c.valid_before : 0;
	s->allow = xstrdup(p.allow);
	return true;
}

bool
login_password(void *arg, struct inbound *in, const char *password)
{
	struct gateway *g = arg;
	struct auth_key auth;
	struct session *s;
	struct error e;
	bool ok;

	if (g->stopping)
		return deny_login(g, in, ENROLL_USER,
		    "this gateway is stopping");
	look_at_registry(g);
	ok = auth_key_parse(password, &auth, &e) == 0 &&
	    registry_auth_key_valid(g->registry, &auth, &e);
	if (ok && sessions_of(g, SESSION_ENROLL, auth.id) >=
	    ENROLMENTS_AT_ONCE)
		ok = error_set(&e, EX_TEMPFAIL, "too many enrolments with "
		    "one AUTH_KEY at once") == 0;
	if (ok) {
		s = session_new(g, in, SESSION_ENROLL);
		s->auth = auth;
		s->id = auth.id;
	}
	auth_key_wipe(&auth);
	return ok || deny_login(g, in, ENROLL_USER, e.text);
}

void
login_turned_away(void *arg, struct inbound *in, const char *why)
{
	char shown[INBOUND_USER_MAX * 4];
	unsigned untold;

	if (!refused(arg, REFUSED_CONNECTION, &untold))
		return;
	text_escape(shown, sizeof(shown), inbound_user(in), TEXT_PLAIN);
	log_info("turned away %s, user \"%s\": %s", inbound_peer(in), shown,
	    why);
	if (untold > 0)
		log_info("turned away %u more before that", untold);
}
