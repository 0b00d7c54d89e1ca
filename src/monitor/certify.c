/* SPDX-License-Identifier: ISC */
/*
 * Certificates: made for those only who were let in here, and for nobody but
 * themselves.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include "keeper.h"

#define RENEW_SLACK 60		/* seconds that an agent's clock may be ahead */

static int
read_key(const struct message *q, uint8_t key[ED25519_KEY_LEN],
    struct error *e)
{
	if (q->len != ED25519_KEY_LEN)
		return error_set(e, EX_DATAERR, "not an Ed25519 key");
	memcpy(key, q->bytes, ED25519_KEY_LEN);
	return 0;
}

/* Signs c, as the answer's bytes; they are good until the next is signed. */
static void
sign_certificate(struct keeper *k, const struct certificate *c,
    struct message *a)
{
	static uint8_t blob[CERT_MAX];

	a->len = certificate_write(c, k->ca->secret, blob);
	a->bytes = blob;
	a->number = c->serial;
	strcpy(a->name, c->principals[0]);
}

/*
 * Whether the AUTH_KEY would give the name that is wanted: a wrong one must
 * not use it up.  The answer then says as what it is registered.
 */
static int
check_name(struct keeper *k, const struct guest *guest, const char *wanted,
    struct message *a, struct error *e)
{
	static struct peer p;
	int found = registry_find_id(k->registry, guest->auth.id, &p, e);

	if (found == 0)
		error_set(e, EX_NOUSER, "whose AUTH_KEY this is was removed");
	if (found != 1)
		return -1;
	if (wanted[0] == '\0' || strcmp(wanted, p.name) == 0)
		return 0;
	strcpy(a->name, p.name);
	return error_set(e, EX_DATAERR, "this AUTH_KEY is for \"%s\", not for "
	    "\"%s\"; it is still good", p.name, wanted);
}

int
certify_enrol(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	const struct guest *guest = guests_find(&k->guests, q->session);
	uint8_t key[ED25519_KEY_LEN];
	struct certificate c;

	if (guest == NULL || guest->kind != GUEST_ENROLS)
		return error_set(e, EX_NOPERM, "this session does not enrol");
	if (read_key(q, key, e) == -1 ||
	    check_name(k, guest, q->name, a, e) == -1 ||
	    registry_enrol(k->registry, &guest->auth, key,
	    k->certificate_lifetime, &c, e) == -1)
		return -1;
	k->revoked_dirty = true;
	sign_certificate(k, &c, a);
	return 0;
}

/*
 * Early renewals would only fill the registry.  The certificate that counts is
 * the one of the login: whoever could not store the next one asks again.
 */
static bool
renews_too_early(const struct keeper *k, const struct guest *guest)
{
	uint64_t now = (uint64_t)time(NULL);

	return guest->valid_before > now &&
	    guest->valid_before - now > k->renew_before + RENEW_SLACK;
}

int
certify_renew(struct keeper *k, const struct message *q, struct message *a,
    struct error *e)
{
	struct guest *guest = guests_find(&k->guests, q->session);
	uint8_t key[ED25519_KEY_LEN];
	struct certificate c;

	if (guest == NULL || guest->kind != GUEST_PEER)
		return error_set(e, EX_NOPERM, "this session was not let in");
	if (read_key(q, key, e) == -1)
		return -1;
	if (guest->serial == 0 || renews_too_early(k, guest)) {
		a->flag = true;		/* nothing to worry about */
		return error_set(e, EX_DATAERR, "not yet due (is this clock "
		    "ahead?)");
	}
	if (registry_renew(k->registry, guest->peer, guest->newest, key,
	    k->certificate_lifetime, &c, e) == -1)
		return -1;
	guest->newest = c.serial;
	sign_certificate(k, &c, a);
	return 0;
}
