/* SPDX-License-Identifier: ISC */
/*
 * The commands of the orthrus program.  Each gets its own argv (argv[0] is
 * the command's name) and returns an exit code of the contract.
 */
#ifndef ORTHRUS_AGENT_COMMANDS_H
#define ORTHRUS_AGENT_COMMANDS_H

int cmd_connect(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_docker_context(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_enroll(int argc, char **argv);
int cmd_install(int argc, char **argv);
int cmd_uninstall(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_muzzle(int argc, char **argv);
int cmd_status(int argc, char **argv);

#endif
