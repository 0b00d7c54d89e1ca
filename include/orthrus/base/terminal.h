/* SPDX-License-Identifier: ISC */
/* Asking the person at the terminal for what nobody else may see. */
#ifndef ORTHRUS_BASE_TERMINAL_H
#define ORTHRUS_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* True when this process has a terminal, whatever its standard input is. */
bool terminal_is_there(void);

/*
 * Asks for one line at /dev/tty, without echo, and writes it to text of size
 * bytes for the caller to wipe.  0, or -1 where there is no terminal, the line
 * is too long or the terminal is gone.  A signal that ends or stops the
 * process does so with the terminal as it was; after a stop it asks again.
 * To be called before there are threads and walls.
 */
int terminal_ask(const char *prompt, char *text, size_t size);

#endif
