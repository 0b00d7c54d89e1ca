/* SPDX-License-Identifier: ISC */
/*
 * The monitor, asked by somebody who has taken the network process over: it
 * gives nothing to a session that it has not let in itself.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/monitor/ask.h"
#include "orthrus/proto/wire.h"

#include "../../src/monitor/keeper.h"
#include "../../src/monitor/monitor_private.h"

static char dir[64];
static struct gateway_config config;
static struct keeper *keeper;
static struct auth_key auth_1, auth_2;		/* of web-1, of web-2 */
static uint8_t laptop[64], other[64];		/* secret keys */
static uint8_t host_key[ED25519_KEY_LEN];
static uint8_t answer_bytes[MESSAGE_MAX];

/* --- asking --------------------------------------------------------- */

static struct message
ask_bytes(const uint8_t *p, size_t len)
{
	uint8_t *copy = xcalloc(1, len + 1);	/* it is wiped */
	struct message a = { 0 };
	size_t n;

	memcpy(copy, p, len);
	n = keeper_answer(keeper, copy, len, answer_bytes);
	assert_true(len == 0 || sodium_is_zero(copy, len));
	free(copy);
	if (n > 0)
		assert_true(message_read(&a, answer_bytes, n));
	return a;
}

static struct message
ask_message(const struct message *q)
{
	static uint8_t out[MESSAGE_MAX];
	size_t n = message_write(q, out);

	assert_true(n > 0);
	return ask_bytes(out, n);
}

static struct message
ask_of(enum message_kind kind, uint64_t session, const void *p, size_t len)
{
	const struct message q = { .kind = (uint8_t)kind, .session = session,
	    .bytes = p, .len = len };

	return ask_message(&q);
}

static void
expect_no(struct message a, int code, const char *text)
{
	struct error e;

	assert_int_equal(a.code, code);
	assert_int_equal(a.len, 0);
	message_error(&a, &e);
	if (strstr(e.text, text) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, text);
}

/* A session with this id is at the door. */
static void
arrive(uint64_t session, uint8_t id)
{
	uint8_t hash[32];
	struct message a;

	memset(hash, id, sizeof(hash));
	a = ask_of(ASK_SIGN, session, hash, sizeof(hash));
	assert_int_equal(a.code, 0);
	assert_int_equal(a.len, ED25519_SIGNATURE_LEN);
	assert_int_equal(crypto_sign_verify_detached(a.bytes, hash,
	    sizeof(hash), host_key), 0);
}

/* --- requests to log in --------------------------------------------- */

struct request {
	uint8_t bytes[USERAUTH_MAX];
	size_t len;
};

/* blob_of: NULL for the plain key of secret; id: the session's bytes. */
static struct request
sign_request(const char *user, const uint8_t secret[64],
    const struct message *certificate, uint8_t id, const uint8_t *host)
{
	uint8_t plain[KEY_BLOB_LEN], session[32], data[2 * USERAUTH_MAX];
	uint8_t signature[64], blob[128], *p;
	struct request r;
	size_t n;

	key_blob_write(secret + 32, plain);
	memset(session, id, sizeof(session));
	p = wire_put_string(r.bytes, user, strlen(user));
	p = wire_put_string(p, "ssh-connection", 14);
	p = host == NULL ? wire_put_string(p, "publickey", 9) :
	    wire_put_string(p, "publickey-hostbound-v00@openssh.com", 35);
	*p++ = 1;
	if (certificate == NULL) {
		p = wire_put_string(p, KEY_TYPE_NAME, strlen(KEY_TYPE_NAME));
		p = wire_put_string(p, plain, sizeof(plain));
	} else {
		p = wire_put_string(p, CERT_TYPE_NAME,
		    strlen(CERT_TYPE_NAME));
		p = wire_put_string(p, certificate->bytes, certificate->len);
	}
	if (host != NULL)
		p = wire_put_string(p, host, KEY_BLOB_LEN);
	n = userauth_signed_bytes(r.bytes, (size_t)(p - r.bytes), session,
	    sizeof(session), data);
	crypto_sign_detached(signature, NULL, data, n, secret);
	n = (size_t)(wire_put_string(wire_put_string(blob, KEY_TYPE_NAME,
	    strlen(KEY_TYPE_NAME)), signature, sizeof(signature)) - blob);
	p = wire_put_string(p, blob, n);
	r.len = (size_t)(p - r.bytes);
	return r;
}

