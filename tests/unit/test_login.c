/* SPDX-License-Identifier: ISC */
/*
 * A server's login: which requests libssh gets to see, and what becomes of the
 * owner's answers.  The session is libssh's, without a peer; connection.c and
 * inbound.c are not linked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/proto/wire.h"

#include "../../src/ssh/inbound_private.h"
#include "../../src/ssh/keygen.h"

#define ATTEMPTS 3
#define REQUESTS 32		/* of any kind, see login.c */
#define REQUEST_MAX 1024

struct connection {
	ssh_session ssh;
	bool over;
};

static struct connection connection;
static struct acceptor acceptor;
static struct inbound in;
static bool (*filter)(void *arg, const uint8_t *p, size_t len);
static uint8_t blob[KEY_BLOB_LEN];	/* of the client's key */
static ssh_key key;

/* What was done, and what the owner says. */
static struct {
	unsigned ended, soon, logged_in, failures_sent, turned_away;
	unsigned asked, proven, passwords;
	bool owner_says_yes;
	char user[INBOUND_USER_MAX], why[128];
} seen;

/* --- what stands in for others ---------------------------------------- */

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
	assert_ptr_equal(c, &connection);
	filter = f;
}

void
connection_refuse_login(struct connection *c, const char *methods)
{
	assert_ptr_equal(c, &connection);
	assert_string_equal(methods, "publickey");
	seen.failures_sent++;
}

void
inbound_end(struct inbound *i, const char *why)
{
	assert_ptr_equal(i, &in);
	assert_string_equal(why, "Too many authentication failures");
	connection.over = true;
	seen.ended++;
}

void
inbound_soon(struct inbound *i)
{
	assert_ptr_equal(i, &in);
	seen.soon++;
}

void
inbound_logged_in(struct inbound *i)
{
	i->logged_in = true;
	seen.logged_in++;
}

/* --- the owner -------------------------------------------------------- */

static bool
on_key(void *arg, struct inbound *i, const char *user, const uint8_t *p,
    size_t len, bool proven)
{
	assert_ptr_equal(arg, &seen);
	assert_ptr_equal(i, &in);
	assert_int_equal(len, sizeof(blob));
	assert_memory_equal(p, blob, sizeof(blob));
	snprintf(seen.user, sizeof(seen.user), "%s", user);
	seen.asked++;
	seen.proven += proven;
	return seen.owner_says_yes;
}

static bool
on_password(void *arg, struct inbound *i, const char *password)
{
	assert_ptr_equal(arg, &seen);
	assert_ptr_equal(i, &in);
	seen.passwords++;
	return strcmp(password, "right") == 0;
}

static void
on_turned_away(void *arg, struct inbound *i, const char *why)
{
	assert_ptr_equal(arg, &seen);
	assert_ptr_equal(i, &in);
	snprintf(seen.why, sizeof(seen.why), "%s", why);
	seen.turned_away++;
}

/* --- requests --------------------------------------------------------- */

/*
 * SSH_MSG_USERAUTH_REQUEST without its type byte: 's' text, 'b' int, 'k' the
 * client's key, 'r' the beginning of an RSA key.  Returns what the filter says
 * of it.
 */
static bool
request(const char *format, ...)
{
	uint8_t b[REQUEST_MAX], *p = b, *copy, rsa[11];
	const char *text;
	va_list ap;
	bool passes;

	va_start(ap, format);
	for (; *format != '\0'; format++)
		switch (*format) {
		case 's':
			text = va_arg(ap, const char *);
			p = wire_put_string(p, text, strlen(text));
			break;
		case 'b':
			*p++ = (uint8_t)va_arg(ap, int);
			break;
		case 'k':
			p = wire_put_string(p, blob, sizeof(blob));
			break;
		case 'r':
			wire_put_string(rsa, "ssh-rsa", 7);
			p = wire_put_string(p, rsa, sizeof(rsa));
			break;
		default:
			abort();
		}
	va_end(ap);
	/* Memory of just that size: the sanitizer sees one byte beyond. */
	copy = malloc((size_t)(p - b) + 1);
	assert_non_null(copy);
	memcpy(copy, b, (size_t)(p - b));
	passes = filter(&in, copy, (size_t)(p - b));
	free(copy);
	return passes;
}

