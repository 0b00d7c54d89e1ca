/* SPDX-License-Identifier: ISC */
/*
 * What is looked at before an enrolment: whether one is needed, and where the
 * identity that is there has come from.
 */
#include "config.h"

#include "enroll.h"

#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/successor.h"

bool
enrolment_is_own(const struct config *c)
{
	char mark[MARK_MAX];

	return access(c->identity, F_OK) == 0 &&
	    !successor_mark(c->identity, mark);
}

void
enrolment_name(const struct config *c, char name[NAME_MAX_LEN])
{
	const struct certificate *cert;
	struct identity *id = NULL;
	char mark[MARK_MAX];

	name[0] = '\0';
	if (successor_mark(c->identity, mark))
		id = identity_load(c->identity, NULL);
	cert = identity_certificate(id);
	if (cert != NULL && cert->nprincipals > 0)
		memcpy(name, cert->principals[0], NAME_MAX_LEN);
	identity_free(id);
}

int
enrolment_name_fits(const struct config *c, const char *name, struct error *e)
{
	char present[NAME_MAX_LEN];

	enrolment_name(c, present);
	if (present[0] == '\0' || strcmp(present, name) == 0)
		return 0;
	return error_set(e, EX_CONFIG, "%s is the identity of \"%s\"; give "
	    "\"%s\" another STATE_DIRECTORY or --identity", c->identity,
	    present, name);
}

int
enrolment_look(const struct config *c, bool *needed, struct error *e)
{
	char mark[MARK_MAX], ours[MARK_MAX];

	*needed = false;
	if (successor_settle(c->identity, e) == -1)
		return -1;
	if (!config_name_is_default(c) &&
	    enrolment_name_fits(c, c->name, e) == -1)
		return -1;
	if (c->auth_key == NULL)
		return 0;
	successor_hash(c->auth_key, ours);
	if (access(c->identity, F_OK) == -1)
		*needed = true;
	else if (successor_mark(c->identity, mark) &&
	    sodium_memcmp(mark, ours, MARK_MAX) != 0) {
		log_info("the AUTH_KEY is another one than that of the "
		    "identity %s: enrolling anew", c->identity);
		*needed = true;
	}
	return 0;
}