static struct message
log_in(uint64_t session, struct request r)
{
	return ask_of(ASK_KEY, session, r.bytes, r.len);
}

static struct message
enrol(uint64_t session, const struct auth_key *auth)
{
	char text[AUTH_KEY_TEXT_MAX];

	auth_key_format(auth, text);
	return ask_of(ASK_PASSWORD, session, text, strlen(text));
}

/* The proof that secret is whose public half is asked for in q. */
static void
prove(const uint8_t *challenge, const char *name, const uint8_t secret[64],
    uint8_t proof[ED25519_SIGNATURE_LEN])
{
	uint8_t blob[KEY_BLOB_LEN];
	char text[KEY_FINGERPRINT_MAX];
	const struct possession p = { challenge, text, name, secret + 32 };

	key_blob_write(host_key, blob);
	key_fingerprint(blob, sizeof(blob), text);
	possession_prove(&p, secret, proof);
}

static struct message
ask_proven(struct message q, const uint8_t *proof)
{
	q.more = proof;
	q.more_len = ED25519_SIGNATURE_LEN;
	return ask_message(&q);
}

/* Asks for a certificate for that key, in both steps. */
static struct message
certify(enum message_kind kind, uint64_t session, const uint8_t secret[64])
{
	uint8_t proof[ED25519_SIGNATURE_LEN];
	const struct message q = { .kind = (uint8_t)kind, .session = session,
	    .bytes = secret + 32, .len = ED25519_KEY_LEN };
	struct message a = ask_message(&q);

	if (a.code != 0)
		return a;
	assert_true(a.flag && a.len == CHALLENGE_LEN);
	prove(a.bytes, "web-1", secret, proof);
	return ask_proven(q, proof);
}

/* A certificate of web-1 for that key; session 90 is used for it. */
static struct message
certificate_of(const uint8_t secret[64])
{
	static uint8_t kept[CERT_MAX];
	struct message a;

	arrive(90, 90);
	assert_int_equal(enrol(90, &auth_1).code, 0);
	a = certify(ASK_ENROL, 90, secret);
	assert_int_equal(a.code, 0);
	assert_string_equal(a.name, "web-1");
	assert_true(a.len > 0 && a.len <= sizeof(kept));
	memcpy(kept, a.bytes, a.len);
	a.bytes = kept;
	return a;
}

/* --- each test ------------------------------------------------------ */

static int
set_up(void **state)
{
	uint8_t public[ED25519_KEY_LEN];
	struct error e;
	char *agents;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/orthrus-monitor.XXXXXX");
	if (sodium_init() == -1 || mkdtemp(dir) == NULL)
		return -1;
	memset(&config, 0, sizeof(config));
	config.state = xasprintf("%s/state", dir);
	config.host_key = xasprintf("%s/host", config.state);
	config.runtime = xasprintf("%s/run", dir);
	agents = xasprintf("%s/agents", config.runtime);
	if (mkdir(config.runtime, 0700) == -1 || mkdir(agents, 0750) == -1)
		return -1;
	free(agents);
	config.certificate_lifetime = 7 * 86400;
	config.renew_before = 86400;
	config.log_level = LEVEL_ERROR;
	keeper = keeper_open(&config, 0, &e);
	if (keeper == NULL)
		fail_msg("%s", e.text);
	assert_int_equal(key_blob_read(keeper->host_blob, KEY_BLOB_LEN,
	    host_key), 0);
	crypto_sign_keypair(public, laptop);
	assert_int_equal(registry_add(keeper->registry, PEER_CLIENT, "laptop",
	    "web-1:80", public, NULL, &e), 0);
	crypto_sign_keypair(public, other);
	assert_int_equal(registry_add(keeper->registry, PEER_AGENT, "web-1",
	    "", NULL, &auth_1, &e), 0);
	assert_int_equal(registry_add(keeper->registry, PEER_AGENT, "web-2",
	    "", NULL, &auth_2, &e), 0);
	return 0;
}

