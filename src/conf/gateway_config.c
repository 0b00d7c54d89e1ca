/* SPDX-License-Identifier: ISC */
/* charon's configuration: loaded, checked as a whole, and freed. */
#include <stdlib.h>

#include "gateway_private.h"

void
clear_gateway(void *config)
{
	struct gateway_config *c = config;

	free(c->user);
	free(c->state);
	free(c->runtime);
	free(c->host_key);
	free(c->tls_listen);
	free(c->certificate);
	free(c->key);
	free(c->base_url);
	free(c->sums);
	free(c->egress);
}

/*
 * The value of [agents] low must be less than that of high; whichever was
 * given is blamed, as a default cannot be wrong by itself.
 */
static void
check_order(struct loader *l, const char *low, uint64_t low_value,
    const char *high, uint64_t high_value)
{
	const struct setting *less = setting_find(l->c, "agents", low);
	const struct setting *more = setting_find(l->c, "agents", high);
	struct error e;

	if (less == NULL || more == NULL || low_value < high_value)
		return;
	if (more->origin == FROM_DEFAULT) {
		error_set(&e, EX_CONFIG, "%s must be less than %s, %s; make "
		    "that longer too", less->value, high, more->value);
		loader_blame(l, less, &e);
	} else {
		error_set(&e, EX_CONFIG, "%s must be more than %s, %s",
		    more->value, low, less->value);
		loader_blame(l, more, &e);
	}
}

/* The n-th address that TLS listens on. */
static const struct setting *
tls_listen_at(const struct loader *l, size_t n)
{
	return setting_nth(l->c, keyword_by_key(&program_charon, "tls",
	    "listen"), n);
}

/* Each can be listened on once, but what SSH has is shared with it. */
static void
check_tls_listen(struct loader *l, const struct gateway_config *c)
{
	struct error e;
	size_t i, j;

	for (i = 0; i < c->ntls_listen; i++) {
		for (j = 0; j < i && !address_equal(&c->tls_listen[i],
		    &c->tls_listen[j]); j++)
			;
		if (j == i && !address_equal(&c->tls_listen[i],
		    &c->http_listen))
			continue;
		error_set(&e, EX_CONFIG, "%s is listened on already%s",
		    tls_listen_at(l, i)->value, j == i ? " by [http]" :
		    ", write it once");
		loader_blame(l, tls_listen_at(l, i), &e);
	}
}

/* Both files, or none, which does where a web server stands in front. */
static void
check_certificate(struct loader *l, const struct gateway_config *c)
{
	const struct setting *certificate =
	    setting_find(l->c, "tls", "certificate");
	const struct setting *key = setting_find(l->c, "tls", "key");
	struct error e;
	size_t i;

	if (certificate != NULL && !loader_given(l, "tls", "key")) {
		error_set(&e, EX_CONFIG, "needs its private key: write \"key = "
		    "FILE\" in [tls] as well");
		loader_blame(l, certificate, &e);
	} else if (key != NULL && !loader_given(l, "tls", "certificate")) {
		error_set(&e, EX_CONFIG, "needs its certificate: write "
		    "\"certificate = FILE\" in [tls] as well");
		loader_blame(l, key, &e);
	} else if (!loader_given(l, "tls", "certificate")) {
		for (i = 0; i < c->ntls_listen; i++)
			if (!address_is_local(&c->tls_listen[i]))
				break;
		if (i == c->ntls_listen)
			return;
		error_set(&e, EX_CONFIG, "%s is beyond loopback and needs a "
		    "certificate: write \"certificate = FILE\" and \"key = "
		    "FILE\" in [tls] as well", tls_listen_at(l, i)->value);
		loader_blame(l, tls_listen_at(l, i), &e);
	}
}

struct gateway_config *
gateway_config_load(int argc, char **argv, void (*report)(void *arg,
    const char *line), void *arg, int *code)
{
	const struct gateway_config *c;
	struct loader l;

	loader_begin(&l, &program_charon, argc, argv);
	c = (const struct gateway_config *)l.c;		/* whose head it is */
	check_order(&l, "heartbeat", c->heartbeat, "timeout", c->timeout);
	check_order(&l, "renew_before", c->renew_before,
	    "certificate_lifetime", c->certificate_lifetime);
	check_tls_listen(&l, c);
	check_certificate(&l, c);
	return loader_end(&l, report, arg, code);
}

void
gateway_config_free(struct gateway_config *c)
{
	if (c != NULL)
		head_free(&c->head);
}

void
gateway_config_print(const struct gateway_config *c, FILE *f)
{
	head_print(&c->head, f);
}

void
gateway_config_complete(void)
{
	head_complete(&program_charon);
}

void
gateway_config_usage(FILE *f)
{
	usage_options(&program_charon, "options of every command", f);
	usage_origins(&program_charon, f);
}
