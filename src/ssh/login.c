/* SPDX-License-Identifier: ISC */
/*
 * The server's half of the login (RFC 4252): which requests libssh gets to
 * see, what their owner says to keys and passwords, and when it is enough.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/proto/userauth.h"
#include "orthrus/proto/wire.h"

#include "inbound_private.h"

#define REQUESTS_MAX 32		/* even of those that cost no attempt */
#define BLOB_TEXT_MAX 8192	/* base64 of a key that is looked at */
#define TOO_MANY "Too many authentication failures"

/*
 * True until the login or the end.  It does not ask for the keys: a client may
 * send its request together with its NEWKEYS, and then libssh hands it on
 * before it says that the keys are there.
 */
static bool
awaits_login(const struct inbound *in)
{
	return !in->logged_in && !connection_is_over(in->connection);
}

static void
tell_turned_away(struct inbound *in, const char *why)
{
	in->acceptor->events.turned_away(in->acceptor->arg, in, why);
}

static void
count_failed_login(struct inbound *in)
{
	in->acceptor->counters.refused++;
	if (++in->failures >= in->acceptor->config.attempts)
		inbound_end(in, TOO_MANY);
}

static bool
may_use_password(const struct inbound *in, const char *user)
{
	return in->acceptor->password_user != NULL &&
	    strcmp(user, in->acceptor->password_user) == 0;
}

/*
 * OpenSSH's way to log in with a key that names the host as well (its
 * PROTOCOL.agent, section 2): libssh serves it, and says so to clients, from
 * 0.12 on.  Only a request that is meant for us may pass.
 */
static bool
is_hostbound(const char *method)
{
	return LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0) &&
	    strcmp(method, "publickey-hostbound-v00@openssh.com") == 0;
}

static bool
names_our_host_key(const struct inbound *in, struct wire *w)
{
	const struct acceptor *a = in->acceptor;
	size_t len;
	const uint8_t *blob = wire_string(w, &len);

	return !w->bad && len == sizeof(a->host_key.blob) &&
	    memcmp(blob, a->host_key.blob, len) == 0;
}

/*
 * True when all of the request was read.  Bytes behind it are not covered by
 * its signature, and mean nothing.
 */
static bool
request_ends(const struct wire *w)
{
	return !w->bad && w->left == 0;
}

/* RFC 4252 section 8: TRUE announces a second password, the new one. */
static bool
is_password_request(struct wire *w)
{
	size_t len;
	bool change = wire_bool(w);

	wire_string(w, &len);
	if (change)
		wire_string(w, &len);
	return request_ends(w);
}

/* RFC 4252 section 7: TRUE announces a signature. */
static bool
is_key_request(const struct inbound *in, struct wire *w, bool hostbound)
{
	char type[64];
	struct wire key;
	size_t len;
	const uint8_t *blob;
	bool is_signed = wire_bool(w);

	wire_text(w, type, sizeof(type));
	blob = wire_string(w, &len);
	wire_init(&key, blob, len);
	if (hostbound && !names_our_host_key(in, w))
		return false;
	if (is_signed)
		wire_string(w, &len);
	/*
	 * libssh parses the key as the type that the blob names, so that both
	 * must agree.
	 */
	return request_ends(w) && wire_is(&key, type) && !key.bad &&
	    (strcmp(type, KEY_TYPE_NAME) == 0 ||
	    strcmp(type, CERT_TYPE_NAME) == 0);
}

/*
 * libssh is shown what we mean to serve and nothing else: not its GSSAPI, not
 * its keyboard-interactive, not its parsers of other keys.
 */
static bool
request_may_pass(struct inbound *in, const uint8_t *p, size_t len)
{
	char method[64], *user = in->user;
	struct wire w;
	bool password, hostbound;

	wire_init(&w, p, len);
	wire_text(&w, user, sizeof(in->user));
	if (!wire_is(&w, "ssh-connection") || w.bad)
		return false;
	password = may_use_password(in, user);
	wire_text(&w, method, sizeof(method));
	ssh_set_auth_methods(connection_ssh(in->connection), password ?
	    SSH_AUTH_METHOD_PASSWORD : SSH_AUTH_METHOD_PUBLICKEY);
	if (w.bad || user[0] == '\0')
		return false;
	if (strcmp(method, "none") == 0)
		return request_ends(&w);
	if (strcmp(method, "password") == 0)
		return password && is_password_request(&w);
	hostbound = is_hostbound(method);
	if (strcmp(method, "publickey") != 0 && !hostbound)
		return false;
	return !password && is_key_request(in, &w, hostbound);
}

