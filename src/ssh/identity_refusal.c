/* SPDX-License-Identifier: ISC */
/*
 * Why a server may have refused an identity, as far as that can be seen from
 * here: its certificate's times and names, or a key that nobody put there.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <libssh/libssh.h>

#include "orthrus/proto/certificate.h"

#include "identity_private.h"

#define DATE_MAX 32

static void
date_text(uint64_t when, char text[DATE_MAX])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(text, DATE_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		strcpy(text, "a strange date");
}

/* ssh-keygen(1) before OpenSSH 9.6 does not tell the public half of PKCS#8. */
static void
why_key_refused(const struct identity *id, char *text, size_t size)
{
	static const char must[] = "its public half must be in that user's "
	    "authorized_keys";
	char *public = NULL;

	if (id != NULL && id->pkcs8 && ssh_pki_export_pubkey_base64(id->key,
	    &public) == SSH_OK)
		snprintf(text, size, "%s: of this PKCS#8 key it is \"%s %s\"",
		    must, KEY_TYPE_NAME, public);
	else
		snprintf(text, size, "%s", must);
	ssh_string_free_char(public);
}

void
identity_why_refused(const struct identity *id, const char *user, bool gateway,
    uint64_t now, char *text, size_t size)
{
	const struct certificate *c = identity_certificate(id);
	char date[DATE_MAX];
	size_t i;

	if (c == NULL) {
		why_key_refused(id, text, size);
		return;
	}
	for (i = 0; i < c->nprincipals &&
	    strcmp(c->principals[i], user) != 0; i++)
		;
	if (now >= c->valid_before) {
		date_text(c->valid_before, date);
		snprintf(text, size, "its certificate expired at %s; \"charon "
		    "agent rekey %s\" at the gateway makes an AUTH_KEY for a "
		    "new one", date, user);
	} else if (now < c->valid_after) {
		date_text(c->valid_after, date);
		snprintf(text, size, "its certificate is not valid before %s; "
		    "is this host's clock right?", date);
	} else if (c->nprincipals > 0 && i == c->nprincipals)
		snprintf(text, size, "its certificate is for \"%s\"; log in as "
		    "that user (--user, --name)%s", c->principals[0],
		    gateway ? "" : ", or with a key of your own: "
		    "-i ~/.ssh/id_ed25519");
	else if (gateway)
		snprintf(text, size, "the gateway's log says why; when its "
		    "identity was revoked, \"charon agent rekey %s\" helps, "
		    "or \"agent add\" where it was removed", user);
	else
		snprintf(text, size, "the server does not trust who signed "
		    "its certificate, or that was revoked");
}
