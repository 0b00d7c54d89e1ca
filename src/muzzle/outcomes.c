/* SPDX-License-Identifier: ISC */
/*
 * What became of requests: refusals and an engine's failures are counted, and
 * logged with one line a second at most for each kind.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "orthrus/base/log.h"

#include "muzzle_private.h"

/* The place of a status in told_at; each has one line a second. */
static size_t
reason_class(int status)
{
	switch (status) {
	case 400:
		return 0;
	case 403:
		return 1;
	case 404:
	case 405:
		return 2;
	case 429:
		return 3;
	case 502:
		return 4;
	default:
		return 5;
	}
}

/* May a line be logged now?  *untold is how many were left out since. */
static bool
may_tell(struct muzzle *m, int status, unsigned *untold)
{
	size_t i = reason_class(status);
	int64_t now = time(NULL);

	*untold = m->untold[i];
	if (m->told_at[i] == now) {
		m->untold[i]++;
		return false;
	}
	m->told_at[i] = now;
	m->untold[i] = 0;
	return true;
}

void
muzzle_refused(struct muzzle *m, int status, const char *what, const char *why)
{
	unsigned untold;

	m->denied++;
	if (!may_tell(m, status, &untold))
		return;
	log_event(LEVEL_INFO, LOG_FIELDS(.event = "docker_refused",
	    .reason = why), "%s: refused (%d) %s: %s", m->label, status, what,
	    why);
	if (untold > 0)
		log_info("%s: %u more like it were refused before",
		    m->label, untold);
}

void
muzzle_engine_failed(struct muzzle *m, const char *why)
{
	char text[ADDRESS_TEXT_MAX];
	unsigned untold;

	if (!m->remote && m->dial_error != 0) {
		muzzle_engine_is_down(m, why);
		return;
	}
	m->ping = false;
	m->why = why;
	snprintf(m->error, sizeof(m->error), "%s", why);
	if (!may_tell(m, 502, &untold))
		return;
	if (m->remote)
		log_info("%s: %s", m->label, why);
	else
		log_warn("%s: the engine at %s: %s", m->label,
		    address_format(&m->engine, text), why);
}

void
muzzle_engine_is_down(struct muzzle *m, const char *why)
{
	bool news = m->ping || !m->asked || strcmp(m->why, why) != 0;
	unsigned untold;

	m->ping = false;
	m->asked = true;
	m->why = why;
	advice_write(&m->advice, m->engine.path, m->dial_error, why, m->error);
	if (news && may_tell(m, 502, &untold))
		log_event(LEVEL_WARN, LOG_FIELDS(.event = "docker_down",
		    .reason = m->error), "%s: %s", m->label, m->error);
}

/* What to do about it cannot be told from afar: there may be more to it. */
void
muzzle_reply_failure(const struct muzzle *m, struct http_conn *c,
    const char *what, const char *why)
{
	char text[320];

	snprintf(text, sizeof(text), "%s: %s%s", what, why,
	    m->remote || m->dial_error == 0 ? "" :
	    "; on its host, \"orthrus doctor\" says what to do");
	http_reply_error(c, 502, "", MUZZLE_PREFIX, text);
}

void
muzzle_engine_answered(struct muzzle *m)
{
	char text[ADDRESS_TEXT_MAX];

	if (m->asked && !m->ping && !m->remote)
		log_event(LEVEL_INFO, LOG_FIELDS(.event = "docker_up"),
		    "%s: the engine at %s answers again", m->label,
		    address_format(&m->engine, text));
	m->asked = m->ping = true;
	m->why = "";
	m->error[0] = '\0';
}
