/* SPDX-License-Identifier: ISC */
/* "charon agent": who may keep a session here, and how they begin. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/printed.h"
#include "orthrus/registry/describe.h"

#include "cli.h"
#include "commands.h"

/*
 * Shows a new AUTH_KEY.  The registry has only its hash, so one that cannot be
 * shown is lost.
 */
int
call_show_auth_key(const struct call *c, const struct state *s,
    enum peer_kind kind, struct auth_key *auth)
{
	char text[AUTH_KEY_TEXT_MAX];
	int err;

	memcpy(auth->host_key, s->host_key_hash, sizeof(auth->host_key));
	auth_key_format(auth, text);
	if (c->script)
		script_print(c);
	puts(text);
	sodium_memzero(text, sizeof(text));
	auth_key_wipe(auth);
	if ((err = printed_error()) != 0)
		fprintf(stderr, "charon %s: the AUTH_KEY could not be written: "
		    "%s\n\"charon agent rekey %s\" makes another AUTH_KEY in "
		    "place of the lost one\n", c->command, strerror(err),
		    c->name);
	else if (c->script)
		script_explain(c);
	else
		fprintf(stderr, "This AUTH_KEY enrols once and is shown only "
		    "now.  Keep it in a file or a secret, not on\na command "
		    "line.%s%s%s\n", kind != PEER_AGENT ? "" :
		    "  \"charon snippet ", kind != PEER_AGENT ? "" : c->name,
		    kind != PEER_AGENT ? "" : " --for PLATFORM\" prints what "
		    "to install with it.");
	return err == 0 ? 0 : EX_IOERR;
}

/*
 * Opens the state, and says when it has made a new gateway.  That is what
 * somebody gets who is not the service's user, or does not have its
 * configuration, and the gateway that runs knows nothing of it.
 */
struct state *
call_open(const struct call *c, struct error *e)
{
	struct state *s = call_state(c, true, e);
	bool other = call_misses_machine(c);

	if (s != NULL && s->new_registry)
		fprintf(stderr, "charon %s: made a new gateway in %s%s%s%s\n",
		    c->command, s->directory, other ? "; for the one of this "
		    "machine, in " MACHINE_STATE ", run \"sudo charon " : "",
		    other ? c->command : "", other ? "\"" : "");
	else if (s != NULL && s->new_host_key)
		fprintf(stderr, "charon %s: made a new host key, %s, which no "
		    "agent knows\n", c->command, s->host_key);
	return s;
}

void
call_check_agent(const struct call *c, struct state *s, const char *name)
{
	struct peer p;
	struct error e;

	if (registry_find(s->registry, name, &p, &e) == 1 &&
	    p.kind == PEER_AGENT)
		return;
	fprintf(stderr, "charon %s: warning: no agent called \"%s\" is "
	    "registered; \"charon agent add %s\" does it\n", c->command,
	    name, name);
}

/*
 * Refuses a name with which the path of docker.sock, the longest that an
 * agent's endpoints have, would not fit.
 */
static int
check_room(const struct call *c, struct error *e)
{
	char *path = agent_socket(c->config->runtime, c->name, 0);
	size_t len = strlen(path);

	free(path);
	if (len < UNIX_PATH_MAX_LEN)
		return 0;
	return error_set(e, EX_CONFIG, "the path of its docker.sock below %s "
	    "would have %zu bytes, and a socket's may have %d; choose a "
	    "shorter name, or another [state] runtime", c->config->runtime,
	    len, UNIX_PATH_MAX_LEN - 1);
}

static int
agent_add(const struct call *c)
{
	struct auth_key auth;
	struct state *s = NULL;
	struct error e;
	int code;

	if (script_check(c, &e) == -1 || check_room(c, &e) == -1 ||
	    (s = call_open(c, &e)) == NULL ||
	    registry_add(s->registry, PEER_AGENT, c->name, "", NULL, &auth,
	    &e) == -1)
		code = call_fail(c, &e);
	else
		code = call_show_auth_key(c, s, PEER_AGENT, &auth);
	state_close(s);
	return code;
}

/*
 * Writes the list of revoked keys, for an sshd(8) that uses it.  The gateway
 * needs none.
 */
