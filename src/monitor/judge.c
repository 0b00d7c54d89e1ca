/* SPDX-License-Identifier: ISC */
/*
 * Who may log in: agents and clients with a certificate of ours that is in
 * force, clients with the key they were added with, and those who enrol with
 * an AUTH_KEY as their password.  Who shows a key proves it to us: with a
 * signature over the session's id, which we know because we have signed it.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include <sodium.h>

#include "orthrus/proto/dial_stdio.h"

#include "keeper.h"

/* What a login is judged by, and what comes of it. */
struct login {
	struct userauth request;
	char name[NAME_MAX_LEN], wanted[NAME_MAX_LEN];
	uint8_t key[ED25519_KEY_LEN];
	struct certificate c;		/* serial 0: a plain key */
	struct peer peer;
};

static int
judge_plain(struct keeper *k, struct login *l, struct error *e)
{
	const struct peer *p = &l->peer;
	int rc = registry_find(k->registry, l->name, &l->peer, e);

	if (rc != 1)
		return rc == -1 ? -1 : error_set(e, EX_NOPERM,
		    "no such agent or client");
	if (p->kind != PEER_CLIENT || !p->has_key)
		return error_set(e, EX_NOPERM, "it must come with a "
		    "certificate");
	if (sodium_memcmp(l->key, p->key, sizeof(l->key)) != 0)
		return error_set(e, EX_NOPERM, "not this client's key");
	return 0;
}

static int
judge_certificate(struct keeper *k, struct login *l, struct error *e)
{
	const uint8_t *blob = l->request.blob;
	size_t len = l->request.blob_len;

	if (certificate_read(blob, len, &l->c, e) == -1 ||
	    certificate_judge(&l->c, blob, len, (const uint8_t (*)[32])
	    k->ca->accepted, k->ca->naccepted, l->name, (uint64_t)time(NULL),
	    e) == -1)
		return -1;
	memcpy(l->key, l->c.key, sizeof(l->key));
	return registry_certificate_valid(k->registry, l->name, l->c.serial,
	    l->c.key, &l->peer, e) == 1 ? 0 : -1;
}

/* May this key come at all, whoever has it? */
static int
judge_blob(struct keeper *k, struct login *l, struct error *e)
{
	const struct userauth *u = &l->request;

	l->c.serial = 0;
	if (!dial_stdio_user(u->user, l->name, l->wanted))
		return error_set(e, EX_NOPERM,
		    "not the name of an agent or client");
	if (u->host_key != NULL && (u->host_key_len != sizeof(k->host_blob) ||
	    memcmp(u->host_key, k->host_blob, sizeof(k->host_blob)) != 0))
		return error_set(e, EX_NOPERM, "it is meant for a server with "
		    "another host key");
	if (key_blob_read(u->blob, u->blob_len, l->key) == 0)
		return judge_plain(k, l, e);
	return judge_certificate(k, l, e);
}

static void
let_in(struct guest *guest, const struct login *l)
{
	guest->kind = GUEST_PEER;
	guest->peer = l->peer.id;
	memcpy(guest->name, l->peer.name, sizeof(guest->name));
	guest->serial = guest->newest = l->c.serial;
	guest->valid_before = l->c.serial != 0 ? l->c.valid_before : 0;
}

int
judge_key(struct keeper *k, const struct message *q, struct peer_row *row,
    uint64_t *serial, struct error *e)
{
	static struct login l;
	struct guest *guest = guests_find(&k->guests, q->session);

	if (!userauth_read(q->bytes, q->len, &l.request))
		return error_set(e, EX_DATAERR, "a malformed request");
	if (guest == NULL)
		return error_set(e, EX_NOPERM, "no such session");
	if (judge_blob(k, &l, e) == -1)
		return -1;
	if (l.request.signature != NULL) {
		if (!userauth_is_signed(&l.request, q->bytes,
		    guest->session_id, guest->id_len, l.key))
			return error_set(e, EX_NOPERM, "a wrong signature");
		let_in(guest, &l);
	}
	row->removed = row->revoked = false;
	row->peer = l.peer;
	row->peer.hello.kind = LEASH_UNKNOWN;
	*serial = l.c.serial;
	return 0;
}

int
judge_password(struct keeper *k, const struct message *q, uint64_t *id,
    struct error *e)
{
	struct guest *guest = guests_find(&k->guests, q->session);
	char text[AUTH_KEY_TEXT_MAX + 1] = "";
	struct auth_key auth;
	bool ok;

	/* One that is longer is still too long when it is cut off here. */
	memcpy(text, q->bytes, q->len < sizeof(text) ? q->len :
	    sizeof(text) - 1);
	ok = auth_key_parse(text, &auth, e) == 0 &&
	    registry_auth_key_valid(k->registry, &auth, e);
	if (ok && guest == NULL)
		ok = error_set(e, EX_NOPERM, "no such session") == 0;
	if (ok) {
		guest->kind = GUEST_ENROLS;
		guest->auth = auth;
		*id = auth.id;
	}
	sodium_memzero(text, sizeof(text));
	auth_key_wipe(&auth);
	return ok ? 0 : -1;
}
