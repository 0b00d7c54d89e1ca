/* SPDX-License-Identifier: ISC */
/* Which addresses are this machine's own, as its kernel routes. */
#ifndef ORTHRUS_TRANSPORT_OWN_H
#define ORTHRUS_TRANSPORT_OWN_H

#include <stdbool.h>

struct sockaddr;

/*
 * True when a packet to that address would stay here: it is one of any of our
 * interfaces, or one that is routed to us, or a broadcast or anycast address.
 * Asks the kernel (rtnetlink(7)), which answers at once.  True as well when it
 * does not answer that.
 */
bool address_is_own(const struct sockaddr *sa);

#endif