static int
tear_down(void **state)
{
	char *line = xasprintf("rm -rf %s", dir);
	int r;

	(void)state;
	keeper_close(keeper);
	r = system(line);
	free(line);
	free(config.state);
	free(config.host_key);
	free(config.runtime);
	return r;
}

static void
test_signs_hashes_only(void **state)
{
	static uint8_t long_text[4096];
	static const size_t lengths[] = { 0, 1, 20, 31, 33, 48, 51, 63, 65,
	    128, sizeof(long_text) };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		expect_no(ask_of(ASK_SIGN, 1, long_text, lengths[i]),
		    EX_DATAERR, "not an exchange hash");
	assert_int_equal(keeper->guests.n, 0);
	arrive(1, 1);
	assert_int_equal(ask_of(ASK_SIGN, 2, long_text, 64).len, 64);
	assert_int_equal(keeper->guests.n, 2);
}

static void
test_lets_in_who_has_signed(void **state)
{
	static struct peer_row row;
	struct message a;

	(void)state;
	arrive(1, 1);
	a = log_in(1, sign_request("laptop", laptop, NULL, 1, NULL));
	assert_int_equal(a.code, 0);
	assert_int_equal(a.number, 0);
	assert_true(row_read(&row, &a.bytes, &a.len));
	assert_string_equal(row.peer.name, "laptop");
	assert_string_equal(row.peer.allow, "web-1:80");
	/* A later key exchange has another hash; the id stays. */
	arrive(1, 2);
	assert_int_equal(log_in(1, sign_request("laptop", laptop, NULL, 1,
	    NULL)).code, 0);
	expect_no(log_in(1, sign_request("laptop", laptop, NULL, 2, NULL)),
	    EX_NOPERM, "a wrong signature");
	arrive(3, 3);
	assert_int_equal(log_in(3, sign_request("laptop", laptop, NULL, 3,
	    keeper->host_blob)).code, 0);
}

static void
test_forged_logins(void **state)
{
	struct request r = sign_request("laptop", laptop, NULL, 1, NULL);
	uint8_t mean[KEY_BLOB_LEN];
	size_t i;

	(void)state;
	expect_no(log_in(1, r), EX_NOPERM, "no such session");
	arrive(1, 1);
	arrive(2, 2);
	expect_no(log_in(2, r), EX_NOPERM, "a wrong signature");  /* replayed */
	expect_no(log_in(1, sign_request("laptop", other, NULL, 1, NULL)),
	    EX_NOPERM, "not this client's key");
	expect_no(log_in(1, sign_request("web-1", laptop, NULL, 1, NULL)),
	    EX_NOPERM, "certificate");
	expect_no(log_in(1, sign_request("nobody", laptop, NULL, 1, NULL)),
	    EX_NOPERM, "no such agent or client");
	expect_no(log_in(1, sign_request("../etc", laptop, NULL, 1, NULL)),
	    EX_NOPERM, "not the name");
	memcpy(mean, keeper->host_blob, sizeof(mean));
	mean[KEY_BLOB_LEN - 1] ^= 1;
	expect_no(log_in(1, sign_request("laptop", laptop, NULL, 1, mean)),
	    EX_NOPERM, "another host key");
	/* Any bit of it that is wrong. */
	for (i = 0; i < r.len; i++) {
		r.bytes[i] ^= 1;
		assert_int_not_equal(log_in(1, r).code, 0);
		r.bytes[i] ^= 1;
	}
	for (i = 0; i < r.len; i++)
		assert_int_not_equal(ask_of(ASK_KEY, 1, r.bytes, i).code, 0);
	assert_int_equal(guests_find(&keeper->guests, 1)->kind,
	    GUEST_STRANGER);
	assert_int_equal(guests_find(&keeper->guests, 2)->kind,
	    GUEST_STRANGER);
	assert_int_equal(log_in(1, r).code, 0);
}

/* A question without a signature is answered, and lets nobody in. */
static void
test_a_probe_lets_nobody_in(void **state)
{
	struct request r = sign_request("laptop", laptop, NULL, 1, NULL);
	struct userauth u;

	(void)state;
	arrive(1, 1);
	assert_true(userauth_read(r.bytes, r.len, &u));
	r.len = u.signed_len;
	*(uint8_t *)(uintptr_t)(u.blob - 4 - strlen(KEY_TYPE_NAME) - 4 - 1) =
	    0;
	assert_int_equal(log_in(1, r).code, 0);
	assert_int_equal(guests_find(&keeper->guests, 1)->kind,
	    GUEST_STRANGER);
}

