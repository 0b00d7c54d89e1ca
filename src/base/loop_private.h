/* SPDX-License-Identifier: ISC */
/* The watch over the loop, as it is told of turns. */
#ifndef ORTHRUS_BASE_LOOP_PRIVATE_H
#define ORTHRUS_BASE_LOOP_PRIVATE_H

#include "orthrus/base/loop.h"

/* The loop is about to wait. */
void loop_turn_end(void);
/* It has waited. */
void loop_turn_begin(void);

#endif
