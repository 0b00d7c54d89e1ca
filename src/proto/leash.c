/* SPDX-License-Identifier: ISC */
/*
 * Reads the messages of the leash: protobuf-c takes the bytes apart, and here
 * every value is held against its limits before anybody sees it.
 */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/leash.h"

#include "proto/leash.pb-c.h"	/* made from proto/leash.proto */

#define MEMORY_MAX (1024 * 1024)	/* for one message */
#define HOST_SUFFIX ".orthrus"

/*
 * Bounds the memory that protobuf-c asks for, since the peer decides how much
 * that is.
 */
static void *
bounded_alloc(void *left, size_t size)
{
	if (size > *(size_t *)left)
		return NULL;
	*(size_t *)left -= size;
	return xcalloc(1, size);
}

static void
bounded_free(void *left, void *p)
{
	(void)left;
	free(p);
}

/* --- values: true when they are within their limits --------------- */

static bool
take_text(const ProtobufCBinaryData *from, char *to, size_t size)
{
	if (from->len >= size ||
	    !text_clean((const char *)from->data, from->len))
		return false;
	if (from->len > 0)
		memcpy(to, from->data, from->len);
	to[from->len] = '\0';
	return true;
}

static bool
take_name(const ProtobufCBinaryData *from, char to[NAME_MAX_LEN])
{
	return take_text(from, to, NAME_MAX_LEN) && name_valid(to);
}

/* Exactly n bytes. */
static bool
take_bytes(const ProtobufCBinaryData *from, uint8_t *to, size_t n)
{
	if (from->len != n)
		return false;
	memcpy(to, from->data, n);
	return true;
}

/* The same, or none: *there says which. */
static bool
take_optional(const ProtobufCBinaryData *from, uint8_t *to, size_t n,
    bool *there)
{
	*there = from->len > 0;
	return !*there || take_bytes(from, to, n);
}

static bool
interval_valid(uint32_t ms)
{
	return ms >= LEASH_INTERVAL_MIN && ms <= LEASH_INTERVAL_MAX;
}

/* --- messages: NULL, or what is wrong with them ------------------- */

static const char *
read_ports(const Leash__Hello *from, struct leash_message *m)
{
	struct leash_port *port;
	size_t i, j;

	if (from->n_ports > LEASH_PORTS_MAX)
		return "too many ports";
	for (i = 0; i < from->n_ports; i++) {
		port = &m->hello.ports[i];
		if (from->ports[i]->port < 1 ||
		    from->ports[i]->port > UINT16_MAX)
			return "a port out of range";
		port->port = (uint16_t)from->ports[i]->port;
		for (j = 0; j < i; j++)
			if (m->hello.ports[j].port == port->port)
				return "a port twice";
		if (from->ports[i]->name.len > 0 &&
		    !take_name(&from->ports[i]->name, port->name))
			return "the name of a port is no name";
	}
	m->hello.nports = from->n_ports;
	return NULL;
}

static const char *
read_hello(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__Hello *h = from->hello;
	size_t i;

	if (!take_name(&h->name, m->hello.name))
		return "the agent's name is no name";
	if (!take_text(&h->version, m->hello.version, LEASH_TEXT_MAX) ||
	    !take_text(&h->hostname, m->hello.hostname, LEASH_TEXT_MAX) ||
	    !take_text(&h->os, m->hello.os, LEASH_TEXT_MAX) ||
	    !take_text(&h->arch, m->hello.arch, LEASH_TEXT_MAX) ||
	    !take_text(&h->docker_version, m->hello.docker_version,
	    LEASH_TEXT_MAX) ||
	    !take_text(&h->docker_trouble, m->hello.docker_trouble,
	    LEASH_TEXT_MAX) ||
	    !take_text(&h->key_exchange, m->hello.key_exchange,
	    LEASH_TEXT_MAX) ||
	    !take_text(&h->docker_hosts, m->hello.docker_hosts,
	    LEASH_LIST_MAX) ||
	    !take_text(&h->docker_reveal, m->hello.docker_reveal,
	    LEASH_LIST_MAX) ||
	    !take_text(&h->docker_registries, m->hello.docker_registries,
	    LEASH_LIST_MAX))
		return "a text too long, or not clean";
	if (!take_optional(&h->instance, m->hello.instance,
	    LEASH_INSTANCE_LEN, &m->hello.has_instance))
		return "an instance that has not 16 bytes";
	if (h->n_docker_networks > LEASH_NETWORKS_MAX)
		return "too many networks";
	for (i = 0; i < h->n_docker_networks; i++)
		if (!take_text(&h->docker_networks[i], m->hello.networks[i],
		    LEASH_TEXT_MAX))
			return "a text too long, or not clean";
	m->hello.nnetworks = h->n_docker_networks;
	m->hello.docker = h->docker;
	m->hello.docker_actions = h->docker_actions;
	m->hello.docker_redact = h->docker_redact;
	return read_ports(h, m);
}

