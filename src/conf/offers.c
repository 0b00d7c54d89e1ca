/* SPDX-License-Identifier: ISC */
/*
 * What a gateway is offered (the Docker socket, ports), and the key to enrol
 * there with: the variables that an agent is installed with.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/well_known.h"
#include "orthrus/proto/auth_key.h"
#include "orthrus/proto/leash.h"

/* --- values ------------------------------------------------------- */

/*
 * Reads what is offered: a port, of another host, too.  A Unix socket is
 * refused, since it has no port number.
 */
static int
parse_target(const char *text, struct address *to, struct error *e)
{
	uint16_t port;

	if (address_parse(text, false, to, e) == -1)
		return -1;
	if (to->kind == ADDRESS_UNIX)
		return error_set(e, EX_CONFIG, "\"%s\" has no port number, "
		    "which is what a service is known by at the gateway; write "
		    "PORT or HOST:PORT", text);
	if (strcmp(to->host, "*") == 0)
		return error_set(e, EX_CONFIG, "\"%s\" is no place to connect "
		    "to; write PORT or HOST:PORT", text);
	if (port_word_parse(text, strlen(text), false, &port) == 0)
		strcpy(to->host, "127.0.0.1");
	return 0;
}

int
set_expose(void *config, struct setting *s, struct error *e)
{
	struct config *c = config;
	char text[ADDRESS_TEXT_MAX];
	/* A server that is no gateway listens on a port of its loopback. */
	struct forward_spec spec = { .listen = { .kind = ADDRESS_TCP,
	    .host = "localhost" } };

	if (parse_target(s->value, &spec.to, e) == -1)
		return -1;
	forward_add(&c->exposed, &c->nexposed, 'E', s, &spec,
	    address_format(&spec.to, text));
	return 0;
}

int
set_mode(void *config, struct setting *s, struct error *e)
{
	(void)config;
	if (strcmp(s->value, "socket") == 0 || strcmp(s->value, "port") == 0)
		return 0;
	return error_set(e, EX_CONFIG, "\"%s\": expected socket, port, or "
	    "socket,port", s->value);
}

/* Puts the key into its field, and leaves no copy of it anywhere else. */
static int
take_auth_key(struct config *c, const char *text, struct error *e)
{
	struct auth_key key;

	if (auth_key_parse(text, &key, e) == -1)
		return -1;
	auth_key_wipe(&key);
	secret_free(c->auth_key);
	c->auth_key = xstrdup(text);
	return 0;
}

int
set_auth_key(void *config, struct setting *s, struct error *e)
{
	int r = take_auth_key(config, s->value, e);

	secret_free(s->value);
	s->value = xstrdup("***");
	return r;
}

/* --- together ----------------------------------------------------- */

static bool
in_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0';
}

static void
fail_mode(struct loader *l, const char *variable, const char *word)
{
	struct error e;

	error_set(&e, EX_CONFIG, "environment %s: it is set, but ORTHRUS_MODE "
	    "does not say \"%s\", so that nothing would come of it; add that "
	    "word there, or leave %s out", variable, word, variable);
	loader_fail(l, FROM_ENVIRONMENT, 0, e.text);
}

/*
 * Where ORTHRUS_MODE is set, the environment shares what it says and no more.
 */
static void
check_mode(struct loader *l)
{
	const struct setting *port = setting_plain(l->c, "mode", "port");
	const struct setting *sock = setting_plain(l->c, "mode", "socket");
	struct error e;

	if (port == NULL && sock == NULL)
		return;
	if (port == NULL && in_environment("ORTHRUS_PORTS"))
		fail_mode(l, "ORTHRUS_PORTS", "port");
	if (sock == NULL && in_environment("ORTHRUS_DOCKER_SOCKET"))
		fail_mode(l, "ORTHRUS_DOCKER_SOCKET", "socket");
	if (port != NULL && !loader_given(l, "expose", "to")) {
		error_set(&e, EX_CONFIG, "\"port\", but there is no port to "
		    "offer; set ORTHRUS_PORTS (9100, or 9100,8080 ...), or "
		    "give --expose");
		loader_blame(l, port, &e);
	}
}

static void
check_exposed(struct loader *l)
{
	const struct keyword *kw = keyword_by_key(&program_orthrus, "expose",
	    "to");
	const struct config *c = loader_config(l);
	char where[ORIGIN_TEXT_MAX];
	struct error e;
	size_t i, j;

	for (i = 1; i < c->nexposed; i++) {
		for (j = 0; j < i && c->exposed[j].spec.to.port !=
		    c->exposed[i].spec.to.port; j++)
			;
		if (j == i && i != LEASH_PORTS_MAX)
			continue;
		if (j < i)
			error_set(&e, EX_CONFIG, "port %u is offered already "
			    "by %s (%s); a number can lead to one place only",
			    (unsigned)c->exposed[i].spec.to.port,
			    c->exposed[j].name, origin_text(l->c,
			    setting_nth(l->c, kw, j), where));
		else
			error_set(&e, EX_CONFIG, "more than %d ports; an agent "
			    "can offer so many", LEASH_PORTS_MAX);
		loader_blame(l, setting_nth(l->c, kw, i), &e);
	}
}

static bool
is_enrolled(const struct config *c)
{
	return c->identity != NULL && access(c->identity, F_OK) == 0;
}

/*
 * After the enrolment the file may be taken away, and whatever has become of
 * it is no reason to stop: the commands tell of it.
 */
static void
without_auth_key(struct loader *l, const struct setting *s, struct error *e)
{
	struct config *c = loader_config(l);

	if (is_enrolled(c)) {
		free(c->auth_key_trouble);
		c->auth_key_trouble = xstrdup(e->text);
		return;
	}
	error_set(e, e->code, "%s; it must hold the AUTH_KEY that \"charon "
	    "agent add NAME\" prints at the gateway", e->text);
	loader_blame(l, s, e);
}

/*
 * Reads the key from AUTH_KEY_FILE.  A key in the option goes first; AUTH_KEY
 * beside it is a mistake.
 */
static void
load_auth_key_file(struct loader *l)
{
	const struct setting *s = setting_plain(l->c, "auth_key_file", NULL);
	const struct setting *key = setting_plain(l->c, "auth_key", NULL);
	struct config *c = loader_config(l);
	struct error e;
	char *text;
	int r = -1;

	if (s == NULL || (key != NULL && key->origin == FROM_OPTION))
		return;
	if (key != NULL) {
		error_set(&e, EX_CONFIG, "AUTH_KEY is set as well; one of them "
		    "is enough");
		loader_blame(l, s, &e);
		return;
	}
	if (access(s->value, F_OK) == -1 && errno == ENOENT && is_enrolled(c))
		error_set(&e, EX_CONFIG, "%s is gone", s->value);
	else if ((text = secret_load(s->value, &e)) != NULL) {
		r = take_auth_key(c, text, &e);
		if (r == -1)
			error_prefix(&e, "%s", s->value);
		secret_free(text);
	}
	if (r == -1)
		without_auth_key(l, s, &e);
}

void
load_offers(struct loader *l)
{
	const struct keyword *kw = keyword_by_key(&program_orthrus, "docker",
	    "socket");
	struct config *c = loader_config(l);

	c->docker = setting_find(l->c, "docker", "socket") != NULL ||
	    setting_plain(l->c, "mode", "socket") != NULL;
	if (c->docker_socket == NULL)
		c->docker_socket = xstrdup(kw->fixed);
	check_mode(l);
	check_exposed(l);
	load_auth_key_file(l);
}