static bool
request_none(void)
{
	return request("sss", "web-1", "ssh-connection", "none");
}

static bool
request_key(bool is_signed)
{
	return is_signed ?
	    request("sssbsks", "web-1", "ssh-connection", "publickey", 1,
	    KEY_TYPE_NAME, "signature") :
	    request("sssbsk", "web-1", "ssh-connection", "publickey", 0,
	    KEY_TYPE_NAME);
}

/* libssh has looked at the request, and asks what its key is worth. */
static int
offer_key(char state)
{
	return in.callbacks.auth_pubkey_function(connection.ssh, "web-1", key,
	    state, &in);
}

static int
offer_password(const char *user, const char *password)
{
	return in.callbacks.auth_password_function(connection.ssh, user,
	    password, &in);
}

static int
setup(void **state)
{
	static const struct acceptor_events events = { NULL, NULL, on_key,
	    on_password, on_turned_away, NULL, NULL, NULL, NULL,
	    NULL, NULL };

	(void)state;
	memset(&seen, 0, sizeof(seen));
	memset(&in, 0, sizeof(in));
	memset(&acceptor, 0, sizeof(acceptor));
	memset(&connection, 0, sizeof(connection));
	connection.ssh = ssh_new();
	if (connection.ssh == NULL)
		return -1;
	acceptor.config.attempts = ATTEMPTS;
	acceptor.password_user = "enroll";
	acceptor.events = events;
	acceptor.arg = &seen;
	in.acceptor = &acceptor;
	in.connection = &connection;
	login_init(&in);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ssh_free(connection.ssh);
	free(in.request);
	return 0;
}

/* --- which requests may pass ------------------------------------------ */

static void
expect_passed(bool passes)
{
	assert_true(passes);
	assert_int_equal(seen.turned_away, 0);
	assert_int_equal(seen.failures_sent, 0);
	assert_int_equal(seen.soon, 1);	/* to see whether it is answered */
	assert_true(in.unanswered);
}

static void
expect_stopped(bool passes)
{
	assert_false(passes);
	assert_int_equal(seen.turned_away, 1);
	assert_string_equal(seen.why, "its way to log in is not served");
	assert_int_equal(seen.failures_sent, 1);
	assert_int_equal(acceptor.counters.refused, 1);
	assert_false(in.unanswered);
}

static void
test_none_passes(void **state)
{
	(void)state;
	expect_passed(request_none());
	assert_string_equal(in.user, "web-1");
	assert_int_equal(in.callbacks.auth_none_function(connection.ssh,
	    "web-1", &in), SSH_AUTH_DENIED);
	assert_false(in.unanswered);
	assert_int_equal(in.failures, 0);	/* a question costs nothing */
}

static void
test_keys_pass(void **state)
{
	(void)state;
	expect_passed(request_key(false));
	seen.soon = 0;
	expect_passed(request_key(true));
}

static void
test_password_passes_for_its_user(void **state)
{
	(void)state;
	expect_passed(request("sssbs", "enroll", "ssh-connection", "password",
	    0, "right"));
}

/* What follows a request is neither signed nor anyone's. */
#define STOPPED(name, ...) \
	static void \
	name(void **state) \
	{ \
		(void)state; \
		expect_stopped(request(__VA_ARGS__)); \
	}

STOPPED(test_another_service, "sss", "web-1", "ssh-userauth", "none")
STOPPED(test_no_user, "sss", "", "ssh-connection", "none")
STOPPED(test_none_with_more, "sssb", "web-1", "ssh-connection", "none", 0)
STOPPED(test_key_with_more, "sssbskb", "web-1", "ssh-connection", "publickey",
    0, KEY_TYPE_NAME, 7)
STOPPED(test_key_cut_off, "sssbs", "web-1", "ssh-connection", "publickey", 0,
    KEY_TYPE_NAME)
STOPPED(test_key_without_signature, "sssbsk", "web-1", "ssh-connection",
    "publickey", 1, KEY_TYPE_NAME)