static const char *
read_heartbeat(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__Heartbeat *h = from->heartbeat;

	if (!isfinite(h->load) || signbit(h->load))
		return "a load that is no number from 0";
	m->heartbeat.timestamp = h->timestamp;
	m->heartbeat.load = h->load;
	m->heartbeat.memory_used = h->memory_used;
	m->heartbeat.memory_total = h->memory_total;
	return NULL;
}

static const char *
read_renew(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__RenewRequest *r = from->renew_request;

	if (!take_bytes(&r->public_key, m->renew.key, ED25519_KEY_LEN))
		return "a key that has not 32 bytes";
	if (!take_optional(&r->proof, m->renew.proof, ED25519_SIGNATURE_LEN,
	    &m->renew.proven))
		return "a proof that has not 64 bytes";
	return NULL;
}

static const char *
read_welcome(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__Welcome *w = from->welcome;

	if (!interval_valid(w->heartbeat_ms) || !interval_valid(w->timeout_ms))
		return "an interval out of range";
	if (w->renew_before > LEASH_RENEW_BEFORE_MAX)
		return "a time of renewal out of range";
	if (!take_text(&w->version, m->welcome.version, LEASH_TEXT_MAX))
		return "a text too long, or not clean";
	m->welcome.heartbeat_ms = w->heartbeat_ms;
	m->welcome.timeout_ms = w->timeout_ms;
	m->welcome.renew_before = w->renew_before;
	return NULL;
}

static const char *
read_update(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__ConfigUpdate *u = from->config_update;

	if (u->heartbeat_ms != 0 && !interval_valid(u->heartbeat_ms))
		return "an interval out of range";
	if (u->renew_before > LEASH_RENEW_BEFORE_MAX)
		return "a time of renewal out of range";
	m->update.heartbeat_ms = u->heartbeat_ms;
	m->update.renew_before = u->renew_before;
	m->update.actions_closed = u->actions_closed;
	m->update.redact_always = u->redact_always;
	return NULL;
}

static const char *
read_certificate(const ProtobufCBinaryData *certificate,
    const ProtobufCBinaryData *error, const ProtobufCBinaryData *challenge,
    struct leash_message *m)
{
	if (certificate->len > CERT_MAX)
		return "a certificate too long";
	if (!take_text(error, m->certificate.error, LEASH_TEXT_MAX))
		return "a text too long, or not clean";
	if (!take_optional(challenge, m->certificate.challenge, CHALLENGE_LEN,
	    &m->certificate.challenged))
		return "a challenge that has not 32 bytes";
	if (certificate->len > 0 && (error->len > 0 || challenge->len > 0))
		return "a certificate and an error";
	if (certificate->len > 0)
		memcpy(m->certificate.certificate, certificate->data,
		    certificate->len);
	m->certificate.len = certificate->len;
	return NULL;
}

static const char *
read_renewed(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__RenewResponse *r = from->renew_response;

	return read_certificate(&r->certificate, &r->error, &r->challenge, m);
}

static const char *
read_enrolled(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__EnrollResponse *r = from->enroll_response;

	if ((r->certificate.len > 0 || r->name.len > 0 ||
	    r->challenge.len > 0) &&
	    !take_name(&r->name, m->certificate.name))
		return "the agent's name is no name";
	return read_certificate(&r->certificate, &r->error, &r->challenge, m);
}