static void
test_certifies_whom_it_let_in(void **state)
{
	struct auth_key wrong = auth_2;
	struct message a, q = { .kind = ASK_ENROL, .session = 1,
	    .bytes = other + 32, .len = ED25519_KEY_LEN };

	(void)state;
	expect_no(ask_message(&q), EX_NOPERM, "does not enrol");
	expect_no(enrol(1, &auth_1), EX_NOPERM, "no such session");
	arrive(1, 1);
	expect_no(ask_message(&q), EX_NOPERM, "does not enrol");
	wrong.secret[0] ^= 1;
	assert_int_not_equal(enrol(1, &wrong).code, 0);
	expect_no(ask_message(&q), EX_NOPERM, "does not enrol");
	log_in(1, sign_request("laptop", laptop, NULL, 1, NULL));
	expect_no(ask_message(&q), EX_NOPERM, "does not enrol");
	expect_no(ask_of(ASK_RENEW, 1, other + 32, 32), EX_DATAERR,
	    "not yet due");
	assert_int_equal(enrol(1, &auth_1).code, 0);
	expect_no(ask_of(ASK_RENEW, 1, other + 32, 32), EX_NOPERM,
	    "was not let in");
	q.session = 2;			/* another's */
	expect_no(ask_message(&q), EX_NOPERM, "does not enrol");
	q.session = 1;
	strcpy(q.name, "web-2");
	a = ask_message(&q);
	assert_string_equal(a.name, "web-1");
	expect_no(a, EX_DATAERR, "is for \"web-1\"");
	q.name[0] = '\0';
	q.len = 31;
	expect_no(ask_message(&q), EX_DATAERR, "not an Ed25519 key");
	q.len = ED25519_KEY_LEN;
	q.more = other;
	q.more_len = 63;
	expect_no(ask_message(&q), EX_DATAERR, "or its signature");
	a = certify(ASK_ENROL, 1, other);
	assert_int_equal(a.code, 0);
	assert_false(a.flag);
	assert_string_equal(a.name, "web-1");
	/* It is used up, and who has left gets nothing. */
	expect_no(certify(ASK_ENROL, 1, other), EX_DATAERR, "with a proof");
	arrive(3, 3);
	assert_int_equal(enrol(3, &auth_1).code, 0);
	expect_no(certify(ASK_ENROL, 3, laptop), EX_DATAERR, "used already");
	assert_int_equal(ask_of(ASK_LEFT, 1, NULL, 0).kind, 0);
	q.more_len = 0;
	expect_no(ask_message(&q), EX_NOPERM, "does not enrol");
}

/* Whose key it is, is not for the network process to say. */
static void
test_certifies_proven_keys(void **state)
{
	uint8_t proof[ED25519_SIGNATURE_LEN], old[CHALLENGE_LEN];
	struct message a, q = { .kind = ASK_ENROL, .session = 1,
	    .bytes = other + 32, .len = ED25519_KEY_LEN };
	uint64_t n;

	(void)state;
	for (n = 1; n <= 3; n++) {
		arrive(n, (uint8_t)n);
		assert_int_equal(enrol(n, &auth_1).code, 0);
		q.session = n;
		memset(proof, 0, sizeof(proof));
		expect_no(ask_proven(q, proof), EX_DATAERR,
		    "without a challenge");
		a = ask_message(&q);
		assert_int_equal(a.code, 0);
		assert_true(a.flag);
		assert_string_equal(a.name, "web-1");
		assert_int_equal(a.len, CHALLENGE_LEN);
		if (n == 1)		/* by another key */
			prove(a.bytes, "web-1", laptop, proof);
		else if (n == 2)	/* for another name */
			prove(a.bytes, "web-2", other, proof);
		else			/* of another session */
			prove(old, "web-1", other, proof);
		memcpy(old, a.bytes, sizeof(old));
		expect_no(ask_proven(q, proof), EX_DATAERR, "does not show");
		/* There is no second try. */
		prove(old, "web-1", other, proof);
		expect_no(ask_proven(q, proof), EX_DATAERR,
		    "without a challenge");
		expect_no(ask_message(&q), EX_DATAERR, "was expected");
	}
	arrive(4, 4);			/* nothing was used up */
	assert_int_equal(enrol(4, &auth_1).code, 0);
	assert_int_equal(certify(ASK_ENROL, 4, other).code, 0);
	/* Another's key, proven. */
	arrive(5, 5);
	assert_int_equal(enrol(5, &auth_2).code, 0);
	q.session = 5;
	a = ask_message(&q);
	prove(a.bytes, "web-2", other, proof);
	expect_no(ask_proven(q, proof), EX_DATAERR, "is another's");
}

