/* SPDX-License-Identifier: ISC */
/*
 * A client's login: with the key of its identity, with those of an ssh-agent,
 * with a password, one after the other; and what is said when none of them is
 * taken.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <libssh/libssh.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"

#include "agent_login.h"
#include "outbound_private.h"

/* The connection ended while we logged in. */
static enum connection_step
login_lost(struct outbound *s)
{
	if (strstr(ssh_get_error(outbound_ssh(s)), "uthentication failures") !=
	    NULL)
		outbound_fail(s, EX_NOPERM, "the server refused user \"%s\": "
		    "too many authentication failures", s->config.server.user);
	else
		outbound_fail_by_libssh(s, "login failed");
	return STEP_FAILED;
}

static void
login_refused(struct outbound *s, bool partial)
{
	const char *user = s->config.server.user;
	char why[512];

	if (s->config.policy.enrolling && !outbound_server_is_gateway(s)) {
		outbound_fail(s, EX_NOPERM, "what answers is an ordinary SSH "
		    "server, which knows no AUTH_KEY%s",
		    s->config.server.port_given ? ": write the port of "
		    "charon (mostly 2222)" : outbound_wrong_port_hint(s));
		return;
	}
	if (s->config.policy.enrolling) {
		outbound_fail(s, EX_NOPERM, "the gateway refused the AUTH_KEY: "
		    "it is used up, or another one took its place; \"charon "
		    "agent rekey NAME\" there makes a new one");
		return;
	}
	if (s->step == PASSWORD)
		strcpy(why, "password");
	else if (s->step == AGENT)
		agent_login_why(s->agent, why, sizeof(why));
	else if (outbound_server_is_gateway(s) &&
	    identity_certificate(s->config.identity) == NULL)
		strcpy(why, "key: no client of that name has it (charon client "
		    "add --key); to log in as an agent, enrol with AUTH_KEY");
	else {
		strcpy(why, "key: ");
		identity_why_refused(s->config.identity, user,
		    outbound_server_is_gateway(s), (uint64_t)time(NULL),
		    why + 5, sizeof(why) - 5);
	}
	outbound_fail(s, EX_NOPERM, "the server refused user \"%s\" with this "
	    "%s%s%s", user, why, partial ? " (it wants a second factor, which "
	    "an agent cannot give)" : "", s->step == LOGIN &&
	    identity_certificate(s->config.identity) != NULL ?
	    outbound_wrong_port_hint(s) : "");
}

/* The next way to log in, where there is one. */
static bool
has_other_login(struct outbound *s)
{
	const uint8_t *only;

	if (s->step == LOGIN && identity_agent(s->config.identity, &only) !=
	    NULL) {
		s->step = AGENT;
		return true;
	}
	if (s->step == PASSWORD || s->config.password == NULL)
		return false;
	s->step = PASSWORD;
	return true;
}

/*
 * What follows from the answer to a login.  STEP_RUN goes on with the next
 * step, if there is one.
 */
static enum connection_step
after_auth(struct outbound *s, int rc)
{
	switch (rc) {
	case SSH_AUTH_AGAIN:
		/* libssh says so for ever when the connection has ended. */
		return ssh_is_connected(outbound_ssh(s)) ? STEP_WAIT :
		    login_lost(s);
	case SSH_AUTH_SUCCESS:
		s->step = UP;
		return STEP_RUN;
	case SSH_AUTH_ERROR:
		return login_lost(s);
	default:
		if (has_other_login(s))
			return STEP_RUN;
		login_refused(s, rc == SSH_AUTH_PARTIAL);
		return STEP_FAILED;
	}
}

static enum connection_step
ask_about_key(struct outbound *s)
{
	enum connection_step step = STEP_FAILED;
	ssh_key key = NULL;
	int rc = SSH_AUTH_SUCCESS;

	if (s->config.identity != NULL) {
		key = identity_public(s->config.identity);
		rc = key == NULL ? SSH_AUTH_ERROR :
		    ssh_userauth_try_publickey(outbound_ssh(s), NULL, key);
	}
	if (rc == SSH_AUTH_SUCCESS)
		outbound_fail(s, EX_OK, "\"%s\" would be let in",
		    s->config.server.user);
	else
		step = after_auth(s, rc);
	ssh_key_free(key);
	return step;
}

enum connection_step
outbound_log_in_with_key(struct outbound *s)
{
	bool elsewhere = s->config.identity != NULL &&
	    identity_key(s->config.identity) == NULL;

	if (s->config.looks && !elsewhere && (outbound_server_is_gateway(s) ||
	    (s->config.identity == NULL && s->config.password == NULL)))
		return ask_about_key(s);
	if (s->config.identity == NULL || elsewhere) {
		if (!has_other_login(s))
			s->step = PASSWORD;
		return STEP_RUN;
	}
	return after_auth(s, ssh_userauth_publickey(outbound_ssh(s), NULL,
	    identity_key(s->config.identity)));
}

static void
on_agent_answer(void *arg)
{
	connection_go_on(((struct outbound *)arg)->connection);
}

/* Who is asked to confirm a signature needs more time than a server does. */
enum connection_step
outbound_log_in_with_agent(struct outbound *s)
{
	bool signed_before = agent_login_signs(s->agent);
	int rc;

	if (s->agent == NULL)
		s->agent = agent_login_new(s->base, s->config.identity,
		    on_agent_answer, s);
	rc = agent_login_step(s->agent, outbound_ssh(s));
	if (agent_login_signs(s->agent) && !signed_before)
		timer_set(s->deadline, AGENT_MS);
	return after_auth(s, rc);
}

enum connection_step
outbound_log_in_with_password(struct outbound *s)
{
	if (!s->password_told && !s->config.policy.enrolling)
		log_warn("logging in with a password: a key is safer (orthrus "
		    "keygen)");
	s->password_told = true;
	return after_auth(s, ssh_userauth_password(outbound_ssh(s), NULL,
	    s->config.password));
}