static const char *
read_drain(const Leash__Envelope *from, struct leash_message *m)
{
	return take_text(&from->drain->reason, m->drain.reason,
	    LEASH_TEXT_MAX) ? NULL : "a text too long, or not clean";
}

static const char *
read_error(const Leash__Envelope *from, struct leash_message *m)
{
	return take_text(&from->error->reason, m->error.reason,
	    LEASH_TEXT_MAX) ? NULL : "a text too long, or not clean";
}

static const char *
read_enroll(const Leash__Envelope *from, struct leash_message *m)
{
	const Leash__EnrollRequest *r = from->enroll_request;

	if (r->name.len > 0 && !take_name(&r->name, m->enroll.name))
		return "the agent's name is no name";
	if (!take_bytes(&r->public_key, m->enroll.key, ED25519_KEY_LEN))
		return "a key that has not 32 bytes";
	if (!take_optional(&r->proof, m->enroll.proof, ED25519_SIGNATURE_LEN,
	    &m->enroll.proven))
		return "a proof that has not 64 bytes";
	return NULL;
}

static const struct {
	Leash__Envelope__KindCase on_wire;
	enum leash_kind kind;
	const char *(*read)(const Leash__Envelope *, struct leash_message *);
} kinds[] = {
	{ LEASH__ENVELOPE__KIND_HELLO, LEASH_HELLO, read_hello },
	{ LEASH__ENVELOPE__KIND_HEARTBEAT, LEASH_HEARTBEAT, read_heartbeat },
	{ LEASH__ENVELOPE__KIND_RENEW_REQUEST, LEASH_RENEW, read_renew },
	{ LEASH__ENVELOPE__KIND_WELCOME, LEASH_WELCOME, read_welcome },
	{ LEASH__ENVELOPE__KIND_CONFIG_UPDATE, LEASH_UPDATE, read_update },
	{ LEASH__ENVELOPE__KIND_RENEW_RESPONSE, LEASH_RENEWED, read_renewed },
	{ LEASH__ENVELOPE__KIND_DRAIN, LEASH_DRAIN, read_drain },
	{ LEASH__ENVELOPE__KIND_ERROR, LEASH_ERROR, read_error },
	{ LEASH__ENVELOPE__KIND_ENROLL_REQUEST, LEASH_ENROLL, read_enroll },
	{ LEASH__ENVELOPE__KIND_ENROLL_RESPONSE, LEASH_ENROLLED,
	    read_enrolled },
};

static const char *
read_envelope(const Leash__Envelope *from, struct leash_message *m)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].on_wire != from->kind_case)
			continue;
		m->kind = kinds[i].kind;
		return kinds[i].read(from, m);
	}
	return NULL;
}

int
leash_decode(const uint8_t *p, size_t n, struct leash_message *m,
    const char **why)
{
	size_t left = MEMORY_MAX;
	ProtobufCAllocator bounded = { bounded_alloc, bounded_free, &left };
	Leash__Envelope *from;

	memset(m, 0, sizeof(*m));
	m->kind = LEASH_UNKNOWN;
	if (n > LEASH_FRAME_MAX) {
		*why = "longer than 64 KiB";
		return -1;
	}
	from = leash__envelope__unpack(&bounded, n, p);
	if (from == NULL) {
		*why = "not a message of the leash, or one of too many parts";
		return -1;
	}
	*why = read_envelope(from, m);
	leash__envelope__free_unpacked(from, &bounded);
	return *why == NULL ? 0 : -1;
}

bool
leash_host(const char *host, char name[NAME_MAX_LEN])
{
	const size_t tail = sizeof(HOST_SUFFIX) - 1;
	size_t len = strlen(host), i;

	if (len > 0 && host[len - 1] == '.')
		len--;
	if (len <= tail || len - tail >= NAME_MAX_LEN ||
	    strncasecmp(host + len - tail, HOST_SUFFIX, tail) != 0)
		return false;
	for (i = 0; i < len - tail; i++)
		name[i] = host[i] >= 'A' && host[i] <= 'Z' ?
		    (char)(host[i] - 'A' + 'a') : host[i];
	name[i] = '\0';
	return name_valid(name);
}
