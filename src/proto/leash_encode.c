/* SPDX-License-Identifier: ISC */
/* Writes the messages of the leash; they borrow from struct leash_message. */
#include "config.h"

#include <string.h>

#include "orthrus/proto/leash.h"
#include "orthrus/proto/wire.h"

#include "proto/leash.pb-c.h"	/* made from proto/leash.proto */

/*
 * Casts const away, which protobuf-c does not know.  Packing changes nothing.
 */
static ProtobufCBinaryData
bytes_field(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

static ProtobufCBinaryData
text_field(const char *s)
{
	return bytes_field(s, strlen(s));
}

static ProtobufCBinaryData
optional_field(bool there, const void *p, size_t n)
{
	return bytes_field(p, there ? n : 0);
}

static size_t
pack_envelope(Leash__Envelope__KindCase kind, void *message, uint8_t *out)
{
	Leash__Envelope e = LEASH__ENVELOPE__INIT;
	size_t n;

	e.kind_case = kind;
	e.hello = message;	/* every member of the union is a pointer */
	n = leash__envelope__pack(&e, out + 4);
	wire_put_u32(out, (uint32_t)n);
	return 4 + n;
}

static size_t
put_hello(const struct leash_message *m, uint8_t *out)
{
	Leash__Hello h = LEASH__HELLO__INIT;
	Leash__Port ports[LEASH_PORTS_MAX], *pointers[LEASH_PORTS_MAX];
	ProtobufCBinaryData networks[LEASH_NETWORKS_MAX];
	size_t i;

	for (i = 0; i < m->hello.nports; i++) {
		ports[i] = (Leash__Port)LEASH__PORT__INIT;
		ports[i].port = m->hello.ports[i].port;
		ports[i].name = text_field(m->hello.ports[i].name);
		pointers[i] = &ports[i];
	}
	for (i = 0; i < m->hello.nnetworks; i++)
		networks[i] = text_field(m->hello.networks[i]);
	h.version = text_field(m->hello.version);
	h.name = text_field(m->hello.name);
	h.hostname = text_field(m->hello.hostname);
	h.os = text_field(m->hello.os);
	h.arch = text_field(m->hello.arch);
	h.docker_version = text_field(m->hello.docker_version);
	h.docker_trouble = text_field(m->hello.docker_trouble);
	h.instance = optional_field(m->hello.has_instance, m->hello.instance,
	    LEASH_INSTANCE_LEN);
	h.n_docker_networks = m->hello.nnetworks;
	h.docker_networks = networks;
	h.n_ports = m->hello.nports;
	h.ports = pointers;
	h.docker = m->hello.docker;
	h.docker_actions = m->hello.docker_actions;
	h.docker_redact = m->hello.docker_redact;
	h.docker_hosts = text_field(m->hello.docker_hosts);
	h.docker_reveal = text_field(m->hello.docker_reveal);
	h.docker_registries = text_field(m->hello.docker_registries);
	h.key_exchange = text_field(m->hello.key_exchange);
	return pack_envelope(LEASH__ENVELOPE__KIND_HELLO, &h, out);
}

static size_t
put_heartbeat(const struct leash_message *m, uint8_t *out)
{
	Leash__Heartbeat h = LEASH__HEARTBEAT__INIT;

	h.timestamp = m->heartbeat.timestamp;
	h.load = m->heartbeat.load;
	h.memory_used = m->heartbeat.memory_used;
	h.memory_total = m->heartbeat.memory_total;
	return pack_envelope(LEASH__ENVELOPE__KIND_HEARTBEAT, &h, out);
}

static size_t
put_renew(const struct leash_message *m, uint8_t *out)
{
	Leash__RenewRequest r = LEASH__RENEW_REQUEST__INIT;

	r.public_key = bytes_field(m->renew.key, sizeof(m->renew.key));
	r.proof = optional_field(m->renew.proven, m->renew.proof,
	    sizeof(m->renew.proof));
	return pack_envelope(LEASH__ENVELOPE__KIND_RENEW_REQUEST, &r, out);
}

static size_t
put_welcome(const struct leash_message *m, uint8_t *out)
{
	Leash__Welcome w = LEASH__WELCOME__INIT;

	w.heartbeat_ms = m->welcome.heartbeat_ms;
	w.timeout_ms = m->welcome.timeout_ms;
	w.renew_before = m->welcome.renew_before;
	w.version = text_field(m->welcome.version);
	return pack_envelope(LEASH__ENVELOPE__KIND_WELCOME, &w, out);
}

static size_t
put_update(const struct leash_message *m, uint8_t *out)
{
	Leash__ConfigUpdate u = LEASH__CONFIG_UPDATE__INIT;

	u.heartbeat_ms = m->update.heartbeat_ms;
	u.renew_before = m->update.renew_before;
	u.actions_closed = m->update.actions_closed;
	u.redact_always = m->update.redact_always;
	return pack_envelope(LEASH__ENVELOPE__KIND_CONFIG_UPDATE, &u, out);
}

static size_t
put_renewed(const struct leash_message *m, uint8_t *out)
{
	Leash__RenewResponse r = LEASH__RENEW_RESPONSE__INIT;

	r.certificate = bytes_field(m->certificate.certificate,
	    m->certificate.len);
	r.error = text_field(m->certificate.error);
	r.challenge = optional_field(m->certificate.challenged,
	    m->certificate.challenge, sizeof(m->certificate.challenge));
	return pack_envelope(LEASH__ENVELOPE__KIND_RENEW_RESPONSE, &r, out);
}

static size_t
put_drain(const struct leash_message *m, uint8_t *out)
{
	Leash__Drain d = LEASH__DRAIN__INIT;

	d.reason = text_field(m->drain.reason);
	return pack_envelope(LEASH__ENVELOPE__KIND_DRAIN, &d, out);
}

static size_t
put_error(const struct leash_message *m, uint8_t *out)
{
	Leash__Error e = LEASH__ERROR__INIT;

	e.reason = text_field(m->error.reason);
	return pack_envelope(LEASH__ENVELOPE__KIND_ERROR, &e, out);
}

static size_t
put_enroll(const struct leash_message *m, uint8_t *out)
{
	Leash__EnrollRequest r = LEASH__ENROLL_REQUEST__INIT;

	r.name = text_field(m->enroll.name);
	r.public_key = bytes_field(m->enroll.key, sizeof(m->enroll.key));
	r.proof = optional_field(m->enroll.proven, m->enroll.proof,
	    sizeof(m->enroll.proof));
	return pack_envelope(LEASH__ENVELOPE__KIND_ENROLL_REQUEST, &r, out);
}

static size_t
put_enrolled(const struct leash_message *m, uint8_t *out)
{
	Leash__EnrollResponse r = LEASH__ENROLL_RESPONSE__INIT;

	r.certificate = bytes_field(m->certificate.certificate,
	    m->certificate.len);
	r.error = text_field(m->certificate.error);
	r.challenge = optional_field(m->certificate.challenged,
	    m->certificate.challenge, sizeof(m->certificate.challenge));
	r.name = text_field(m->certificate.name);
	return pack_envelope(LEASH__ENVELOPE__KIND_ENROLL_RESPONSE, &r, out);
}

static size_t
put_nothing(const struct leash_message *m, uint8_t *out)
{
	(void)m;
	return pack_envelope(LEASH__ENVELOPE__KIND__NOT_SET, NULL, out);
}

void
leash_challenge(struct leash_message *m, const uint8_t challenge[CHALLENGE_LEN])
{
	m->certificate.challenged = true;
	memcpy(m->certificate.challenge, challenge, CHALLENGE_LEN);
	strcpy(m->certificate.error, "this agent is too old to prove that the "
	    "key is its own; install a newer one");
}

size_t
leash_encode(const struct leash_message *m, uint8_t *out)
{
	static size_t (*const put[])(const struct leash_message *,
	    uint8_t *) = {
		[LEASH_UNKNOWN] = put_nothing,
		[LEASH_HELLO] = put_hello,
		[LEASH_HEARTBEAT] = put_heartbeat,
		[LEASH_RENEW] = put_renew,
		[LEASH_WELCOME] = put_welcome,
		[LEASH_UPDATE] = put_update,
		[LEASH_RENEWED] = put_renewed,
		[LEASH_DRAIN] = put_drain,
		[LEASH_ERROR] = put_error,
		[LEASH_ENROLL] = put_enroll,
		[LEASH_ENROLLED] = put_enrolled,
	};

	return put[m->kind](m, out);
}
