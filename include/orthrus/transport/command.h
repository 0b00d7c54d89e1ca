/* SPDX-License-Identifier: ISC */
/*
 * A command in place of a connection: what it writes is what the server sends.
 *
 * Behind the walls of confine.h no program can be run.  So a process that is
 * forked before has the command, and runs it when asked for a server; whoever
 * asks can choose neither the command nor what a shell makes of it.
 */
#ifndef ORTHRUS_TRANSPORT_COMMAND_H
#define ORTHRUS_TRANSPORT_COMMAND_H

#include "orthrus/proto/server.h"
#include "orthrus/transport/handshake.h"

struct command;
struct commands;
struct event_base;

/*
 * Forks the process that will run text (proxy_command.h), before there are
 * threads, a loop or walls; in it, forget(arg) wipes what it should not have.
 * NULL with *e (EX_OSERR).
 */
struct commands *commands_new(const char *text, void (*forget)(void *arg),
    void *arg, struct error *e);
/* Hears from the process in this loop, from here on. */
void commands_watch(struct commands *cs, struct event_base *base);
/* True when it is this command that would be run. */
bool commands_are(const struct commands *cs, const char *text);
/*
 * When no command and no transport of one is left: ends the process, and with
 * it whatever still runs, which has a second to end by itself.  NULL is fine.
 */
void commands_free(struct commands *cs);

/*
 * Runs the command for a server, which may take ms milliseconds until it runs.
 * done is called once, and never from inside: its transport ends with the
 * command, whose end is the reason for that, and the command with it.
 */
struct command *command_start(struct commands *cs, const struct server *to,
    uint64_t ms, handshake_done *done, void *arg);
/* Ends it without calling done. */
void command_cancel(struct command *c);

#endif
