/* SPDX-License-Identifier: ISC */
/* What the commands other than "charon serve" have in common. */
#ifndef ORTHRUS_CHARON_CLI_H
#define ORTHRUS_CHARON_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "orthrus/conf/gateway.h"
#include "orthrus/monitor/state.h"

struct json_t;

/* Of --for: the platforms of snippet.h. */
#define SNIPPET_PLATFORMS "compose|systemd|tarball|homebrew|kubernetes"

/* What a command takes beside the options of every command. */
#define TAKES_NAME	0x1		/* and needs it */
#define TAKES_JSON	0x2
#define TAKES_ALLOW	0x4
#define TAKES_KEY	0x8
#define TAKES_FOR	0x10
#define TAKES_SERVER	0x20
#define TAKES_PORT	0x80		/* behind the name */
#define TAKES_KNOWN_HOSTS 0x100
#define TAKES_OFFER	0x400		/* --mode and --ports */
#define TAKES_SCRIPT	0x800
#define TAKES_NAMES	0x200		/* one at least */
/* It changes the registry, and returns when the gateway that runs knows. */
#define CHANGES		0x40

/* One run of a command. */
struct call {
	const char *command;		/* "agent add" */
	const char *name;		/* valid, when the command takes one */
	char *const *names;		/* the same of TAKES_NAMES, till NULL */
	const char *allow, *key, *platform, *server, *port;	/* or NULL */
	const char *known_hosts, *mode, *ports;	/* or NULL */
	bool json, script;
	struct gateway_config *config;
};

struct command {
	const char *name;		/* "agent add", "snippet" */
	const char *synopsis;		/* what follows it */
	const char *help;		/* one line */
	const char *text;		/* more, of --help */
	unsigned takes;
	int (*run)(const struct call *c);
};

/* Reads options and configuration and runs it; returns the exit code. */
int command_run(const struct command *command, int argc, char **argv);
/*
 * Runs in the same way the command of a group, such as "agent", that argv[1]
 * names.
 */
int group_run(const char *group, const struct command *table, size_t n,
    int argc, char **argv);

/* Prints "charon COMMAND: text" and returns the code of *e. */
int call_fail(const struct call *c, const struct error *e);
/*
 * Waits until the gateway that runs, if any, has read the registry: true when
 * it has.
 */
bool call_tell(const struct call *c);
/*
 * As state_open() of the call's configuration.  An ordinary user, whose default
 * directory is below $HOME, is told of the one that root looks after.
 */
struct state *call_state(const struct call *c, bool create, struct error *e);
/*
 * Is there a gateway of the whole machine, and this call of an ordinary user
 * works on another one, for want of a configuration that says so?
 */
bool call_misses_machine(const struct call *c);
#define MACHINE_STATE "/var/lib/charon"
/* Says on standard error that no gateway runs, and what starts one. */
void call_tell_stopped(const struct call *c, const struct state *s);
/* Prints the document for programs, then call_end(). */
int call_print_json(const struct call *c, const struct json_t *json);
/* printed_end() of the command. */
int call_end(const struct call *c);

/*
 * serve_cmd.c: 0, or -1 with *e when root, who would become a user, reads the
 * name of one who does not exist.  The default one may be missing.
 */
int serve_check_user(const struct gateway_config *c, struct error *e);

/* agent_cmd.c: what "charon client" uses as well. */

/*
 * Opens the state for a command that registers somebody.  What is missing is
 * made, and the user is told.
 */
struct state *call_open(const struct call *c, struct error *e);
/*
 * Warns unless name is a registered agent's.  It is no error, for the agent may
 * be added later.
 */
void call_check_agent(const struct call *c, struct state *s,
    const char *name);
int call_show_auth_key(const struct call *c, const struct state *s,
    enum peer_kind kind, struct auth_key *auth);
int call_remove(const struct call *c, enum peer_kind kind);

/* agent_live.c */

/*
 * What the gateway that runs says of the call's agent, or as an object by name
 * of all: a new document, or NULL when it does not run or we may not ask.
 */
struct json_t *live_ask(const struct call *c, const struct state *s);
/* Puts what only it knows of an agent into what the registry knows. */
void live_add(struct json_t *agent, const struct json_t *live);
/* "127.0.0.1:PORT" where its Docker is now, or NULL. */
const char *live_docker_tcp(const struct json_t *live);
/* Prints the lines on its session and link, when it has one. */
void live_print(const struct json_t *live, int64_t now);

/*
 * complete_cmd.c: calls each with the name of each agent, as far as the registry
 * can be read; for a shell to complete.
 */
void complete_agents(void (*each)(const char *name));

/*
 * snippet_cmd.c: where an agent dials this gateway, for the caller to free; or
 * NULL with *e.
 */
char *call_link(const struct call *c, struct error *e);

/*
 * agent_script.c: whether --script and what belongs to it are right, 0 or -1
 * with *e; the line for the agent's host; and what to do with it.
 */
int script_check(const struct call *c, struct error *e);
void script_print(const struct call *c);
void script_explain(const struct call *c);

/* agent_list.c, agent_port.c and agent_show.c */
int agent_list(const struct call *c);
int agent_set_port(const struct call *c);
int agent_show(const struct call *c);

/*
 * A table for people: cells are given one by one, row by row, and escaped.
 * The head is a row, too.
 */
struct table {
	size_t columns, n;
	char **cells;
};
void table_add(struct table *t, const char *text);
void table_print(const struct table *t, FILE *f);
void table_free(struct table *t);

#endif
