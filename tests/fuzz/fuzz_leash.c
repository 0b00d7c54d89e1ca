/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a message of the leash: what is taken is within its limits, and
 * written anew it reads back as the same.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/text.h"
#include "orthrus/proto/leash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_text(const char *text, size_t size)
{
	check(memchr(text, '\0', size) != NULL);
	check(text_clean(text, strlen(text)));
}

static void
check_hello(const struct leash_message *m)
{
	size_t i, j;

	check(name_valid(m->hello.name));
	check_text(m->hello.version, LEASH_TEXT_MAX);
	check_text(m->hello.hostname, LEASH_TEXT_MAX);
	check_text(m->hello.os, LEASH_TEXT_MAX);
	check_text(m->hello.arch, LEASH_TEXT_MAX);
	check_text(m->hello.docker_version, LEASH_TEXT_MAX);
	check_text(m->hello.docker_hosts, LEASH_LIST_MAX);
	check_text(m->hello.docker_trouble, LEASH_TEXT_MAX);
	check_text(m->hello.docker_reveal, LEASH_LIST_MAX);
	check_text(m->hello.docker_registries, LEASH_LIST_MAX);
	check_text(m->hello.key_exchange, LEASH_TEXT_MAX);
	check(m->hello.nnetworks <= LEASH_NETWORKS_MAX);
	for (i = 0; i < m->hello.nnetworks; i++)
		check_text(m->hello.networks[i], LEASH_TEXT_MAX);
	check(m->hello.nports <= LEASH_PORTS_MAX);
	for (i = 0; i < m->hello.nports; i++) {
		check(m->hello.ports[i].port != 0);
		check(m->hello.ports[i].name[0] == '\0' ||
		    name_valid(m->hello.ports[i].name));
		for (j = 0; j < i; j++)
			check(m->hello.ports[i].port !=
			    m->hello.ports[j].port);
	}
}

static void
check_interval(uint32_t ms)
{
	check(ms >= LEASH_INTERVAL_MIN && ms <= LEASH_INTERVAL_MAX);
}

static void
check_message(const struct leash_message *m)
{
	switch (m->kind) {
	case LEASH_HELLO:
		check_hello(m);
		break;
	case LEASH_HEARTBEAT:
		check(isfinite(m->heartbeat.load) && m->heartbeat.load >= 0);
		break;
	case LEASH_WELCOME:
		check_interval(m->welcome.heartbeat_ms);
		check_interval(m->welcome.timeout_ms);
		check(m->welcome.renew_before <= LEASH_RENEW_BEFORE_MAX);
		check_text(m->welcome.version, LEASH_TEXT_MAX);
		break;
	case LEASH_UPDATE:
		if (m->update.heartbeat_ms != 0)
			check_interval(m->update.heartbeat_ms);
		check(m->update.renew_before <= LEASH_RENEW_BEFORE_MAX);
		break;
	case LEASH_ENROLLED:
	case LEASH_RENEWED:
		if (m->kind == LEASH_ENROLLED && (m->certificate.len > 0 ||
		    m->certificate.challenged ||
		    m->certificate.name[0] != '\0'))
			check(name_valid(m->certificate.name));
		check(m->certificate.len <= CERT_MAX);
		check_text(m->certificate.error, LEASH_TEXT_MAX);
		check(m->certificate.len == 0 ||
		    (m->certificate.error[0] == '\0' &&
		    !m->certificate.challenged));
		break;
	case LEASH_DRAIN:
		check_text(m->drain.reason, LEASH_TEXT_MAX);
		break;
	case LEASH_ERROR:
		check_text(m->error.reason, LEASH_TEXT_MAX);
		break;
	case LEASH_ENROLL:
		check(m->enroll.name[0] == '\0' || name_valid(m->enroll.name));
		break;
	case LEASH_RENEW:
	case LEASH_UNKNOWN:
		break;
	}
}

static void
fuzz_host(const uint8_t *data, size_t size)
{
	char *host = malloc(size + 1), name[NAME_MAX_LEN];

	check(host != NULL);
	if (size > 0)
		memcpy(host, data, size);
	host[size] = '\0';
	if (leash_host(host, name))
		check(name_valid(name));
	free(host);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct leash_message m, again;
	static uint8_t frame[4 + LEASH_FRAME_MAX];
	const char *why = NULL;
	size_t n;

	fuzz_host(data, size);
	if (leash_decode(data, size, &m, &why) == -1) {
		check(why != NULL && *why != '\0');
		return 0;
	}
	check_message(&m);
	n = leash_encode(&m, frame);
	check(n >= 4 && n <= sizeof(frame));
	check(leash_decode(frame + 4, n - 4, &again, &why) == 0);
	check(memcmp(&m, &again, sizeof(m)) == 0);
	return 0;
}
