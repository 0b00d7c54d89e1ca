/* SPDX-License-Identifier: ISC */
/* What a configuration has to log in with, the person at the terminal included. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/terminal.h"
#include "orthrus/ssh/auth_agent.h"
#include "orthrus/ssh/identity.h"

#include "orthrus.h"

#define PASSPHRASE_MAX 1024

static bool
is_empty(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] == '\0';
}

/* As ssh(1): an empty line gives up. */
static char *
ask_passphrase(void *arg, const char *path, bool again)
{
	char word[PASSPHRASE_MAX], *prompt, *copy = NULL;

	(void)arg;
	prompt = xasprintf("%s '%s': ", again ? "Bad passphrase, try again "
	    "for key" : "Enter passphrase for key", path);
	if (terminal_ask(prompt, word, sizeof(word)) == 0 && word[0] != '\0')
		copy = xstrdup(word);
	sodium_memzero(word, sizeof(word));
	free(prompt);
	return copy;
}

/* The socket of the person's ssh-agent, or NULL. */
static const char *
agent_socket(void)
{
	const char *path = getenv("SSH_AUTH_SOCK");

	return path != NULL && path[0] == '/' ? path : NULL;
}

/* Without a file all keys of the agent serve, when there is one. */
static struct identity *
agent_with_keys(const struct config *c, const char *agent, struct error *e)
{
	struct auth_agent_keys keys;
	struct error why;

	error_set(e, EX_CONFIG, "there is no identity %s; make one with "
	    "\"orthrus keygen -o %s\", or, at a gateway, set AUTH_KEY",
	    c->identity, c->identity);
	if (auth_agent_keys_now(agent, &keys, &why) == -1)
		error_set(e, EX_CONFIG, "%s (%s)", e->text, why.text);
	else if (keys.n == 0)
		error_set(e, EX_CONFIG, "%s (the ssh-agent has no Ed25519 key; "
		    "ssh-add adds one)", e->text);
	else
		return identity_of_agent(agent, NULL);
	return NULL;
}

static struct identity *
agent_instead(const struct config *c, const char *agent, bool now,
    struct error *e)
{
	struct identity *id = now ? agent_with_keys(c, agent, e) :
	    identity_of_agent(agent, NULL);

	if (id != NULL)
		log_info("there is no identity %s: logging in with the Ed25519 "
		    "keys of the ssh-agent", c->identity);
	return id;
}

/*
 * As with ssh(1), the agent has what a passphrase hides in the file, or the
 * other half of a public key.
 */
static struct identity *
agent_for_file(const struct config *c, const char *agent, bool now)
{
	uint8_t key[ED25519_KEY_LEN];
	struct auth_agent_keys keys;
	struct error e;
	size_t i;

	if (!identity_public_half(c->identity, key))
		return NULL;
	if (!now)
		return identity_of_agent(agent, key);
	if (auth_agent_keys_now(agent, &keys, &e) == -1) {
		log_warn("%s", e.text);
		return NULL;
	}
	for (i = 0; i < keys.n; i++)
		if (memcmp(keys.key[i], key, sizeof(key)) == 0)
			return identity_of_agent(agent, key);
	return NULL;
}

/* now: the agent may be waited for. */
static struct identity *
load_identity(const struct config *c, bool ask, bool now, struct error *e)
{
	const struct identity_asks file = { NULL, NULL, c->certificate };
	const struct identity_asks person = { ask_passphrase, NULL,
	    c->certificate };
	const char *agent = agent_socket();
	struct identity *id;

	if (agent != NULL && access(c->identity, F_OK) == -1)
		return agent_instead(c, agent, now, e);
	id = identity_open(c->identity, &file, e);
	if (id == NULL && agent != NULL)
		id = agent_for_file(c, agent, now);
	if (id == NULL && ask && terminal_is_there() &&
	    identity_is_sealed(c->identity))
		id = identity_open(c->identity, &person, e);
	/* What a gateway has issued is meant, and nothing else. */
	else if (id != NULL && agent != NULL && identity_key(id) != NULL &&
	    identity_certificate(id) == NULL && config_identity_is_default(c))
		identity_add_agent(id, agent);
	return id;
}

static struct identity *
load_or_say_why(const struct config *c, bool ask, bool now, struct error *e)
{
	struct identity *id = load_identity(c, ask, now, e);

	/*
	 * Docker Compose sets a variable to nothing when the variable behind it
	 * was forgotten.  Then that is why the identity is missing.
	 */
	if (id == NULL && access(c->identity, F_OK) == -1 &&
	    (is_empty("AUTH_KEY") || is_empty("AUTH_KEY_FILE")))
		error_set(e, e->code, "%s (%s is set, but empty)", e->text,
		    is_empty("AUTH_KEY") ? "AUTH_KEY" : "AUTH_KEY_FILE");
	return id;
}

struct identity *
orthrus_load_identity(const struct config *c, bool ask, struct error *e)
{
	return load_or_say_why(c, ask, true, e);
}

static bool
is_loadable(const char *path)
{
	struct identity *id = identity_load(path, NULL);
	bool good = id != NULL;

	identity_free(id);
	return good;
}

/*
 * A person who has opened it once is not asked again.  Nor is the agent whether
 * it has the key, while everything else would wait: the next login does that.
 */
static struct identity *
identity_again(const struct orthrus *a, const struct config *c)
{
	struct identity *id = a == NULL ? NULL : a->identity;

	if (id == NULL || strcmp(a->config->identity, c->identity) != 0)
		return NULL;
	return identity_was_sealed(id) || (identity_key(id) == NULL &&
	    !is_loadable(c->identity)) ? identity_ref(id) : NULL;
}

int
orthrus_load_credentials(const struct config *c, const struct orthrus *present,
    struct identity **id, char **password, struct error *e)
{
	*id = NULL;
	*password = NULL;
	if (c->password_file != NULL) {
		if ((*password = secret_load(c->password_file, e)) == NULL)
			return -1;
		if (access(c->identity, F_OK) == -1)
			return 0;
	}
	if ((*id = identity_again(present, c)) != NULL ||
	    (*id = load_or_say_why(c, present == NULL, present == NULL, e)) !=
	    NULL)
		return 0;
	config_blame(c, "server", "identity", e);
	secret_free(*password);
	*password = NULL;
	return -1;
}

void
orthrus_forget_credentials(struct orthrus *a)
{
	identity_free(a->identity);
	secret_free(a->password);
	a->identity = NULL;
	a->password = NULL;
}
