/* SPDX-License-Identifier: ISC */
/*
 * The leash's and the enrolment's messages (proto/leash.proto), and the names
 * that agents have for SSH clients.  Pure: bytes in, plain structs out.
 * docs/leash.md has the format in prose.
 */
#ifndef ORTHRUS_PROTO_LEASH_H
#define ORTHRUS_PROTO_LEASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orthrus/base/address.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/possession.h"

#define LEASH_SUBSYSTEM "leash@orthrus"
#define ENROLL_SUBSYSTEM "enroll@orthrus"
#define ENROLL_USER "enroll"
/* What a gateway's SSH identification begins with: "SSH-2.0-charon_0.1.0". */
#define LEASH_BANNER "SSH-2.0-charon_"
/* What that of "orthrus" does: "SSH-2.0-orthrus_0.1.0". */
#define LEASH_AGENT_BANNER "SSH-2.0-orthrus"
/* Of an orthrus 0.1, which has no proof of possession: that of its library. */
#define LEASH_OLD_AGENT_BANNER "SSH-2.0-libssh_"
#define LEASH_INSTANCE_LEN 16
/*
 * Descriptions of the gateway's SSH_MSG_DISCONNECT (RFC 4253 section 11.1) to
 * an agent whose place another session has taken: the second when that is of a
 * machine of which this one is the copy, and had better wait.
 */
#define LEASH_DISPLACED "displaced by a newer session of this agent"
#define LEASH_COPY "displaced by the machine of which this is a copy"
#define LEASH_FRAME_MAX (64 * 1024)	/* a message, without its length */
#define LEASH_TEXT_MAX 128		/* with NUL; longer is malformed */
/* Messages that either side may send at once, and each second after that. */
#define LEASH_BURST 40
#define LEASH_RATE 10
#define LEASH_LIST_MAX 1024		/* with NUL, of names */
#define LEASH_PORTS_MAX 64
#define LEASH_NETWORKS_MAX 16
#define LEASH_INTERVAL_MIN 100		/* ms */
#define LEASH_INTERVAL_MAX 3600000
#define LEASH_RENEW_BEFORE_MAX (365 * 24 * 3600)	/* seconds */

enum leash_kind {
	LEASH_UNKNOWN,		/* well-formed, but of no kind known here */
	/* agent to gateway */
	LEASH_HELLO, LEASH_HEARTBEAT, LEASH_RENEW,
	/* gateway to agent */
	LEASH_WELCOME, LEASH_UPDATE, LEASH_RENEWED, LEASH_DRAIN, LEASH_ERROR,
	/* enrolment, in turns */
	LEASH_ENROLL, LEASH_ENROLLED
};

struct leash_port {
	uint16_t port;
	char name[NAME_MAX_LEN];	/* of [expose NAME], or "" */
};

/* Texts are valid UTF-8 without control characters; anything else is malformed. */
struct leash_message {
	enum leash_kind kind;
	union {
		struct {
			char version[LEASH_TEXT_MAX];	/* of orthrus */
			char name[NAME_MAX_LEN];
			char hostname[LEASH_TEXT_MAX];
			char os[LEASH_TEXT_MAX], arch[LEASH_TEXT_MAX];
			char docker_version[LEASH_TEXT_MAX];	/* "" unknown */
			/* Why the engine does not answer, or "". */
			char docker_trouble[LEASH_TEXT_MAX];
			char networks[LEASH_NETWORKS_MAX][LEASH_TEXT_MAX];
			size_t nnetworks;
			struct leash_port ports[LEASH_PORTS_MAX];
			size_t nports;
			/* Random, of the agent's process. */
			uint8_t instance[LEASH_INSTANCE_LEN];
			bool has_instance;
			bool docker;		/* the socket is shared */
			unsigned docker_actions;	/* bits of muzzle/policy.h */
			bool docker_redact;	/* as its owner decided */
			/* Names with commas between, as muzzle/names.h. */
			char docker_hosts[LEASH_LIST_MAX];
			char docker_reveal[LEASH_LIST_MAX];
			char docker_registries[LEASH_LIST_MAX];
			/* Of its session, as the gateway knows it. */
			char key_exchange[LEASH_TEXT_MAX];
		} hello;
		struct {
			uint64_t timestamp;	/* ms since 1970 */
			double load;		/* 1 minute average, >= 0 */
			uint64_t memory_used, memory_total;	/* bytes */
		} heartbeat;
		struct {
			uint8_t key[ED25519_KEY_LEN];
			bool proven;		/* proof was sent; unchecked */
			uint8_t proof[ED25519_SIGNATURE_LEN];
		} renew;
		struct {
			uint32_t heartbeat_ms, timeout_ms;	/* 100 .. 3600000 */
			uint64_t renew_before;	/* seconds before the expiry */
			char version[LEASH_TEXT_MAX];	/* of charon */
		} welcome;
		struct {
			uint32_t heartbeat_ms;	/* 0: as before */
			uint64_t renew_before;	/* 0: as before */
			unsigned actions_closed;	/* bits of muzzle/policy.h */
			bool redact_always;
		} update;
		struct {			/* RENEWED and ENROLLED */
			uint8_t certificate[CERT_MAX];
			size_t len;		/* 0: refused, error says why;
						   else error is "" */
			char error[LEASH_TEXT_MAX];
			/* ENROLLED: as what it is registered, or "" */
			char name[NAME_MAX_LEN];
			bool challenged;	/* no certificate before a
						   proof over this: */
			uint8_t challenge[CHALLENGE_LEN];
		} certificate;
		struct {
			char reason[LEASH_TEXT_MAX];
		} drain, error;
		struct {
			char name[NAME_MAX_LEN];	/* wanted; "": any */
			uint8_t key[ED25519_KEY_LEN];
			bool proven;		/* as of renew */
			uint8_t proof[ED25519_SIGNATURE_LEN];
		} enroll;
	};
};

/*
 * Reads one message of n bytes (without the length in front).  0 (with kind
 * LEASH_UNKNOWN where an unknown message is well-formed), or -1 when it is
 * malformed or a value is out of its limits; *why is then static text.
 * Allocates nothing that lasts, and at most 1 MiB meanwhile.
 */
int leash_decode(const uint8_t *p, size_t n, struct leash_message *m,
    const char **why);

/*
 * Writes *m with its 4 bytes of length in front to out; returns the bytes
 * written, at most 4 + LEASH_FRAME_MAX, which out has room for.
 */
size_t leash_encode(const struct leash_message *m, uint8_t *out);

/*
 * Puts a challenge into an answer that has no certificate, and an error for
 * those who know of no challenges.
 */
void leash_challenge(struct leash_message *m,
    const uint8_t challenge[CHALLENGE_LEN]);

/*
 * "NAME.orthrus" (a final dot and any case are taken, too): copies the name to
 * name and returns true; false for every other host.
 */
bool leash_host(const char *host, char name[NAME_MAX_LEN]);

#endif
