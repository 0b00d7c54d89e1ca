/* SPDX-License-Identifier: ISC */
/*
 * The commands of the charon program.  Each gets its own argv (argv[0] is the
 * command's name) and returns an exit code of sysexits(3).
 */
#ifndef ORTHRUS_CHARON_COMMANDS_H
#define ORTHRUS_CHARON_COMMANDS_H

int cmd_agent(int argc, char **argv);
int cmd_gateway_check(int argc, char **argv);
int cmd_client(int argc, char **argv);
int cmd_fingerprint(int argc, char **argv);
int cmd_gateway_install(int argc, char **argv);
int cmd_gateway_uninstall(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_gateway_status(int argc, char **argv);
int cmd_snippet(int argc, char **argv);

#endif
