/* SPDX-License-Identifier: ISC */
/* The orthrus program: a table of commands. */
#include "config.h"

#include "orthrus/base/command.h"
#include "orthrus/ssh/outbound.h"

#include "commands.h"

int
main(int argc, char **argv)
{
	static const struct command_row rows[] = {
		{ "connect", cmd_connect, "keep a session to a server, with "
		    "SOCKS5 and forwards" },
		{ "check", cmd_check, "validate the configuration and show "
		    "where each value is from" },
		{ "docker-context", cmd_docker_context, "make a context of the "
		    "docker CLI for an agent" },
		{ "doctor", cmd_doctor, "test what commonly goes wrong, from "
		    "names to the engine" },
		{ "enroll", cmd_enroll, "enrol at a gateway with an AUTH_KEY" },
		{ "install", cmd_install, "make a service of it, and an agent "
		    "of this host" },
		{ "keygen", cmd_keygen, "make an Ed25519 key" },
		{ "muzzle", cmd_muzzle,
		    "filter a Docker socket, as a local proxy" },
		{ "status", cmd_status, "show what the running process does" },
		{ "uninstall", cmd_uninstall, "take away what install has "
		    "written" },
	};
	const struct command_table table = {
		.program = "orthrus", .manual = "orthrus(1)",
		.example = "orthrus connect --name NAME",
		.libraries = ssh_library_text(),
		.rows = rows, .n = sizeof(rows) / sizeof(rows[0]),
		.dials = "connect"
	};

	return command_main(&table, argc, argv);
}