STOPPED(test_key_of_another_type, "sssbsr", "web-1", "ssh-connection",
    "publickey", 0, "ssh-rsa")
STOPPED(test_rsa_key_that_says_ed25519, "sssbsr", "web-1", "ssh-connection",
    "publickey", 0, KEY_TYPE_NAME)
STOPPED(test_key_that_denies_its_type, "sssbsk", "web-1", "ssh-connection",
    "publickey", 0, CERT_TYPE_NAME)
STOPPED(test_gssapi, "sss", "web-1", "ssh-connection", "gssapi-with-mic")
STOPPED(test_keyboard_interactive, "sssss", "web-1", "ssh-connection",
    "keyboard-interactive", "", "")
STOPPED(test_hostbased, "sss", "web-1", "ssh-connection", "hostbased")
STOPPED(test_password_of_another_user, "sssbs", "web-1", "ssh-connection",
    "password", 0, "right")
STOPPED(test_password_with_more, "sssbsb", "enroll", "ssh-connection",
    "password", 0, "right", 7)
STOPPED(test_password_without_its_new_one, "sssbs", "enroll", "ssh-connection",
    "password", 1, "right")
STOPPED(test_key_of_the_password_user, "sssbsk", "enroll", "ssh-connection",
    "publickey", 0, KEY_TYPE_NAME)
STOPPED(test_nothing, "")

/* A user's name that does not fit is no shorter name. */
static void
test_long_user(void **state)
{
	char user[INBOUND_USER_MAX + 1];

	(void)state;
	memset(user, 'a', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	expect_stopped(request("sss", user, "ssh-connection", "none"));
}

/* --- when it is enough ------------------------------------------------ */

static void
test_failures_end_it(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < ATTEMPTS; i++) {
		assert_int_equal(seen.ended, 0);
		assert_false(request("sss", "web-1", "ssh-connection",
		    "nothing"));
	}
	assert_int_equal(seen.ended, 1);
	assert_int_equal(seen.turned_away, ATTEMPTS);
	/* From then on nothing is looked at, and nobody is told. */
	assert_false(request_key(true));
	assert_int_equal(seen.turned_away, ATTEMPTS);
	assert_int_equal(acceptor.counters.refused, ATTEMPTS);
}

static void
test_questions_end_it_too(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < REQUESTS; i++)
		assert_true(request_none());
	assert_int_equal(seen.ended, 0);
	assert_false(request_none());
	assert_int_equal(seen.ended, 1);
	assert_int_equal(acceptor.counters.refused, 0);
}

/* libssh says nothing to a signature that it finds bad. */
static void
test_what_libssh_leaves_is_answered(void **state)
{
	(void)state;
	assert_true(request_key(true));
	in.answer(&in);
	assert_int_equal(seen.failures_sent, 1);
	assert_string_equal(seen.why, "its key or signature is damaged");
	assert_int_equal(acceptor.counters.refused, 1);
	in.answer(&in);		/* once */
	assert_int_equal(seen.failures_sent, 1);
}

/* --- what the owner says ---------------------------------------------- */

static void
test_key_is_asked_for_and_then_proven(void **state)
{
	(void)state;
	seen.owner_says_yes = true;
	assert_true(request_key(false));
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_NONE),
	    SSH_AUTH_SUCCESS);
	assert_int_equal(seen.asked, 1);
	assert_int_equal(seen.proven, 0);
	assert_int_equal(seen.logged_in, 0);
	assert_true(request_key(true));
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_VALID),
	    SSH_AUTH_SUCCESS);
	assert_int_equal(seen.asked, 2);
	assert_int_equal(seen.proven, 1);
	assert_string_equal(seen.user, "web-1");
	assert_int_equal(seen.logged_in, 1);
	in.answer(&in);
	assert_int_equal(seen.failures_sent, 0);
}

static void
test_key_that_the_owner_does_not_want(void **state)
{
	(void)state;
	assert_true(request_key(true));
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_VALID),
	    SSH_AUTH_DENIED);
	assert_int_equal(seen.logged_in, 0);
	assert_int_equal(acceptor.counters.refused, 1);
	assert_int_equal(seen.turned_away, 0);	/* key() has said so */
}

