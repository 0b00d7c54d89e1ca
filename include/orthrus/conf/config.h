/* SPDX-License-Identifier: ISC */
/*
 * The configuration of "orthrus connect": one keyword table feeds it from
 * options, environment, the ini file and defaults, in that order of
 * precedence.
 */
#ifndef ORTHRUS_CONF_CONFIG_H
#define ORTHRUS_CONF_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "orthrus/base/address.h"
#include "orthrus/base/log.h"
#include "orthrus/conf/head.h"
#include "orthrus/muzzle/policy.h"
#include "orthrus/proto/proxy_url.h"
#include "orthrus/proto/server.h"
#include "orthrus/proto/spec.h"

/* A forward as configured; its section or place names it. */
struct forward_conf {
	char name[NAME_MAX_LEN];	/* "[forward NAME]", else "L1", "R2" ... */
	char words[SPEC_TEXT_MAX];	/* as it was written */
	struct forward_spec spec;
};

struct config {
	struct config_head head;	/* first of all */
	char name[NAME_MAX_LEN];

	struct server *servers;		/* user filled in for each */
	size_t nservers;
	uint16_t port;			/* of -p, already in servers; or 0 */
	char *tls_ca;			/* path; NULL: the system's */
	char *tls_name;			/* NULL: the server's host */
	struct proxies proxies;		/* in front of servers, if any */
	char *proxy_password_file;	/* path that it is from, or NULL */
	char *proxy_command;		/* in place of a connection, or NULL */
	enum server_preference prefer;	/* of several servers */
	uint64_t resume;		/* ms that a session waits; 0: none */
	char *ssh_config;		/* path, or NULL */
	char **ssh_files;		/* paths of what was read of it */
	size_t nssh_files;
	/* "FILE:LINE KEYWORD, ...", the first few lines not taken, or NULL. */
	char *ssh_untaken;
	size_t nssh_untaken;
	char *identity;			/* path */
	char *certificate;		/* path, or NULL: beside the identity */
	char **known_hosts;		/* paths, the first one is written to */
	size_t nknown_hosts;
	char **host_keys;		/* "SHA256:..." */
	size_t nhost_keys;
	bool accept_new;
	char *password_file;		/* path, or NULL */
	char *auth_key;			/* to enrol with; wiped; or NULL */
	char *auth_key_file;		/* path that it is from, or NULL */
	char *auth_key_trouble;		/* why it is not, or NULL */

	bool socks5;			/* wanted at all */
	bool socks5_default;		/* only by default: a taken port is a warning */
	struct address socks5_listen;
	char *socks5_username;		/* or NULL */
	char *socks5_password_file;	/* path, or NULL */

	struct forward_conf *local, *remote;
	size_t nlocal, nremote;
	/* Ports offered: spec.to; the number is that of spec.to.port. */
	struct forward_conf *exposed;
	size_t nexposed;

	bool docker;			/* share the Docker socket */
	char *docker_socket;		/* path, even when not shared */
	bool docker_auto;		/* the server's kind says where ... */
	struct address docker_remote;	/* ... else there; it listens */
	struct policy docker_policy;	/* with these lists */
	char *docker_hosts, *docker_reveal, *docker_registries;

	uint64_t backoff_min, backoff_max;	/* milliseconds */
	bool reconnect;

	struct address stdio;		/* of -W; kind ADDRESS_NONE: without */
	struct address control;
	enum log_level log_level;
	enum log_format log_format;
};

/*
 * Builds the effective configuration.  argv[0] is skipped; "--config" among
 * the options (or ORTHRUS_CONFIG) names the file, else the first default one
 * that exists is read.  getenv(3) is the environment.  Every error found is
 * reported through report (arg passed on), one line each, in the order of
 * option, environment, file; a line of the file starts "FILE:LINE: ".
 * Returns a config to free with config_free(), or NULL with *code set to
 * EX_USAGE (an option that is wrong by itself) or EX_CONFIG (environment, file,
 * or values that cannot be together).
 */
struct config *config_load(int argc, char **argv,
    void (*report)(void *arg, const char *line), void *arg, int *code);

/*
 * As config_load(), but look() is shown what there is when all values have
 * been read, right or wrong; an error that it finds (-1 with *e) is one of
 * server.identity and is reported with the others.
 */
struct config *config_check(int argc, char **argv,
    int (*look)(const struct config *c, struct error *e),
    void (*report)(void *arg, const char *line), void *arg, int *code);

void config_free(struct config *c);

/* Wipes auth_key of c, when it has served. */
void config_forget_auth_key(struct config *c);
/* True when nobody chose the name: it is this host's. */
bool config_name_is_default(const struct config *c);
/* The same of the identity's path. */
bool config_identity_is_default(const struct config *c);

/*
 * Prints "section.key = value  # origin" for every setting, secrets masked,
 * origin being "option --name", "environment NAME", "FILE:LINE" or "default".
 */
void config_print(const struct config *c, FILE *f);

/*
 * One sentence on what of --ssh-config was not taken, for the caller to free;
 * NULL when all was.
 */
char *config_untaken(const struct config *c);

/*
 * Puts where the value of section.key comes from before the text of *e, for
 * an error that only showed when the value was used.
 */
void config_blame(const struct config *c, const char *section, const char *key,
    struct error *e);

/*
 * Checks what the file system must give: identity readable and private and
 * an Ed25519 key is left to the ssh layer; here secret files are refused when
 * others can read them.  Reads a secret's first line from path into a string
 * that the caller wipes with secret_free().  NULL with *e (EX_CONFIG).
 */
char *secret_load(const char *path, struct error *e);

/*
 * The directories of the contract's section 2.1: systemd's STATE_DIRECTORY
 * and RUNTIME_DIRECTORY win, then root's /var/lib/orthrus and /run/orthrus,
 * then XDG's ($XDG_STATE_HOME or ~/.local/state)/orthrus and
 * ($XDG_RUNTIME_DIR or /tmp/orthrus-UID)/orthrus.  The caller frees.
 */
char *state_directory(void);
char *runtime_directory(void);

/* The options that "connect" takes, one line each, for --help. */
void config_usage(FILE *f);
/* The same for a shell to complete (complete.h). */
void config_complete(void);

#endif
