/* SPDX-License-Identifier: ISC */
/* Names what was given in the place of a private Ed25519 key. */
#ifndef ORTHRUS_PROTO_PRIVATE_KIND_H
#define ORTHRUS_PROTO_PRIVATE_KIND_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"

/* By the text of a file, the blob of a public half, OpenSSL's name.  All -1. */
int private_kind_refuse(const char *text, size_t len, struct error *e);
int private_kind_refuse_blob(const uint8_t *blob, size_t len, struct error *e);
int private_kind_refuse_name(const char *name, struct error *e);

#endif
