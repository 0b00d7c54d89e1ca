/* SPDX-License-Identifier: ISC */
/*
 * What libssh's ssh_buffer_pack() does, past the --wrap that packet.c puts in
 * its way.
 */
#ifndef ORTHRUS_SSH_PACK_H
#define ORTHRUS_SSH_PACK_H

#include <stdarg.h>

struct ssh_buffer_struct;

/*
 * Appends what format and ap say to buffer, ap as _ssh_buffer_pack() gets it,
 * libssh's canary at its end.  Returns SSH_OK or SSH_ERROR; buffer may then
 * hold a part.
 */
int pack_for_libssh(struct ssh_buffer_struct *buffer, const char *format,
    va_list ap);

#endif