/* Of a wrong signature the owner is not asked. */
static void
test_key_with_a_wrong_signature(void **state)
{
	(void)state;
	seen.owner_says_yes = true;
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_WRONG),
	    SSH_AUTH_DENIED);
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_ERROR),
	    SSH_AUTH_DENIED);
	assert_int_equal(seen.asked, 0);
	assert_int_equal(seen.logged_in, 0);
	assert_int_equal(acceptor.counters.refused, 2);
}

static void
test_password(void **state)
{
	(void)state;
	assert_int_equal(offer_password("enroll", "wrong"), SSH_AUTH_DENIED);
	assert_int_equal(seen.logged_in, 0);
	assert_int_equal(offer_password("web-1", "right"), SSH_AUTH_DENIED);
	assert_int_equal(seen.passwords, 1);	/* only that user's is asked */
	assert_int_equal(acceptor.counters.refused, 2);
	assert_int_equal(offer_password("enroll", "right"), SSH_AUTH_SUCCESS);
	assert_int_equal(seen.logged_in, 1);
}

static void
test_no_password_user(void **state)
{
	(void)state;
	acceptor.password_user = NULL;
	assert_int_equal(offer_password("enroll", "right"), SSH_AUTH_DENIED);
	assert_int_equal(seen.passwords, 0);
}

/* RFC 4252 section 5.1: requests after a success are ignored. */
static void
test_nothing_after_the_login(void **state)
{
	(void)state;
	seen.owner_says_yes = true;
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_VALID),
	    SSH_AUTH_SUCCESS);
	assert_false(request_none());
	assert_false(request_key(true));
	assert_int_equal(offer_key(SSH_PUBLICKEY_STATE_VALID),
	    SSH_AUTH_DENIED);
	assert_int_equal(offer_password("enroll", "right"), SSH_AUTH_DENIED);
	assert_int_equal(seen.logged_in, 1);
	assert_int_equal(seen.turned_away, 0);
	assert_int_equal(seen.failures_sent, 0);
}

/* --- all of them ------------------------------------------------------ */

static int
make_key(void **state)
{
	char *text = NULL;
	size_t n = 0;
	int rc;

	(void)state;
	if (sodium_init() == -1 || keygen_ed25519(&key) != SSH_OK ||
	    ssh_pki_export_pubkey_base64(key, &text) != SSH_OK)
		return -1;
	rc = sodium_base642bin(blob, sizeof(blob), text, strlen(text), NULL,
	    &n, NULL, sodium_base64_VARIANT_ORIGINAL);
	ssh_string_free_char(text);
	return rc == 0 && n == sizeof(blob) ? 0 : -1;
}

static int
free_key(void **state)
{
	(void)state;
	ssh_key_free(key);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none_passes),
		TEST(test_keys_pass),
		TEST(test_password_passes_for_its_user),
		TEST(test_another_service),
		TEST(test_no_user),
		TEST(test_none_with_more),
		TEST(test_key_with_more),
		TEST(test_key_cut_off),
		TEST(test_key_without_signature),
		TEST(test_key_of_another_type),
		TEST(test_rsa_key_that_says_ed25519),
		TEST(test_key_that_denies_its_type),
		TEST(test_gssapi),
		TEST(test_keyboard_interactive),
		TEST(test_hostbased),
		TEST(test_password_of_another_user),
		TEST(test_password_with_more),
		TEST(test_password_without_its_new_one),
		TEST(test_key_of_the_password_user),
		TEST(test_nothing),
		TEST(test_long_user),
		TEST(test_failures_end_it),
		TEST(test_questions_end_it_too),
		TEST(test_what_libssh_leaves_is_answered),
		TEST(test_key_is_asked_for_and_then_proven),
		TEST(test_key_that_the_owner_does_not_want),
		TEST(test_key_with_a_wrong_signature),
		TEST(test_password),
		TEST(test_no_password_user),
		TEST(test_nothing_after_the_login),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
