/* SPDX-License-Identifier: ISC */
/* What can only be said when all values are there: users, contradictions. */
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "orthrus/base/mem.h"

#define SOCKS5_PASSWORD_MAX 255		/* RFC 1929 */

static void
check_server(struct loader *l)
{
	struct error e;

	/* With -W an orthrus that runs has one, if it is there. */
	if (loader_given(l, "server", "address") || loader_unclear(l) ||
	    loader_config(l)->stdio.kind != ADDRESS_NONE)
		return;
	if (l->c->file == NULL) {
		error_set(&e, EX_CONFIG, "no server to dial: give --server "
		    "HOST[:PORT], set CHARON_LINK, or write \"address = "
		    "HOST[:PORT]\" in [server] of orthrus.ini");
		loader_fail(l, FROM_DEFAULT, 0, e.text);
		return;
	}
	error_set(&e, EX_CONFIG, "no server to dial: write \"address = "
	    "HOST[:PORT]\" in [server], give --server, or set CHARON_LINK");
	loader_fail(l, FROM_FILE, l->required_line == 0 ? 1 :
	    l->required_line, e.text);
}

/*
 * Adds a setting "server.user", unless one from the same origin says the same.
 */
static void
add_user(struct config *c, const struct setting *from, const char *user)
{
	struct setting s = { .origin = FROM_DEFAULT };
	const struct setting *other;
	size_t i;

	if (from != NULL)
		s = *from;
	s.kw = keyword_by_key(&program_orthrus, "server", "user");
	s.note = s.file = NULL;
	for (i = 0; i < c->head.nsettings; i++) {
		other = &c->head.settings[i];
		if (other->kw == s.kw && strcmp(other->value, user) == 0 &&
		    (other->origin == FROM_SSH_CONFIG ||
		    (other->origin == s.origin && other->line == s.line)))
			return;
	}
	s.value = xstrdup(user);
	setting_add(&c->head, &s);
}

/*
 * A server's user is the one that is set, else the address's own, else the
 * agent's name.
 */
static void
fill_users(struct config *c)
{
	const struct keyword *kw = keyword_by_key(&program_orthrus, "server",
	    "address");
	const struct setting *user = setting_find(&c->head, "server", "user");
	size_t i, n = 0, nsettings = c->head.nsettings;
	struct server *server;
	struct setting from;

	for (i = 0; i < nsettings; i++) {
		from = c->head.settings[i];
		if (from.kw != kw)
			continue;
		server = &c->servers[n++];
		if (user != NULL && user->origin != FROM_SSH_CONFIG)
			strcpy(server->user, user->value);
		else if (server->user[0] != '\0')
			add_user(c, &from, server->user);
		else {
			strcpy(server->user, c->name);
			add_user(c, NULL, server->user);
		}
	}
}

static bool
is_loopback4(const struct address *a)
{
	return strcmp(a->host, "127.0.0.1") == 0 ||
	    strcmp(a->host, "localhost") == 0;
}

/*
 * True when only one of the two can be bound.  Port 0 is another port each
 * time.
 */
static bool
same_listener(const struct address *a, const struct address *b)
{
	if (a->kind == ADDRESS_TCP && a->port == 0)
		return false;
	return address_equal(a, b) || (a->kind == ADDRESS_TCP &&
	    b->kind == ADDRESS_TCP && a->port == b->port && is_loopback4(a) &&
	    is_loopback4(b));
}

static void
check_forwards(struct loader *l, const struct forward_conf *v, size_t n,
    const struct keyword *kw)
{
	char listen[ADDRESS_TEXT_MAX], where[ORIGIN_TEXT_MAX];
	struct error e;
	size_t i, j;

	for (i = 1; i < n; i++) {
		for (j = 0; j < i && !same_listener(&v[i].spec.listen,
		    &v[j].spec.listen); j++)
			;
		if (j == i)
			continue;
		error_set(&e, EX_CONFIG, "%s is listened on already by %s "
		    "(%s); choose another port or socket",
		    address_format(&v[i].spec.listen, listen), v[j].name,
		    origin_text(l->c, setting_nth(l->c, kw, j), where));
		loader_blame(l, setting_nth(l->c, kw, i), &e);
	}
}

/*
 * A forward that was asked for takes the port from a SOCKS5 server that is
 * there by default only.
 */
