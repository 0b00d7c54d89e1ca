/* SPDX-License-Identifier: ISC */
/*
 * What a process and the one that runs its commands tell each other, one
 * datagram each: SSH's data types (RFC 4251 section 5).
 */
#ifndef ORTHRUS_TRANSPORT_COMMAND_PRIVATE_H
#define ORTHRUS_TRANSPORT_COMMAND_PRIVATE_H

#include "orthrus/proto/server.h"

enum command_word {
	COMMAND_RUN = 1,	/* uint64 id, string host, uint32 port, string user */
	COMMAND_END,		/* uint64 id: the command is not needed any more */
	COMMAND_RUNS,		/* uint64 id, uint32 0; its descriptor comes along */
	COMMAND_FAILED,		/* uint64 id, uint32 errno */
	COMMAND_ENDED		/* uint64 id, uint32 status of waitpid(2) */
};

#define COMMAND_ASK_MAX (4 + 8 + 4 + HOST_MAX + 4 + 4 + USER_MAX)
#define COMMAND_ANSWER_LEN (4 + 8 + 4)

/* Runs text whenever it is asked to over fd, until that is at its end. */
void command_serve(int fd, const char *text);

#endif
