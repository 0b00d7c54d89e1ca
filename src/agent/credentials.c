/* SPDX-License-Identifier: ISC */
/* What a configuration has to log in with, the person at the terminal included. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/terminal.h"
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
	explicit_bzero(word, sizeof(word));
	free(prompt);
	return copy;
}

struct identity *
orthrus_load_identity(const struct config *c, bool ask, struct error *e)
{
	static const struct identity_asks person = { ask_passphrase, NULL };
	struct identity *id = identity_open(c->identity,
	    ask && terminal_is_there() ? &person : NULL, e);

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

/* A person who has opened it once is not asked again. */
static struct identity *
identity_again(const struct orthrus *a, const struct config *c)
{
	return a != NULL && identity_was_sealed(a->identity) &&
	    strcmp(a->config->identity, c->identity) == 0 ?
	    identity_ref(a->identity) : NULL;
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
	    (*id = orthrus_load_identity(c, present == NULL, e)) != NULL)
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
