/* SPDX-License-Identifier: ISC */
/* What we log in with, where it is kept, and the clock that judges it. */
#include "config.h"

#include "doctor.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/ssh/identity.h"

#include "enroll.h"
#include "orthrus.h"

#define LATE_PART 14		/* of a certificate's life: half of when it is
				   renewed by default */
#define ISSUED_EARLY 60		/* s: charon's certificates begin before now */
#define ROOM_LEAST (1024 * 1024)	/* bytes, for renewals and known_hosts */
#define WRITTEN_AT 1793491200	/* 2026-11-01: no clock is right before */

/* --- the identity ------------------------------------------------- */

static void
look_at_certificate(struct doctor *d, const struct certificate *c)
{
	uint64_t now = (uint64_t)time(NULL),
	    life = c->valid_before - c->valid_after;
	const char *user = d->config->servers[0].user;
	char text[TIME_TEXT_MAX], why[256];

	if (c->valid_before > INT64_MAX)
		strcpy(text, "the end of time");
	else
		time_text((int64_t)c->valid_before, text);
	if (now >= c->valid_before || now < c->valid_after) {
		identity_why_refused(d->identity, user, true, now, why,
		    sizeof(why));
		finding_fail(d->found, EX_NOPERM, "certificate", "%s: %s",
		    d->config->identity, why);
	} else if (c->valid_before - now < life / LATE_PART)
		finding_warn(d->found, "certificate", "valid until %s, and "
		    "nobody has renewed it: \"orthrus connect\" does, while it "
		    "is connected", text);
	else
		finding_ok(d->found, "certificate", "%s, valid until %s",
		    c->nprincipals > 0 ? c->principals[0] : user, text);
}

/* There is no key yet: true when something else will do. */
static bool
look_at_other_credentials(struct doctor *d)
{
	const struct config *c = d->config;

	if (access(c->identity, F_OK) == 0)
		return false;
	if (c->auth_key != NULL)
		finding_ok(d->found, "identity", "none yet: \"orthrus "
		    "connect\" will enrol with the AUTH_KEY");
	else if (d->password != NULL)
		finding_ok(d->found, "identity", "none, a password is used");
	return c->auth_key != NULL || d->password != NULL;
}

void
doctor_look_at_identity(struct doctor *d)
{
	const struct certificate *cert;
	struct config *c = d->config;
	struct error e;

	if (c->password_file != NULL &&
	    (d->password = secret_load(c->password_file, &e)) == NULL)
		finding_fail(d->found, e.code, "password", "%s", e.text);
	if (look_at_other_credentials(d))
		return;
	if ((d->identity = orthrus_load_identity(c, false, &e)) == NULL) {
		finding_fail(d->found, e.code, "identity", "%s", e.text);
		return;
	}
	if (!config_name_is_default(c) &&
	    enrolment_name_fits(c, c->name, &e) == -1)
		finding_fail(d->found, e.code, "identity", "%s", e.text);
	else
		finding_ok(d->found, "identity", "%s%s", c->identity,
		    enrolment_is_own(c) ? "" : ", enrolled");
	if ((cert = identity_certificate(d->identity)) != NULL)
		look_at_certificate(d, cert);
}

/* --- the state directory ------------------------------------------ */

static void
look_at_room(struct doctor *d, const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < ROOM_LEAST)
		finding_warn(d->found, "state", "%s: the disk is full, and a "
		    "renewed certificate would not fit", dir);
}

static void
look_at_state_directory(struct doctor *d, const char *dir,
    const struct stat *st)
{
	unsigned mode = (unsigned)st->st_mode & 07777;

	if (!S_ISDIR(st->st_mode))
		finding_fail(d->found, EX_CANTCREAT, "state", "%s is no "
		    "directory", dir);
	else if ((mode & 022) != 0 && (mode & S_ISVTX) == 0)
		finding_fail(d->found, EX_CONFIG, "state", "%s: others may "
		    "write there (mode %04o); run \"chmod 700 %s\"", dir, mode,
		    dir);
	else if (access(dir, W_OK | X_OK) == -1)
		finding_fail(d->found, EX_CANTCREAT, "state", "%s: %s; it "
		    "belongs to user %u", dir, strerror(errno),
		    (unsigned)st->st_uid);
	else
		finding_ok(d->found, "state", "%s, mode %04o%s", dir, mode,
		    st->st_uid == geteuid() ? "" : ", another user's");
}

/* It is made at the first start, where the nearest one above lets us. */
static void
look_above(struct doctor *d, const char *dir)
{
	char *copy = xstrdup(dir), *above = copy;

	do
		above = dirname(above);
	while (access(above, F_OK) == -1 && errno == ENOENT &&
	    above[1] != '\0');
	if (access(above, W_OK | X_OK) == 0)
		finding_ok(d->found, "state", "%s is not there yet, and can be "
		    "made", dir);
	else
		finding_fail(d->found, EX_CANTCREAT, "state", "%s is not "
		    "there, and cannot be made: %s: %s", dir, above,
		    strerror(errno));
	free(copy);
}

void
doctor_look_at_state(struct doctor *d)
{
	char *copy = xstrdup(d->config->identity), *dir = dirname(copy);
	struct stat st;

	if (stat(dir, &st) == 0) {
		look_at_state_directory(d, dir, &st);
		look_at_room(d, dir);
	} else if (errno == ENOENT)
		look_above(d, dir);
	else
		finding_fail(d->found, EX_CANTCREAT, "state", "%s: %s", dir,
		    strerror(errno));
	free(copy);
}

/* --- the clock ---------------------------------------------------- */

/*
 * How far this clock was behind the gateway's when the certificate came, in
 * seconds: the file has our time of that moment, the certificate the gateway's.
 * Ahead of it cannot be told from a copy that was made later.
 */
static int64_t
behind_gateway(const struct config *c, const struct certificate *cert)
{
	char *path = xasprintf("%s-cert.pub", c->identity);
	struct stat st;
	int64_t behind = 0;

	if (!enrolment_is_own(c) && stat(path, &st) == 0)
		behind = (int64_t)cert->valid_after + ISSUED_EARLY -
		    (int64_t)st.st_mtime;
	free(path);
	return behind;
}

void
doctor_look_at_clock(struct doctor *d)
{
	const struct certificate *cert = identity_certificate(d->identity);
	int64_t now = (int64_t)time(NULL), behind = 0;
	char text[TIME_TEXT_MAX];

	time_text(now, text);
	if (cert != NULL)
		behind = behind_gateway(d->config, cert);
	if (now < WRITTEN_AT)
		finding_fail(d->found, EX_CONFIG, "clock", "it says %s, which "
		    "is long ago: certificates are not valid yet then; set it, "
		    "and have a time service keep it", text);
	else if (cert != NULL && now < (int64_t)cert->valid_after)
		finding_fail(d->found, EX_CONFIG, "clock", "it says %s, before "
		    "the gateway signed the certificate; set it, and have a "
		    "time service keep it", text);
	else if (behind > ISSUED_EARLY)
		finding_warn(d->found, "clock", "it was %lld s behind the "
		    "gateway's when the certificate came; have a time service "
		    "keep both", (long long)behind);
	else
		finding_ok(d->found, "clock", "%s", text);
}
