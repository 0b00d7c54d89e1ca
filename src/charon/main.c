/* SPDX-License-Identifier: ISC */
/* The charon program: a table of commands. */
#include "config.h"

#include "orthrus/base/command.h"
#include "orthrus/registry/registry.h"
#include "orthrus/ssh/outbound.h"

#include "cli.h"
#include "commands.h"

int
main(int argc, char **argv)
{
	static const struct command_row rows[] = {
		{ "serve", cmd_serve, "run the gateway" },
		{ "check", cmd_gateway_check, "validate the configuration and "
		    "show where each value is from" },
		{ "fingerprint", cmd_fingerprint, "show the host key, for "
		    "orthrus and ssh" },
		{ "agent", cmd_agent,
		    "add, list, show, rekey and remove agents" },
		{ "client", cmd_client,
		    "add, allow, list and remove people and programs" },
		{ "install", cmd_gateway_install, "make a service of it, and a "
		    "gateway of this machine" },
		{ "snippet", cmd_snippet,
		    "print what to install on an agent's host" },
		{ "status", cmd_gateway_status,
		    "tell whether the gateway runs and answers" },
		{ "uninstall", cmd_gateway_uninstall, "take away what install "
		    "has written" },
	};
	static const struct command_instead instead[] = {
		{ "list", "agent list" }, { "ls", "agent list" },
		{ "ps", "agent list" }, { "health", "status" },
		{ "show", "agent show" }, { "rekey", "agent rekey" },
		{ "allow", "client allow" }, { NULL, NULL }
	};
	const struct command_table table = {
		.program = "charon", .manual = "charon(8)",
		.example = "charon agent list --config FILE",
		.libraries = ssh_library_text(),
		.database = registry_library_text(),
		.rows = rows, .n = sizeof(rows) / sizeof(rows[0]),
		.instead = instead, .names = complete_agents
	};

	return command_main(&table, argc, argv);
}
