/* SPDX-License-Identifier: ISC */
/*
 * Messages of an authentication agent, ssh-agent(1): draft-ietf-sshm-ssh-agent,
 * of Ed25519 keys only.  Pure.
 */
#ifndef ORTHRUS_PROTO_AUTH_AGENT_H
#define ORTHRUS_PROTO_AUTH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "orthrus/proto/certificate.h"

#define AUTH_AGENT_MESSAGE_MAX (256 * 1024)	/* as ssh(1) takes */
#define AUTH_AGENT_KEYS_MAX 64
#define AUTH_AGENT_LIST_LEN 5

/* Ed25519 keys that an agent has; of the rest only how many. */
struct auth_agent_keys {
	uint8_t key[AUTH_AGENT_KEYS_MAX][ED25519_KEY_LEN];
	size_t n;
	size_t others;
};

/* The question for the keys, with its length in front: AUTH_AGENT_LIST_LEN. */
void auth_agent_ask_keys(uint8_t out[AUTH_AGENT_LIST_LEN]);

/*
 * Reads the answer, len bytes without the length in front.  Certificates and
 * keys of other types count as others, as do keys beyond the first
 * AUTH_AGENT_KEYS_MAX.  0, or -1: it is no such answer.
 */
int auth_agent_read_keys(const uint8_t *p, size_t len,
    struct auth_agent_keys *keys);

/*
 * The question for a signature by key over n bytes, with its length in front,
 * for the caller to free; *len is its length.
 */
uint8_t *auth_agent_ask_signature(const uint8_t key[ED25519_KEY_LEN],
    const uint8_t *data, size_t n, size_t *len);

/* Reads the answer.  0, or -1: the agent did not sign. */
int auth_agent_read_signature(const uint8_t *p, size_t len,
    uint8_t signature[ED25519_SIGNATURE_LEN]);

#endif
