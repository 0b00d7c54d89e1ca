/* SPDX-License-Identifier: ISC */
/*
 * The configuration of charon, the gateway: charon.ini and defaults, read by
 * the same machinery as that of "orthrus connect".
 */
#ifndef ORTHRUS_CONF_GATEWAY_H
#define ORTHRUS_CONF_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "orthrus/base/address.h"
#include "orthrus/base/log.h"
#include "orthrus/conf/head.h"
#include "orthrus/proto/egress.h"

struct gateway_config {
	struct config_head head;	/* first of all */
	char *user;			/* that root becomes */
	bool user_given;		/* it is not just the default */
	char *state, *runtime;		/* directories, absolute */
	struct address ssh_listen;	/* TCP */
	char *host_key;			/* path of the private key */
	struct address *tls_listen;	/* TCP, or Unix */
	size_t ntls_listen;
	char *certificate, *key;	/* paths of TLS's; both, or NULL */
	uint64_t max_unauthenticated;	/* connections without a login */
	uint64_t per_source;		/* of them from one address; 0: any */
	uint64_t penalty;		/* ms at most, 0: none */
	struct address http_listen;	/* Unix or loopback, or ADDRESS_NONE */
	uint64_t heartbeat, timeout;	/* milliseconds, heartbeat < timeout */
	uint64_t certificate_lifetime;	/* seconds */
	uint64_t renew_before;		/* seconds, less than the lifetime */
	bool docker_tcp, enabled;
	bool old_agents;		/* certified without a proof */
	uint64_t resume;		/* ms without a link; 0: it ends */
	uint64_t resume_memory;		/* bytes, of all sessions */
	struct egress_rule *egress;	/* for egress_allows() */
	size_t negress;
	uint64_t streams;		/* of one agent or client, at once */
	uint64_t memory;		/* bytes of the whole; 0: auto */
	char *base_url;			/* of releases, without a / behind; or NULL */
	char *sums;			/* path of their SHA256SUMS, or NULL */
	enum log_level log_level;
	enum log_format log_format;
};

/*
 * As config_load(): from the options (argv[0] is skipped), the environment,
 * the file they name or /etc/charon/charon.ini where that exists, and
 * defaults.  Errors are reported in the same way, and so is the exit code.
 */
struct gateway_config *gateway_config_load(int argc, char **argv,
    void (*report)(void *arg, const char *line), void *arg, int *code);
void gateway_config_free(struct gateway_config *c);

/* As config_print(). */
void gateway_config_print(const struct gateway_config *c, FILE *f);

/* The options that every command takes, for --help. */
void gateway_config_usage(FILE *f);
/* The same for a shell to complete (complete.h). */
void gateway_config_complete(void);

#endif