static void
test_renews_for_certificates_only(void **state)
{
	struct message c, a;
	struct certificate read;
	struct error e;

	(void)state;
	c = certificate_of(other);
	assert_int_equal(certificate_read(c.bytes, c.len, &read, &e), 0);
	assert_true(read.valid_before <= (uint64_t)time(NULL) +
	    config.certificate_lifetime);
	arrive(1, 1);
	/* Another has seen the certificate: it is public. */
	expect_no(log_in(1, sign_request("web-1", laptop, &c, 1, NULL)),
	    EX_NOPERM, "a wrong signature");
	expect_no(log_in(1, sign_request("web-2", other, &c, 1, NULL)),
	    EX_NOPERM, "");
	expect_no(ask_of(ASK_LOGGED_IN, 1, NULL, 0), EX_NOPERM, "not let in");
	a = log_in(1, sign_request("web-1", other, &c, 1, NULL));
	assert_int_equal(a.code, 0);
	assert_int_equal(a.number, read.serial);
	assert_int_equal(ask_of(ASK_LOGGED_IN, 1, NULL, 0).code, 0);
	a = ask_of(ASK_RENEW, 1, laptop + 32, 32);
	assert_true(a.flag);
	expect_no(a, EX_DATAERR, "not yet due");
	keeper->renew_before = config.certificate_lifetime;
	a = certify(ASK_RENEW, 1, other);
	assert_int_equal(a.code, 0);
	assert_int_equal(a.number, read.serial + 1);
	assert_int_equal(certificate_read(a.bytes, a.len, &read, &e), 0);
	assert_string_equal(read.principals[0], "web-1");
	/* One that was revoked meanwhile gets no other. */
	assert_int_equal(registry_rekey(keeper->registry, "web-1", &auth_1,
	    &e), 0);
	assert_int_not_equal(certify(ASK_RENEW, 1, other).code, 0);
}

static void
test_so_many_sessions(void **state)
{
	static const uint8_t id[32];
	uint64_t n = 1;

	(void)state;
	while (guests_add(&keeper->guests, n, id, sizeof(id)) != NULL)
		n++;
	assert_int_equal(n, GUESTS_MAX + 1);
	expect_no(ask_of(ASK_SIGN, n, id, sizeof(id)), EX_TEMPFAIL,
	    "too many sessions");
	assert_int_equal(ask_of(ASK_SIGN, 10000, id, sizeof(id)).code, 0);
	ask_of(ASK_LEFT, 10000, NULL, 0);
	assert_int_equal(ask_of(ASK_SIGN, n, id, sizeof(id)).code, 0);
	assert_int_equal(keeper->guests.n, GUESTS_MAX);
}

static void
test_nonsense(void **state)
{
	const struct message q = { .kind = ASK_ENROL, .session = 1,
	    .name = "web-1", .bytes = other, .len = 32 };
	static uint8_t out[MESSAGE_MAX], big[MESSAGE_MAX];
	const struct message huge = { .kind = ASK_SEEN, .bytes = big,
	    .len = sizeof(big) };
	size_t i, n = message_write(&q, out);

	(void)state;
	for (i = 0; i < n; i++)
		expect_no(ask_bytes(out, i), EX_DATAERR, "malformed");
	out[n] = 0;
	expect_no(ask_bytes(out, n + 1), EX_DATAERR, "malformed");
	memcpy(strstr((char *)out + 26, "web-1"), "../x1", 5);
	expect_no(ask_bytes(out, n), EX_DATAERR, "malformed");
	assert_int_equal(message_write(&huge, out), 0);
	expect_no(ask_bytes(big, sizeof(big)), EX_DATAERR, "malformed");
	expect_no(ask_of(ASK_STARTED, 0, NULL, 0), EX_DATAERR,
	    "no such question");
	expect_no(ask_of(ASK_SEEN, 0, big, 100), EX_DATAERR, "malformed");
}

