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
gateway_config_usage(FILE *f)
{
	usage_options(&program_charon, "options of every command", f);
	usage_origins(&program_charon, f);
}