/* A password is in no request that is kept. */
static void
keep_request(struct inbound *in, const uint8_t *p, size_t len)
{
	struct userauth u;

	free(in->request);
	in->request = NULL;
	in->request_len = 0;
	if (!userauth_read(p, len, &u))
		return;
	in->request = xreallocarray(NULL, len, 1);
	in->request_len = len;
	memcpy(in->request, p, len);
}

static bool
on_login_request(void *arg, const uint8_t *p, size_t len)
{
	struct inbound *in = arg;

	if (!awaits_login(in))
		return false;
	if (++in->requests > REQUESTS_MAX) {
		inbound_end(in, TOO_MANY);
		return false;
	}
	keep_request(in, p, len);
	if (request_may_pass(in, p, len)) {
		in->unanswered = true;
		inbound_soon(in);
		return true;
	}
	tell_turned_away(in, "its way to log in is not served");
	connection_refuse_login(in->connection, "publickey");
	count_failed_login(in);
	return false;
}

/* Answers a login that libssh has not found worth an answer. */
static void
answer_login(struct inbound *in)
{
	if (!in->unanswered)
		return;
	in->unanswered = false;
	tell_turned_away(in, "its key or signature is damaged");
	connection_refuse_login(in->connection, "publickey");
	count_failed_login(in);
}

static int
login_succeeded(struct inbound *in)
{
	inbound_logged_in(in);
	return SSH_AUTH_SUCCESS;
}

static int
on_login_password(ssh_session session, const char *user, const char *password,
    void *arg)
{
	struct inbound *in = arg;
	const struct acceptor *a = in->acceptor;

	(void)session;
	in->unanswered = false;
	if (awaits_login(in) && may_use_password(in, user) &&
	    a->events.password(a->arg, in, password))
		return login_succeeded(in);
	count_failed_login(in);
	return SSH_AUTH_DENIED;
}

/* A question for what is served, as libssh answers it. */
static int
on_login_none(ssh_session session, const char *user, void *arg)
{
	struct inbound *in = arg;

	(void)session;
	(void)user;
	in->unanswered = false;
	return SSH_AUTH_DENIED;
}

static bool
owner_accepts_key(struct inbound *in, const char *user, ssh_key key,
    bool proven)
{
	const struct acceptor *a = in->acceptor;
	uint8_t blob[BLOB_TEXT_MAX];
	char *text = NULL;
	size_t len;
	bool ok;

	ok = ssh_pki_export_pubkey_base64(key, &text) == SSH_OK &&
	    sodium_base642bin(blob, sizeof(blob), text, strlen(text), NULL,
	    &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
	    a->events.key(a->arg, in, user, blob, len, proven);
	ssh_string_free_char(text);
	return ok;
}

/*
 * Without a signature this is only a question whether the key would do.  The
 * owner is asked again when the signature comes.
 */
static int
on_login_key(ssh_session session, const char *user, struct ssh_key_struct *key,
    char state, void *arg)
{
	struct inbound *in = arg;
	bool proven = state == SSH_PUBLICKEY_STATE_VALID;

	(void)session;
	in->unanswered = false;
	if (awaits_login(in) &&
	    (proven || state == SSH_PUBLICKEY_STATE_NONE) &&
	    owner_accepts_key(in, user, key, proven))
		return proven ? login_succeeded(in) : SSH_AUTH_SUCCESS;
	count_failed_login(in);
	return SSH_AUTH_DENIED;
}

void
login_init(struct inbound *in)
{
	in->answer = answer_login;
	in->callbacks.userdata = in;
	in->callbacks.auth_none_function = on_login_none;
	in->callbacks.auth_password_function = on_login_password;
	in->callbacks.auth_pubkey_function = on_login_key;
	ssh_callbacks_init(&in->callbacks);
	ssh_set_server_callbacks(connection_ssh(in->connection),
	    &in->callbacks);
	connection_filter_logins(in->connection, on_login_request);
}