/* --- the registry --------------------------------------------------- */

static struct {
	unsigned n, removed;
	char names[8][NAME_MAX_LEN];
} told;

static void
count_row(const struct peer_row *row)
{
	assert_true(told.n < 8);
	memcpy(told.names[told.n++], row->peer.name, NAME_MAX_LEN);
	told.removed += row->removed;
}

/* All that there is to be told now; whether it is everybody. */
static bool
read_changes(void)
{
	static struct peer_row row;
	struct message a, q = { .kind = ASK_CHANGES, .flag = true };

	memset(&told, 0, sizeof(told));
	do {
		a = ask_message(&q);
		assert_int_equal(a.code, 0);
		while (row_read(&row, &a.bytes, &a.len))
			count_row(&row);
		assert_int_equal(a.len, 0);
		q.flag = false;
	} while (a.flag);
	return a.number == 1;
}

static void
test_changes(void **state)
{
	struct error e;

	(void)state;
	assert_true(read_changes());
	assert_int_equal(told.n, 3);
	assert_false(read_changes());
	assert_int_equal(told.n, 0);
	assert_int_equal(registry_remove(keeper->registry, PEER_AGENT, "web-2",
	    &e), 0);
	/* A login is told that there is something, and does not lose it. */
	arrive(1, 1);
	assert_true(log_in(1, sign_request("laptop", laptop, NULL, 1,
	    NULL)).flag);
	assert_false(read_changes());
	assert_int_equal(told.removed, 1);
	assert_false(log_in(1, sign_request("laptop", laptop, NULL, 1,
	    NULL)).flag);
}

static void
test_what_was_seen(void **state)
{
	static struct peer_row row;
	static struct peer p;
	static uint8_t rows[8192];
	struct error e;
	size_t len = 0;

	(void)state;
	assert_int_equal(registry_find(keeper->registry, "web-1", &row.peer,
	    &e), 1);
	row.peer.last_seen = 1700000000;
	row.peer.load = 1.5;
	row.peer.online = true;
	assert_true(row_write(&row, rows, sizeof(rows), &len));
	/* A second one that is cut off: none of it is written. */
	expect_no(ask_of(ASK_SEEN, 0, rows, len - 1), EX_DATAERR, "malformed");
	registry_find(keeper->registry, "web-1", &p, &e);
	assert_int_equal(p.last_seen, 0);
	assert_int_equal(ask_of(ASK_SEEN, 0, rows, len).code, 0);
	registry_find(keeper->registry, "web-1", &p, &e);
	assert_int_equal(p.last_seen, 1700000000);
	assert_true(p.load > 1.4 && p.online && !p.enrolled);
	assert_int_equal(ask_of(ASK_REGISTERED, 0, NULL, 0).flag, false);
	assert_false(row_write(&row, rows, len + 1, &len));
}

/* --- sockets -------------------------------------------------------- */

static struct message
listen_for(enum message_kind kind, const char *name, uint64_t number)
{
	struct message q = { .kind = (uint8_t)kind, .number = number };

	strcpy(q.name, name);
	assert_int_equal(keeper->hand, -1);
	return ask_message(&q);
}

static bool
is_listening(int fd)
{
	socklen_t len = sizeof(int);
	int yes = 0;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len),
	    0);
	return yes != 0;
}

