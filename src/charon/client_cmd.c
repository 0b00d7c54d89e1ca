/* SPDX-License-Identifier: ISC */
/* "charon client": people and programs that dial in, and what they may. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/file.h"
#include "orthrus/base/shown.h"
#include "orthrus/registry/describe.h"

#include "commands.h"
#include "listing.h"

#define KEY_FILE_MAX (16 * 1024)

/* Reads one public key, as ssh-keygen(1) writes it. */
static int
read_client_key(const char *path, uint8_t key[ED25519_KEY_LEN], struct error *e)
{
	char *text = file_read(path, KEY_FILE_MAX, NULL, NULL);
	int r;

	if (text == NULL && errno == ENOENT &&
	    strncmp(path, KEY_TYPE_NAME " ", strlen(KEY_TYPE_NAME " ")) == 0)
		return error_set(e, EX_USAGE, "--key: this is a key itself; "
		    "put its line in a file, and give that one's name");
	if (text == NULL)
		return error_set(e, EX_NOINPUT, "--key: cannot read %s: %s",
		    path, errno == ENXIO ? "not a regular file" :
		    strerror(errno));
	if ((r = key_line_read(text, key, e)) == -1)
		error_prefix(e, "--key: %s", path);
	free(text);
	return r;
}

/*
 * Warns of the agents in a list that are not registered, once each: at its
 * first item.
 */
static void
check_agents(const struct call *c, struct state *s, const char *list)
{
	char name[NAME_MAX_LEN], item[NAME_MAX_LEN + 2];
	const char *p = list, *colon;

	for (;;) {
		colon = p + strcspn(p, ":,");
		if (*colon == ':') {
			snprintf(name, sizeof(name), "%.*s", (int)(colon - p),
			    p);
			snprintf(item, sizeof(item), ",%s:", name);
			if (strncmp(list, item + 1, strlen(item + 1)) == 0 ?
			    p == list : strstr(list, item) + 1 == p)
				call_check_agent(c, s, name);
		}
		p = colon + strcspn(colon, ",");
		if (*p++ == '\0')
			return;
	}
}

static int
read_allow(const struct call *c, char list[ALLOW_MAX], struct error *e)
{
	if (c->allow == NULL)
		return error_set(e, EX_USAGE, "--allow LIST is missing: what "
		    "may %s reach?", c->name);
	if (allow_parse(c->allow, list, e) == 0)
		return 0;
	error_prefix(e, "--allow");
	return -1;
}

/* What a person does next; a program has nothing to read. */
static void
explain_key(const struct call *c)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "%s logs in with that key, at [ssh] listen.  \"charon "
	    "fingerprint --known-hosts HOST\"\nprints the line for %s's "
	    "known_hosts; charon(8) has the ssh and docker lines.\n", c->name,
	    c->name);
}

/*
 * A client with a key of its own gets no AUTH_KEY; any other enrols with one,
 * like an agent.
 */
static int
client_add(const struct call *c)
{
	uint8_t key[ED25519_KEY_LEN];
	char list[ALLOW_MAX];
	struct state *s = NULL;
	struct auth_key auth;
	struct error e;
	int code;

	if (read_allow(c, list, &e) == -1)
		return call_fail(c, &e);
	if ((c->key != NULL && read_client_key(c->key, key, &e) == -1) ||
	    (s = call_open(c, &e)) == NULL ||
	    registry_add(s->registry, PEER_CLIENT, c->name, list,
	    c->key != NULL ? key : NULL, &auth, &e) == -1)
		code = call_fail(c, &e);
	else {
		check_agents(c, s, list);
		if (c->key != NULL)
			explain_key(c);
		code = c->key != NULL ? 0 :
		    call_show_auth_key(c, s, PEER_CLIENT, &auth);
	}
	state_close(s);
	return code;
}

static int
client_allow(const struct call *c)
{
	char list[ALLOW_MAX];
	struct state *s = NULL;
	struct error e;
	int code = 0;

	if (read_allow(c, list, &e) == -1 ||
	    (s = call_state(c, false, &e)) == NULL ||
	    registry_set_allow(s->registry, c->name, list, &e) == -1)
		code = call_fail(c, &e);
	else
		check_agents(c, s, list);
	state_close(s);
	return code;
}

static void
client_row(struct listing *l, const struct peer *p)
{
	char text[SHOWN_TEXT_MAX];

	table_add(&l->table, p->name);
	table_add(&l->table, p->has_key ? "key" : p->enrolled ?
	    "certificate" : "AUTH_KEY");
	table_add(&l->table, shown_moment(p->created, l->now, text));
	table_add(&l->table, p->allow);
}

static json_t *
client_object(const struct listing *l, const struct peer *p)
{
	(void)l;
	return client_json(p);
}

static int
client_list(const struct call *c)
{
	static const char *const head[] = { "NAME", "LOGIN", "REGISTERED",
	    "ALLOW" };
	static const struct listing_kind clients = {
		.peers = PEER_CLIENT,
		.head = head, .columns = sizeof(head) / sizeof(head[0]),
		.row = client_row, .json = client_object,
		.none = "There are no clients; \"charon client add NAME "
		    "--allow LIST\" registers one."
	};

	return listing_run(c, &clients);
}

static int
client_remove(const struct call *c)
{
	return call_remove(c, PEER_CLIENT);
}

static const struct command commands[] = {
	{ "client add", "NAME --allow LIST [--key FILE.pub]",
	    "register a person or program that dials in",
	    "Registers who may log in as NAME and reach what the list holds: "
	    "exposed ports of\nagents, their Docker sockets, both, or, with "
	    "egress, what the gateway lets out.\nWith --key it logs in with "
	    "that key; without, an AUTH_KEY is printed, with which\nan orthrus "
	    "enrols once.",
	    TAKES_NAME | TAKES_ALLOW | TAKES_KEY | CHANGES, client_add },
	{ "client allow", "NAME --allow LIST", "change what a client may reach",
	    "Puts another list in place of what NAME may reach.  Its sessions "
	    "stay; what they\nopen from now on is held against the new "
	    "list.",
	    TAKES_NAME | TAKES_ALLOW | CHANGES, client_allow },
	{ "client list", "", "show all clients",
	    "Shows all clients, how they log in and what they may reach.",
	    TAKES_JSON, client_list },
	{ "client remove", "NAME...", "forget clients and end their sessions",
	    "Forgets clients and their identities, and ends their sessions at "
	    "once.  A name\nthat is not registered is reported, in the exit "
	    "status too; all others are\nremoved.",
	    TAKES_NAMES, client_remove },
};

int
cmd_client(int argc, char **argv)
{
	return group_run("client", commands,
	    sizeof(commands) / sizeof(commands[0]), argc, argv);
}
