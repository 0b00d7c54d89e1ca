/* SPDX-License-Identifier: ISC */
/* See health_check.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"

#include "health_check.h"

#define HEAD_MAX 4096		/* that a server may say before it */
#define THEIRS "SSH-"		/* how its identification begins */
#define OURS LEASH_AGENT_BANNER "_" PACKAGE_VERSION "\r\n"

struct health_check {
	struct event_base *base;
	health_checked *checked;
	void *arg;
	struct opening *opening;	/* one of these two is under way */
	struct handshake_run *run;
	uint64_t asked_at;		/* us */
};

/* Both sides' identifications, as a handshake that leaves it at that. */
struct identification {
	struct handshake head;
	struct health_check *check;
	size_t seen;			/* bytes of what they say */
	size_t matched;			/* of how theirs begins */
	enum { BEGINNING, OTHER_LINE, THEIR_LINE, BEHIND, ANSWERED } at;
};

static void
health_check_over(struct health_check *c, int64_t rtt_ms,
    const struct error *why)
{
	health_checked *checked = c->checked;
	void *arg = c->arg;

	free(c);
	checked(arg, rtt_ms, why);
}

/*
 * Theirs stands at the beginning of a line; others may come before it.  What
 * comes behind it says that they have read ours.
 */
static void
look_at_byte(struct identification *id, uint8_t c)
{
	if (id->at == BEHIND)
		id->at = ANSWERED;
	else if (c == '\n') {
		id->at = id->at == THEIR_LINE ? BEHIND : BEGINNING;
		id->matched = 0;
	} else if (id->at == BEGINNING && c != (uint8_t)THEIRS[id->matched])
		id->at = OTHER_LINE;
	else if (id->at == BEGINNING && ++id->matched == strlen(THEIRS))
		id->at = THEIR_LINE;
}

static bool
is_answer(struct identification *id, const uint8_t *p, size_t n)
{
	size_t i;

	id->seen += n;
	for (i = 0; i < n && id->at != ANSWERED; i++)
		look_at_byte(id, p[i]);
	return id->at == ANSWERED;
}

static enum handshake_result
no_ssh_server(struct error *e, const char *what)
{
	error_set(e, EX_UNAVAILABLE, "no SSH server answers there (%s)", what);
	return HANDSHAKE_FAILED;
}

/* Ours fits into any transport that has just been made. */
static enum handshake_result
say_ours(struct identification *id, struct transport *t, struct error *e)
{
	id->check->asked_at = clock_us();
	if (transport_write(t, (const uint8_t *)OURS, strlen(OURS)) == -1 &&
	    errno != EAGAIN)
		return no_ssh_server(e, transport_why(t, errno));
	return HANDSHAKE_READ;
}

static enum handshake_result
identify(struct handshake *h, struct transport **t, struct error *e)
{
	struct identification *id = (struct identification *)h;
	uint8_t p[512];
	ssize_t n;

	if (id->check->asked_at == 0 &&
	    say_ours(id, *t, e) == HANDSHAKE_FAILED)
		return HANDSHAKE_FAILED;
	while ((n = transport_read(*t, p, sizeof(p))) > 0) {
		if (is_answer(id, p, (size_t)n))
			return HANDSHAKE_DONE;
		if (id->seen > HEAD_MAX)
			return no_ssh_server(e, "something else does");
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return HANDSHAKE_READ;
	return no_ssh_server(e, transport_why(*t, n == 0 ? 0 : errno));
}

static const char *
identification_awaited(const struct handshake *h)
{
	(void)h;
	return "the server's identification";
}

static void
identification_free(struct handshake *h)
{
	free(h);
}

static void
on_identified(void *arg, struct transport *t, const struct error *why)
{
	struct health_check *c = arg;

	c->run = NULL;
	transport_free(t);
	health_check_over(c, t == NULL ? -1 :
	    (int64_t)(clock_us() - c->asked_at) / 1000, why);
}

static void
on_health_opened(void *arg, struct transport *t, const struct error *why)
{
	static const struct handshake_ops ops = { "SSH", identify,
	    identification_awaited, identification_free };
	struct health_check *c = arg;
	struct identification *id;

	c->opening = NULL;
	if (t == NULL) {
		health_check_over(c, -1, why);
		return;
	}
	id = xcalloc(1, sizeof(*id));
	id->head.ops = &ops;
	id->check = c;
	c->run = handshake_run(c->base, t, &id->head, HANDSHAKE_MS,
	    on_identified, c);
}

struct health_check *
health_check_start(struct event_base *base, struct dialer *dialer,
    const struct server *server, const struct transport_config *config,
    health_checked *checked, void *arg)
{
	struct health_check *c = xcalloc(1, sizeof(*c));

	c->base = base;
	c->checked = checked;
	c->arg = arg;
	c->opening = transport_open(base, dialer, server, config,
	    on_health_opened, c);
	return c;
}

void
health_check_cancel(struct health_check *c)
{
	if (c == NULL)
		return;
	opening_cancel(c->opening);
	handshake_cancel(c->run);
	free(c);
}