static void
check_socks5_port(struct loader *l)
{
	struct setting *s = setting_find(l->c, "socks5", "listen");
	struct config *c = loader_config(l);
	struct error e;
	size_t i;

	for (i = 0; i < c->nlocal; i++) {
		if (same_listener(&c->socks5_listen, &c->local[i].spec.listen))
			break;
	}
	if (i == c->nlocal)
		return;
	if (c->socks5_default) {
		c->socks5 = false;
		free(s->value);
		s->value = xstrdup("off");
		return;
	}
	error_set(&e, EX_CONFIG, "\"%s\" is listened on by the forward %s too; "
	    "choose another port, or off", s->value, c->local[i].name);
	loader_blame(l, s, &e);
}

static void
check_socks5_login(struct loader *l)
{
	const struct setting *listen = setting_find(l->c, "socks5", "listen");
	const struct setting *user = setting_find(l->c, "socks5", "username");
	const struct setting *pass =
	    setting_find(l->c, "socks5", "password_file");
	bool have_user = loader_given(l, "socks5", "username");
	bool have_pass = loader_given(l, "socks5", "password_file");
	struct error e;

	if (have_user && !have_pass && user != NULL) {
		error_set(&e, EX_CONFIG, "needs a password: write "
		    "\"password_file = FILE\" in [socks5] as well");
		loader_blame(l, user, &e);
	} else if (have_pass && !have_user && pass != NULL) {
		error_set(&e, EX_CONFIG, "needs a user: write \"username = "
		    "NAME\" in [socks5] as well");
		loader_blame(l, pass, &e);
	} else if (!have_user && listen != NULL &&
	    !address_is_local(&loader_config(l)->socks5_listen)) {
		error_set(&e, EX_CONFIG, "\"%s\" is beyond loopback: write "
		    "\"username = NAME\" and \"password_file = FILE\" in "
		    "[socks5], or listen on 127.0.0.1", listen->value);
		loader_blame(l, listen, &e);
	}
}

static void
check_backoff(struct loader *l)
{
	const struct setting *min = setting_find(l->c, "reconnect", "min");
	const struct setting *max = setting_find(l->c, "reconnect", "max");
	const struct config *c = loader_config(l);
	struct error e;

	if (min == NULL || max == NULL || c->backoff_min <= c->backoff_max)
		return;
	if (max->origin == FROM_DEFAULT) {
		error_set(&e, EX_CONFIG, "%s is more than the longest wait, "
		    "%s; make that longer too", min->value, max->value);
		loader_blame(l, min, &e);
	} else {
		error_set(&e, EX_CONFIG, "%s is less than the first wait, %s; "
		    "make it longer", max->value, min->value);
		loader_blame(l, max, &e);
	}
}

/* A secret that cannot be read is an error now, not at the first connection. */
static void
check_secret_file(struct loader *l, const struct setting *s, size_t max)
{
	struct error e;
	char *secret;

	if (s == NULL)
		return;
	secret = secret_load(s->value, &e);
	if (secret != NULL && strlen(secret) > max) {
		error_set(&e, EX_CONFIG, "the password in %s has %zu bytes; "
		    "at most %zu are possible", s->value, strlen(secret), max);
		secret_free(secret);
		secret = NULL;
	}
	if (secret == NULL)
		loader_blame(l, s, &e);
	secret_free(secret);
}

/*
 * With -W there is one attempt, and errors alone are told unless an option
 * asks for more: the file and the environment are those of a service, too.
 */
static void
make_quiet(struct config *c)
{
	const struct setting *level = setting_find(&c->head, "log", "level");

	c->reconnect = false;
	if (level == NULL || level->origin != FROM_OPTION)
		c->log_level = LEVEL_ERROR;
}

void
load_finish(struct loader *l)
{
	struct config *c = loader_config(l);

	check_server(l);
	load_addresses(l);
	fill_users(c);
	load_way(l);
	check_forwards(l, c->local, c->nlocal,
	    keyword_by_key(&program_orthrus, "forward", "spec"));
	check_forwards(l, c->remote, c->nremote,
	    keyword_by_key(&program_orthrus, "remote", "spec"));
	if (c->socks5) {
		check_socks5_port(l);
		check_socks5_login(l);
	}
	check_backoff(l);
	if (c->stdio.kind != ADDRESS_NONE)
		make_quiet(c);
	load_offers(l);
	check_secret_file(l, setting_find(l->c, "server", "password_file"),
	    SIZE_MAX);
	check_secret_file(l, setting_find(l->c, "socks5", "password_file"),
	    SOCKS5_PASSWORD_MAX);
}