static int
write_revoked(const struct call *c, struct state *s)
{
	struct error e;

	if (state_write_revoked(s, &e) == 0)
		return 0;
	error_prefix(&e, "done, but an sshd that uses the list of revoked keys "
	    "does not know it");
	return call_fail(c, &e);
}

static int
agent_rekey(const struct call *c)
{
	struct peer p = { .kind = PEER_AGENT };
	struct auth_key auth;
	struct error e;
	struct state *s = call_state(c, false, &e);
	int code, shown;

	if (s == NULL || registry_rekey(s->registry, c->name, &auth, &e) == -1)
		code = call_fail(c, &e);
	else {
		registry_find(s->registry, c->name, &p, NULL);
		shown = call_show_auth_key(c, s, p.kind, &auth);
		code = write_revoked(c, s);
		if (shown != 0)
			code = shown;
	}
	state_close(s);
	return code;
}

/* Was names[i] given before? */
static bool
is_repeated(char *const *names, size_t i)
{
	size_t j;

	for (j = 0; j < i && strcmp(names[j], names[i]) != 0; j++)
		;
	return j < i;
}

/*
 * Removes all that there are, says of each of the others that it is not there,
 * and returns the first one's code: as rm(1) and "docker rm" do, so that one
 * who is gone already keeps nobody else.
 */
int
call_remove(const struct call *c, enum peer_kind kind)
{
	struct error e;
	struct state *s = call_state(c, false, &e);
	int code = s == NULL ? call_fail(c, &e) : 0, rc;
	bool removed = false;
	size_t i;

	for (i = 0; s != NULL && c->names[i] != NULL; i++) {
		if (is_repeated(c->names, i))
			continue;
		rc = 0;
		if (registry_remove(s->registry, kind, c->names[i], &e) == -1)
			rc = call_fail(c, &e);
		removed = removed || rc == 0;
		code = code != 0 ? code : rc;
	}
	if (removed && (rc = write_revoked(c, s)) != 0)
		code = rc;
	state_close(s);
	if (removed)
		call_tell(c);
	return code;
}

static int
agent_remove(const struct call *c)
{
	return call_remove(c, PEER_AGENT);
}

static const struct command commands[] = {
	{ "agent add", "NAME", "register an agent and print its AUTH_KEY",
	    "Registers an agent and prints its AUTH_KEY, with which its "
	    "orthrus enrols once.\nMakes the state directory where there is "
	    "none yet.\nWith --script, a line to run on the agent's host is "
	    "printed before it, which\nasks for the AUTH_KEY.",
	    TAKES_NAME | CHANGES | TAKES_SCRIPT | TAKES_SERVER | TAKES_OFFER,
	    agent_add },
	{ "agent list", "", "show the status of all agents",
	    "Shows all agents: pending until their first session, then online "
	    "or offline.",
	    TAKES_JSON, agent_list },
	{ "agent show", "NAME", "show all that is known of one",
	    "Shows all that is known of one agent, and its endpoints.",
	    TAKES_NAME | TAKES_JSON, agent_show },
	{ "agent port", "NAME PORT|off", "give its Docker a fixed local port",
	    "Has the gateway listen on 127.0.0.1:PORT for the agent's Docker, "
	    "for programs\nthat want tcp://, from now on until its removal; "
	    "off: no more.  Every user of\nthe gateway's machine may use it.",
	    TAKES_NAME | TAKES_PORT, agent_set_port },
	{ "agent rekey", "NAME", "make a new AUTH_KEY; end the old identity",
	    "Prints a new AUTH_KEY.  The old one, and the identity that was "
	    "enrolled with it,\nstop working at once.  NAME may be a client's, "
	    "too, if it enrolled.",
	    TAKES_NAME | CHANGES, agent_rekey },
	{ "agent remove", "NAME...", "forget agents and end their sessions",
	    "Forgets agents, their endpoints and their identities, and ends "
	    "their sessions at\nonce.  A name that is not registered is "
	    "reported, in the exit status too; all\nothers are removed.",
	    TAKES_NAMES, agent_remove },
};

int
cmd_agent(int argc, char **argv)
{
	return group_run("agent", commands,
	    sizeof(commands) / sizeof(commands[0]), argc, argv);
}