static void
test_sockets_of_agents(void **state)
{
	char *path = xasprintf("%s/agents/web-1/80.sock", config.runtime);
	char *folder = xasprintf("%s/agents/web-1", config.runtime);
	struct stat st;
	int fd;

	(void)state;
	/* No place is taken from a question, and only agents have one. */
	expect_no(listen_for(ASK_LISTEN, "", 80), EX_DATAERR, "no socket");
	expect_no(listen_for(ASK_LISTEN, "web-1", 65536), EX_DATAERR,
	    "no socket");
	expect_no(listen_for(ASK_LISTEN, "../x", 80), EX_DATAERR,
	    "malformed");
	expect_no(listen_for(ASK_LISTEN, "a/b", 80), EX_DATAERR, "malformed");
	expect_no(listen_for(ASK_LISTEN, "laptop", 80), EX_NOUSER,
	    "no such agent");
	expect_no(listen_for(ASK_LISTEN, "web-3", 80), EX_NOUSER,
	    "no such agent");
	assert_int_equal(keeper->hand, -1);
	assert_int_equal(listen_for(ASK_LISTEN, "web-1", 80).code, 0);
	fd = keeper->hand;
	keeper->hand = -1;
	assert_true(is_listening(fd));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* Somebody listens there: it is not taken away, nor removed. */
	assert_int_equal(listen_for(ASK_REMOVE, "web-1", 80).kind, 0);
	assert_int_equal(stat(path, &st), 0);
	close(fd);
	listen_for(ASK_REMOVE, "web-1", 80);
	assert_int_equal(stat(path, &st), -1);
	/* Who is registered keeps the folder, which a container may have. */
	listen_for(ASK_REMOVE, "web-1", 0);
	assert_int_equal(stat(folder, &st), 0);
	free(folder);
	free(path);
}

/* As a gateway that was killed leaves it; with a file of somebody else's. */
static char *
leave_folder(const char *name)
{
	char *path = xasprintf("%s/agents/%s/docker.sock", config.runtime,
	    name);
	char *folder = xasprintf("%s/agents/%s", config.runtime, name);
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	mkdir(folder, 0750);
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	free(path);
	return folder;
}

