/* SPDX-License-Identifier: ISC */
/* See host.h: uname(2), the load, the configuration, the engine. */
#include "config.h"

#include "host.h"

#include <sys/utsname.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/os.h"
#include "orthrus/base/text.h"
#include "orthrus/muzzle/names.h"

#include "orthrus.h"

/*
 * Leaves out a text that is too long or not clean: the gateway would refuse the
 * message because of it.
 */
static void
set_hello_text(char to[LEASH_TEXT_MAX], const char *s)
{
	size_t n = strlen(s);

	if (n < LEASH_TEXT_MAX && text_clean(s, n))
		memcpy(to, s, n + 1);
}

static void
set_hello_list(char to[LEASH_LIST_MAX], const char *list)
{
	_Static_assert(NAMES_MAX <= LEASH_LIST_MAX, "it has room");
	if (list != NULL)
		strcpy(to, list);
}

static void
add_hello_engine(void *arg, const struct tunnel_info *t)
{
	struct leash_message *m = arg;
	const struct muzzle_facts *f = t->docker.facts;
	size_t i;

	if (t->kind != TUNNEL_DOCKER)
		return;
	m->hello.docker = true;
	set_hello_text(m->hello.docker_version, f->version);
	set_hello_text(m->hello.docker_trouble, t->docker.why);
	for (i = 0; i < f->nnetworks && i < LEASH_NETWORKS_MAX; i++)
		set_hello_text(m->hello.networks[i], f->networks[i]);
	m->hello.nnetworks = i;
}

void
host_hello(const struct orthrus *a, struct leash_message *m)
{
	const struct config *c = a->config;
	const char *label;
	struct utsname un;
	char host[256] = "";
	struct link_info info;
	size_t i;

	set_hello_text(m->hello.version, PACKAGE_VERSION);
	link_info(a->link, &info);
	if (name_valid(info.server->user))
		strcpy(m->hello.name, info.server->user);
	memcpy(m->hello.instance, a->instance, sizeof(a->instance));
	m->hello.has_instance = true;
	gethostname(host, sizeof(host) - 1);
	set_hello_text(m->hello.hostname, host);
	if (uname(&un) == 0) {
		set_hello_text(m->hello.os, un.sysname);
		set_hello_text(m->hello.arch, un.machine);
	}
	for (i = 0; i < c->nexposed && i < LEASH_PORTS_MAX; i++) {
		label = c->exposed[i].name;
		m->hello.ports[i].port = c->exposed[i].spec.to.port;
		if (name_valid(label))	/* "E1" is no name of the user's */
			strcpy(m->hello.ports[i].name, label);
	}
	m->hello.nports = i;
	tunnels_each(a->tunnels, add_hello_engine, m);
	m->hello.docker_actions = c->docker_policy.actions;
	m->hello.docker_redact = c->docker_policy.redact;
	set_hello_list(m->hello.docker_hosts, c->docker_policy.hosts);
	set_hello_list(m->hello.docker_reveal, c->docker_policy.reveal);
	set_hello_list(m->hello.docker_registries, c->docker_policy.registries);
}

void
host_heartbeat(struct leash_message *m)
{
	struct timespec now;
	struct os_load load;

	m->kind = LEASH_HEARTBEAT;
	clock_gettime(CLOCK_REALTIME, &now);
	m->heartbeat.timestamp = (uint64_t)now.tv_sec * 1000 +
	    (uint64_t)now.tv_nsec / 1000000;
	os_load(&load);
	m->heartbeat.load = load.load;
	m->heartbeat.memory_total = load.memory_total;
	m->heartbeat.memory_used = load.memory_used;
}
