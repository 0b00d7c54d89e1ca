/* SPDX-License-Identifier: ISC */
/*
 * What this machine knows by a name: ports of services, and "~", as a shell
 * and ssh(1) have them.
 */
#ifndef ORTHRUS_BASE_WELL_KNOWN_H
#define ORTHRUS_BASE_WELL_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The TCP port that s names: decimal 1..65535 (0 too when zero_ok), or a
 * service of services(5), such as "ssh".  A name that was found once is known
 * from then on, since whoever is confined may not be able to look it up again.
 * 0, or -1; *port is then untouched.
 */
int port_word_parse(const char *s, size_t len, bool zero_ok, uint16_t *port);

/*
 * Where "~" is: $HOME, else what passwd(5) says; "" in the place of "/".  Never
 * NULL; the caller frees.
 */
char *home_directory(void);

/*
 * For the caller to free: path with the home directory in the place of the '~'
 * of "~/", or a copy of it.
 */
char *home_expand(const char *path);

#endif
