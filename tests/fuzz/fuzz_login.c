/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a request to log in (RFC 4252), in front of libssh: what passes
 * is, to a simpler reader, one of the three that are served and nothing more,
 * and whatever does not pass is refused and counted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/proto/wire.h"

#include "../../src/ssh/inbound_private.h"

#define CHECK(ok) do { if (!(ok)) abort(); } while (0)
#define ATTEMPTS 20
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
	CHECK(i == &in && !i->logged_in);
	i->logged_in = true;
}

/* The owner says yes to keys that end with an odd byte. */
static bool
on_key(void *arg, struct inbound *i, const char *user, const uint8_t *blob,
    size_t len, bool proven)
{
	(void)arg;
	(void)proven;
	CHECK(i == &in && strcmp(user, in.user) == 0 && len > 0);
	return (blob[len - 1] & 1) != 0;
}

static bool
on_password(void *arg, struct inbound *i, const char *password)
{
	(void)arg;
	CHECK(i == &in);
	return strcmp(password, "right") == 0;
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

/* What libssh hands on. */
static struct {
	struct span_of password, type, key;
	uint8_t proven;
} seen;

static void
check_password(struct span_of *rest)
{
	struct span_of s;
	uint8_t change;

	CHECK(cut_byte(rest, &change) && cut(rest, &seen.password));
	CHECK(change == 0 || cut(rest, &s));
}

static void
check_key(struct span_of *rest)
{
	struct span_of type, key, inner, s;

	CHECK(cut_byte(rest, &seen.proven) && cut(rest, &type) &&
	    cut(rest, &key));
	seen.type = type;
	seen.key = key;
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

	memset(&seen, 0, sizeof(seen));
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

/* --- libssh, which asks what the request is worth --------------------- */

static int
ask_key(void)
{
	size_t size = seen.key.n * 4 / 3 + 5;
	char *text = malloc(size);
	ssh_key key = NULL;
	int rc = -1;

	CHECK(text != NULL);
	sodium_bin2base64(text, size, seen.key.p, seen.key.n,
	    sodium_base64_VARIANT_ORIGINAL);
	if ((is(&seen.type, KEY_TYPE_NAME) ?
	    ssh_pki_import_pubkey_base64(text, SSH_KEYTYPE_ED25519, &key) :
	    ssh_pki_import_cert_base64(text, SSH_KEYTYPE_ED25519_CERT01,
	    &key)) == SSH_OK)
		rc = in.callbacks.auth_pubkey_function(connection.ssh, in.user,
		    key, seen.proven ? SSH_PUBLICKEY_STATE_VALID :
		    SSH_PUBLICKEY_STATE_NONE, &in);
	ssh_key_free(key);
	free(text);
	return rc;
}

static int
ask_password(void)
{
	char *text = strndup((const char *)seen.password.p, seen.password.n);
	int rc;

	CHECK(text != NULL);
	rc = in.callbacks.auth_password_function(connection.ssh, in.user, text,
	    &in);
	free(text);
	return rc;
}

/* What it is worth; -1 when libssh finds it not worth a question. */
static int
ask(void)
{
	return seen.key.p != NULL ? ask_key() :
	    seen.password.p != NULL ? ask_password() :
	    in.callbacks.auth_none_function(connection.ssh, in.user, &in);
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
	acceptor.events.key = on_key;
	acceptor.events.password = on_password;
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
	int rc;

	CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	begin();
	if (filter(&in, copy, size)) {
		check_passed(copy, size);
		CHECK(in.unanswered && soon == 1 && refused == 0);
		rc = ask();
		in.answer(&in);		/* if libssh has asked nothing */
		CHECK(!in.unanswered && refused == (rc == -1));
		CHECK(in.logged_in == (rc == SSH_AUTH_SUCCESS &&
		    (seen.proven != 0 || seen.password.p != NULL)));
	} else
		CHECK(refused == 1 && turned_away == 1 && !in.unanswered);
	CHECK(in.failures == acceptor.counters.refused && in.failures <= 1);
	/* Nobody may ask for ever, and once he is in not at all. */
	for (i = 0; i < 100 && !connection.over && !in.logged_in; i++)
		filter(&in, copy, size);
	CHECK((connection.over || in.logged_in) &&
	    !filter(&in, copy, size));
	free(in.request);
	free(copy);
	return 0;
}
