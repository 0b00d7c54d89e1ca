/* SPDX-License-Identifier: ISC */
/*
 * A transport as awkward as its hooks allow: it reads more than it gives, takes
 * few bytes at once, and keeps some of them until it is asked again.
 */
#ifndef ORTHRUS_TESTS_AWKWARD_TRANSPORT_H
#define ORTHRUS_TESTS_AWKWARD_TRANSPORT_H

#include "orthrus/transport/transport.h"

struct transport *transport_awkward(int fd);

#endif
