/* SPDX-License-Identifier: ISC */
/* Whether a host's certificate is good for a host (OpenSSH's PROTOCOL.certkeys). */
#ifndef ORTHRUS_SSH_HOST_CERTIFICATE_H
#define ORTHRUS_SSH_HOST_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/error.h"
#include "orthrus/proto/certificate.h"

struct ssh_session_struct;

/*
 * Judges a certificate all but its signature, at now (UNIX seconds): one of a
 * host, whose names (patterns; none at all is any) have this one, within its
 * time, without critical options.  Pure.  0, or -1 with *e (EX_NOPERM), whose
 * text says what "its certificate" is or lacks.
 */
int host_certificate_fits(const struct certificate_parts *c, const char *host,
    uint64_t now, struct error *e);

/*
 * The same with the signature of the authority that it names, of any type but
 * SHA-1 and DSA; whether that authority counts is the caller's to know.  blob
 * is what c was split from.
 */
int host_certificate_judge(struct ssh_session_struct *session,
    const uint8_t *blob, const struct certificate_parts *c, const char *host,
    uint64_t now, struct error *e);

#endif
