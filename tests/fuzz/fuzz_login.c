/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a request to log in (RFC 4252), in front of libssh: what passes
 * is, to a simpler reader, one of the three that are served and nothing more,
 * and whatever does not pass is refused and counted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/wire.h"

#include "../../src/ssh/inbound_private.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define ATTEMPTS 1000
#define PASSWORD_USER "enroll"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct connection {
	ssh_session ssh;
	bool over;
};

static struct connection connection;
static struct acceptor acceptor;
static struct inbound in;
static bool (*filter)(void *arg, const uint8_t *p, size_t len);
static unsigned refused, soon, turned_away;

/* --- what stands in for connection.c and inbound.c ---------------------- */

ssh_session
connection_ssh(const struct connection *c)
{
	return c->ssh;
}

bool
connection_is_over(const struct connection *c)
{
	return c->over;
}

void
connection_filter_logins(struct connection *c,
    bool (*f)(void *arg, const uint8_t *p, size_t len))
{
	CHECK(c == &connection);
	filter = f;
}

void
connection_refuse_login(struct connection *c, const char *methods)
{
	CHECK(c == &connection && strcmp(methods, "publickey") == 0);
	refused++;
}

void
inbound_end(struct inbound *i, const char *why)
{
	CHECK(i == &in && why != NULL);
	connection.over = true;
}

void
inbound_soon(struct inbound *i)
{
	CHECK(i == &in);
	soon++;
}

void
inbound_logged_in(struct inbound *i)
{
	(void)i;
	abort();		/* libssh was not asked */
}

static void
on_turned_away(void *arg, struct inbound *i, const char *why)
{
	(void)arg;
	CHECK(i == &in && why != NULL);
	turned_away++;
}

/* --- the simpler reader ------------------------------------------------- */

struct span_of {
	const uint8_t *p;
	size_t n;
};

/* Cuts a string off the rest; false when there is none. */
static bool
cut(struct span_of *rest, struct span_of *s)
{
	if (rest->n < 4)
		return false;
	s->n = (size_t)rest->p[0] << 24 | (size_t)rest->p[1] << 16 |
	    (size_t)rest->p[2] << 8 | rest->p[3];
	if (rest->n - 4 < s->n)
		return false;
	s->p = rest->p + 4;
	rest->p += 4 + s->n;
	rest->n -= 4 + s->n;
	return true;
}

static bool
is(const struct span_of *s, const char *text)
{
	return s->n == strlen(text) && memcmp(s->p, text, s->n) == 0;
}

static bool
cut_byte(struct span_of *rest, uint8_t *b)
{
	if (rest->n == 0)
		return false;
	*b = *rest->p++;
	rest->n--;
	return true;
}

static void
check_password(struct span_of *rest)
{
	struct span_of s;
	uint8_t change;

	CHECK(cut_byte(rest, &change) && cut(rest, &s));
	CHECK(change == 0 || cut(rest, &s));
}

static void
check_key(struct span_of *rest)
{
	struct span_of type, key, inner, s;
	uint8_t proven;

	CHECK(cut_byte(rest, &proven) && cut(rest, &type) && cut(rest, &key));
	CHECK(is(&type, KEY_TYPE_NAME) || is(&type, CERT_TYPE_NAME));
	CHECK(cut(&key, &inner) && inner.n == type.n &&
	    memcmp(inner.p, type.p, type.n) == 0);
	/* Only with a libssh that knows it does the host-bound one pass. */
	if (rest->n > 0)
		CHECK(cut(rest, &s));
	if (rest->n > 0)
		CHECK(cut(rest, &s));
}

static void
check_passed(const uint8_t *data, size_t size)
{
	struct span_of rest = { data, size }, user, service, method;
	bool password;

	CHECK(cut(&rest, &user) && user.n > 0 && user.n < INBOUND_USER_MAX);
	CHECK(memchr(user.p, '\0', user.n) == NULL && is(&user, in.user));
	CHECK(cut(&rest, &service) && is(&service, "ssh-connection"));
	CHECK(cut(&rest, &method));
	password = is(&user, PASSWORD_USER);
	if (is(&method, "password")) {
		CHECK(password);
		check_password(&rest);
	} else if (!is(&method, "none")) {
		CHECK(!password && method.n >= 9 &&
		    memcmp(method.p, "publickey", 9) == 0);
		check_key(&rest);
	}
	CHECK(rest.n == 0);
}

/* --- one request, and more of it --------------------------------------- */

static void
begin(void)
{
	ssh_session ssh = connection.ssh != NULL ? connection.ssh : ssh_new();

	CHECK(ssh != NULL);
	memset(&in, 0, sizeof(in));
	memset(&acceptor, 0, sizeof(acceptor));
	connection = (struct connection){ .ssh = ssh };
	acceptor.config.attempts = ATTEMPTS;
	acceptor.password_user = PASSWORD_USER;
	acceptor.events.turned_away = on_turned_away;
	memset(acceptor.host_key.blob, 'h', sizeof(acceptor.host_key.blob));
	in.acceptor = &acceptor;
	in.connection = &connection;
	login_init(&in);
	refused = soon = turned_away = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	uint8_t *copy = malloc(size > 0 ? size : 1);
	unsigned i;

	CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	begin();
	if (filter(&in, copy, size)) {
		check_passed(copy, size);
		CHECK(in.unanswered && soon == 1 && refused == 0);
		in.answer(&in);		/* libssh has found it not worth one */
	}
	CHECK(refused == 1 && turned_away == 1 && !in.unanswered);
	CHECK(acceptor.counters.refused == 1 && in.failures == 1);
	/* Nobody may ask for ever. */
	for (i = 0; i < 100 && !connection.over; i++)
		filter(&in, copy, size);
	CHECK(connection.over && !filter(&in, copy, size));
	free(in.request);
	free(copy);
	return 0;
}
