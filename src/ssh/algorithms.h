/* SPDX-License-Identifier: ISC */
/*
 * What both sides of a connection offer.  Modern algorithms only: Ed25519 for
 * both keys, of a host with a certificate or without, X25519, authenticated
 * encryption.  RSA host keys and old ciphers are not negotiable down to.
 */
#ifndef ORTHRUS_SSH_ALGORITHMS_H
#define ORTHRUS_SSH_ALGORITHMS_H

struct ssh_bind_struct;
struct ssh_session_struct;

/* As a client, and as a server.  0, or -1 when libssh refuses one of them. */
int algorithms_offer(struct ssh_session_struct *session);
int algorithms_serve(struct ssh_bind_struct *bind);

#endif