static void
test_what_a_killed_one_left(void **state)
{
	char *known = leave_folder("web-1"), *gone = leave_folder("web-3");
	char *full = leave_folder("web-4");
	char *file = xasprintf("%s/notes", full);
	struct stat before, after;

	(void)state;
	close(open(file, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(stat(known, &before), 0);
	sockets_sweep(keeper);
	assert_int_equal(stat(known, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(rmdir(known), 0);	/* its socket is gone */
	assert_int_equal(access(gone, F_OK), -1);
	assert_int_equal(access(file, F_OK), 0);
	unlink(file);
	assert_int_equal(mkdir(gone, 0750), 0);
	listen_for(ASK_REMOVE, "web-3", 80);
	assert_int_equal(access(gone, F_OK), 0);
	listen_for(ASK_REMOVE, "web-3", 0);
	assert_int_equal(access(gone, F_OK), -1);
	sockets_sweep(keeper);
	assert_int_equal(access(full, F_OK), -1);
	free(file);
	free(full);
	free(gone);
	free(known);
}

static void
test_ports_of_agents(void **state)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct error e;
	uint16_t port;

	(void)state;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	port = ntohs(sin.sin_port);
	close(fd);
	expect_no(listen_for(ASK_LISTEN_TCP, "web-1", port), EX_NOPERM,
	    "not a port");
	expect_no(listen_for(ASK_LISTEN_TCP, "web-1", 0), EX_NOPERM,
	    "not a port");
	assert_int_equal(registry_set_docker_port(keeper->registry, "web-1",
	    port, &e), 0);
	expect_no(listen_for(ASK_LISTEN_TCP, "web-2", port), EX_NOPERM,
	    "not a port");
	expect_no(listen_for(ASK_LISTEN_TCP, "web-1", 65536 + port),
	    EX_DATAERR, "no port");
	assert_int_equal(listen_for(ASK_LISTEN_TCP, "web-1", port).code, 0);
	assert_true(is_listening(keeper->hand));
	len = sizeof(sin);
	getsockname(keeper->hand, (struct sockaddr *)&sin, &len);
	assert_int_equal(ntohs(sin.sin_port), port);
	assert_int_equal(ntohl(sin.sin_addr.s_addr), INADDR_LOOPBACK);
	close(keeper->hand);
	keeper->hand = -1;
	keeper->docker_tcp = true;
	assert_int_equal(listen_for(ASK_LISTEN_TCP, "web-2", 0).code, 0);
	close(keeper->hand);
}

/* --- as a process --------------------------------------------------- */

static struct monitor *
must_start(void)
{
	struct error e;
	struct monitor *m = monitor_start(&config, 0, NULL, &e);

	if (m == NULL)
		fail_msg("%s", e.text);
	return m;
}

/* Takes over what has changed, asking in between as one may. */
static unsigned
take_changes(struct monitor *m, struct ask_changes *ch)
{
	static struct ask_change c;
	unsigned n = 0;
	struct error e;
	int rc;

	while ((rc = ask_changes(m, ch, &c, &e)) == 1) {
		assert_false(c.removed);
		assert_int_not_equal(c.position, 0);
		assert_int_equal(ask_registered(m, c.peer.id, NULL), 1);
		n++;
	}
	assert_int_equal(rc, 0);
	return n;
}

static void
test_process(void **state)
{
	uint8_t hash[32] = { 1 }, signature[64];
	struct ask_changes changes = { .whole = false };
	struct monitor *m, *second;
	struct error e;
	int fd;

	(void)state;
	keeper_close(keeper);
	keeper = NULL;
	m = must_start();
	key_blob_read(monitor_host_key(m), KEY_BLOB_LEN, host_key);
	assert_int_equal(ask_sign(m, 1, hash, sizeof(hash), signature, &e), 0);
	assert_int_equal(crypto_sign_verify_detached(signature, hash,
	    sizeof(hash), host_key), 0);
	assert_int_equal(ask_sign(m, 1, hash, 31, signature, &e), -1);
	assert_int_equal(e.code, EX_DATAERR);
	ask_left(m, 1);
	fd = ask_listen(m, "web-2", 0, &e);
	assert_true(fd != -1 && is_listening(fd));
	close(fd);
	ask_remove(m, "web-2", 0);
	assert_int_equal(ask_listen_tcp(m, "web-2", 1, &e), -1);
	assert_int_equal(take_changes(m, &changes), 3);
	assert_true(changes.whole);
	assert_int_equal(take_changes(m, &changes), 0);
	assert_false(changes.whole);
	assert_int_equal(ask_registered(m, 1, &e), 0);
	second = monitor_start(&config, 0, NULL, &e);
	assert_null(second);
	assert_int_equal(e.code, EX_UNAVAILABLE);
	/* Signals that end a service are not for it. */
	kill(m->pid, SIGTERM);
	kill(m->pid, SIGINT);
	kill(m->pid, SIGHUP);
	assert_int_equal(ask_registered(m, 1, &e), 0);
	monitor_stop(m);

	/* It is gone now, and so is its lock. */
	m = must_start();
	kill(m->pid, SIGKILL);
	while (ask_registered(m, 1, &e) == 0)
		;
	assert_int_equal(e.code, EX_SOFTWARE);
	assert_true(monitor_is_lost(m));
	assert_int_equal(ask_sign(m, 1, hash, 32, signature, &e), -1);
	ask_left(m, 1);
	monitor_stop(m);
	m = must_start();
	monitor_stop(m);
}

/* What is wrong with its state is its first word. */
static void
test_process_that_cannot_start(void **state)
{
	char *line = xasprintf("chmod 644 %s", config.host_key);
	struct error e;

	(void)state;
	keeper_close(keeper);
	keeper = NULL;
	assert_int_equal(system(line), 0);
	assert_null(monitor_start(&config, 0, NULL, &e));
	assert_int_equal(e.code, EX_CONFIG);
	assert_non_null(strstr(e.text, config.host_key));
	free(line);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signs_hashes_only),
		TEST(test_lets_in_who_has_signed),
		TEST(test_forged_logins),
		TEST(test_a_probe_lets_nobody_in),
		TEST(test_certifies_whom_it_let_in),
		TEST(test_certifies_proven_keys),
		TEST(test_renews_for_certificates_only),
		TEST(test_so_many_sessions),
		TEST(test_nonsense),
		TEST(test_changes),
		TEST(test_what_was_seen),
		TEST(test_sockets_of_agents),
		TEST(test_what_a_killed_one_left),
		TEST(test_ports_of_agents),
		TEST(test_process),
		TEST(test_process_that_cannot_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
