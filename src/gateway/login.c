/* SPDX-License-Identifier: ISC */
/*
 * Who may log in.  The monitor knows; what is refused beyond that has to do
 * with who is here already.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/monitor/ask.h"
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
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "login_refused",
	    .peer = inbound_peer(in), .reason = why),
	    "refused a login as \"%s\" from %s: %s", shown,
	    inbound_peer(in), why);
	if (untold > 0)
		log_warn("refused %u more logins before that", untold);
	return false;
}

bool
login_key(void *arg, struct inbound *in, const char *user,
    const uint8_t *blob, size_t len, bool proven)
{
	struct gateway *g = arg;
	static struct peer p;
	char name[NAME_MAX_LEN], wanted[NAME_MAX_LEN];
	enum session_kind kind;
	struct session *s;
	struct error e;
	const uint8_t *request;
	uint64_t serial;
	struct ask_look look;
	int rc;

	(void)blob;		/* it is in the request */
	if (g->stopping)
		return deny_login(g, in, user, "this gateway is stopping");
	if (!dial_stdio_user(user, name, wanted))
		return deny_login(g, in, user,
		    "not the name of an agent or client");
	request = inbound_request(in, &len);
	rc = ask_key(g->monitor, inbound_number(in), request, len, &p, &serial,
	    &look, &e);
	if (look.changed)
		chores_soon(g);
	if (rc == -1)
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
	sessions_make_room(g, kind, p.id);
	if (sessions_of(g, kind, p.id) >= SESSIONS_PER_PEER)
		return deny_login(g, in, user, "too many sessions at once");
	if (kind == SESSION_AGENT)
		agents_know(g->agents, &p, look.position);
	s = session_new(g, in, kind, p.id);
	s->position = look.position;
	memcpy(s->name, p.name, sizeof(s->name));
	memcpy(s->wanted, wanted, sizeof(s->wanted));
	s->serial = serial;
	s->allow = xstrdup(p.allow);
	return true;
}

bool
login_password(void *arg, struct inbound *in, const char *password)
{
	struct gateway *g = arg;
	struct ask_look look;
	struct error e;
	uint64_t id;
	int rc;

	if (g->stopping)
		return deny_login(g, in, ENROLL_USER,
		    "this gateway is stopping");
	rc = ask_password(g->monitor, inbound_number(in), password, &id,
	    &look, &e);
	if (look.changed)
		chores_soon(g);
	if (rc == 0 && sessions_of(g, SESSION_ENROLL, id) >=
	    ENROLMENTS_AT_ONCE)
		rc = error_set(&e, EX_TEMPFAIL, "too many enrolments with one "
		    "AUTH_KEY at once");
	if (rc == -1)
		return deny_login(g, in, ENROLL_USER, e.text);
	session_new(g, in, SESSION_ENROLL, id)->position = look.position;
	return true;
}

bool
login_sign(void *arg, struct inbound *in, const uint8_t *hash, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN])
{
	struct gateway *g = arg;
	struct error e;

	if (ask_sign(g->monitor, inbound_number(in), hash, len, signature,
	    &e) == 0)
		return true;
	log_event(LEVEL_ERROR, LOG_FIELDS(.event = "login_failed",
	    .peer = inbound_peer(in), .reason = e.text, .code = e.code),
	    "no login for %s, for the host key cannot be used: %s",
	    inbound_peer(in), e.text);
	return false;
}

void
login_left(void *arg, struct inbound *in)
{
	struct gateway *g = arg;

	ask_left(g->monitor, inbound_number(in));
}

static void
tell_turned_away(struct gateway *g, const char *peer, const char *user,
    const char *why)
{
	unsigned untold;

	if (!refused(g, REFUSED_CONNECTION, &untold))
		return;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "turned_away", .peer = peer,
	    .reason = why), "turned away %s, user \"%s\": %s", peer, user,
	    why);
	if (untold > 0)
		log_info("turned away %u more before that", untold);
}

void
login_turned_away(void *arg, struct inbound *in, const char *why)
{
	char shown[INBOUND_USER_MAX * 4];

	text_escape(shown, sizeof(shown), inbound_user(in), TEXT_PLAIN);
	tell_turned_away(arg, inbound_peer(in), shown, why);
}

void
login_kept_out(void *arg, const char *peer, const char *why)
{
	tell_turned_away(arg, peer, "", why);
}

void
login_penalised(void *arg, const char *peer, uint64_t ms)
{
	unsigned untold;

	if (!refused(arg, REFUSED_SOURCE, &untold))
		return;
	log_event(LEVEL_WARN, LOG_FIELDS(.event = "source_refused",
	    .peer = peer), "refusing connections from %s for %u s or more: too "
	    "many brought no login", peer, (unsigned)(ms / 1000));
	if (untold > 0)
		log_warn("refusing those from %u more since then", untold);
}
