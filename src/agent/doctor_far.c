/* SPDX-License-Identifier: ISC */
/*
 * What an SSH server that is no gateway lets us do: its sshd_config(5), as far
 * as that can be found out without harm.  Nobody is on the port that a channel
 * is opened to; the port that it listens on for a moment is of its choice, and
 * leads nowhere.  Of a Unix socket sshd does not say why it cannot be had, so
 * that the one that is configured has to be tried.
 */
#include "config.h"

#include "doctor.h"

#include "orthrus/ssh/outbound.h"

#define NOBODYS_PORT 1

struct far_look {
	bool done;
	enum open_failure reason;
	enum mux_answer answer;
	uint16_t port;
};

static void
on_far_opened(void *arg, enum open_failure reason, const char *text)
{
	struct far_look *l = arg;

	(void)text;
	l->reason = reason;
	l->done = true;
}

static void
on_far_listens(void *arg, enum mux_answer answer, uint16_t port)
{
	struct far_look *l = arg;

	l->answer = answer;
	l->port = port;
	l->done = true;
}

/* Why a channel to *to is refused: OPEN_PROHIBITED means the server's rules. */
static enum open_failure
try_to_open(struct doctor *d, struct mux *mux, const struct address *to)
{
	struct far_look l = { .reason = OPEN_RESOURCE_SHORTAGE };
	struct channel *ch = mux_open(mux, to, NULL, on_far_opened, &l);
	struct endpoint *ep;

	if (ch == NULL)
		return l.reason;
	if (!doctor_wait(d, &l.done))
		channel_cancel(ch);
	else if (l.reason == OPEN_OK) {
		ep = channel_endpoint(ch);
		ep->ops->close(ep, true);
	}
	return l.reason;
}

/* --- -L and SOCKS5 ------------------------------------------------ */

/* Whether something of ours leads to ports at the far end. */
static bool
leads_to_ports(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->nlocal; i++)
		if (c->local[i].spec.to.kind == ADDRESS_TCP)
			return true;
	return c->socks5;
}

static void
look_at_ports(struct doctor *d, struct mux *mux, const char *where)
{
	struct address to = { .kind = ADDRESS_TCP, .host = "127.0.0.1",
	    .port = NOBODYS_PORT };

	if (!leads_to_ports(d->config))
		return;
	if (try_to_open(d, mux, &to) == OPEN_PROHIBITED)
		finding_warn(d->found, "far_end", "%s refused a forward to a "
		    "port of its own, as a test: in its sshd_config, is "
		    "AllowTcpForwarding \"yes\" or \"local\", and what does "
		    "PermitOpen list?", where);
	else
		finding_ok(d->found, "far_end", "%s connects us to ports "
		    "(AllowTcpForwarding)", where);
}

static void
look_at_unix_socket(struct doctor *d, struct mux *mux, const char *where,
    const char *name, const struct address *to)
{
	if (try_to_open(d, mux, to) == OPEN_OK)
		finding_ok(d->found, "far_end", "%s connects us to %s "
		    "(AllowStreamLocalForwarding)", where, to->path);
	else
		finding_warn(d->found, "far_end", "%s does not connect us to "
		    "%s of forward %s: is it there, and is "
		    "AllowStreamLocalForwarding \"yes\" or \"local\" in its "
		    "sshd_config?", where, to->path, name);
}

static void
look_at_opening(struct doctor *d, struct mux *mux, const char *where)
{
	const struct config *c = d->config;
	size_t i;

	look_at_ports(d, mux, where);
	for (i = 0; i < c->nlocal && !mux_is_over(mux); i++)
		if (c->local[i].spec.to.kind == ADDRESS_UNIX)
			look_at_unix_socket(d, mux, where, c->local[i].name,
			    &c->local[i].spec.to);
}

/* --- -R, --expose and --docker ------------------------------------ */

/* Whether the server has to choose loopback ports for us. */
static bool
wants_any_port(const struct config *c)
{
	return c->nexposed > 0 || (c->docker && c->docker_auto);
}

static bool
wants_ports(const struct config *c)
{
	size_t i;

	for (i = 0; i < c->nremote; i++)
		if (c->remote[i].spec.listen.kind == ADDRESS_TCP)
			return true;
	return wants_any_port(c) ||
	    (c->docker && c->docker_remote.kind == ADDRESS_TCP);
}

static void
tell_of_override(struct doctor *d, const char *where)
{
	if (wants_any_port(d->config) || d->config->docker)
		finding_fail(d->found, EX_UNAVAILABLE, "far_end", "%s listens "
		    "on every interface where loopback was asked for, and "
		    "--docker and --expose refuse that: in its sshd_config, "
		    "GatewayPorts has to be \"no\" or \"clientspecified\"",
		    where);
	else
		finding_warn(d->found, "far_end", "%s listens on every "
		    "interface where loopback was asked for: in its "
		    "sshd_config, GatewayPorts should be \"no\" or "
		    "\"clientspecified\"", where);
}

static void
tell_of_refusal(struct doctor *d, const char *where)
{
	if (wants_any_port(d->config))
		finding_fail(d->found, EX_UNAVAILABLE, "far_end", "%s lets us "
		    "have no port that it chooses, as --expose and --docker "
		    "need: in its sshd_config, AllowTcpForwarding has to be "
		    "\"yes\" or \"remote\", and PermitListen to have none or "
		    "\"localhost:0\"", where);
	else
		finding_warn(d->found, "far_end", "%s refused to listen on a "
		    "port that it chooses, as a test: in its sshd_config, is "
		    "AllowTcpForwarding \"yes\" or \"remote\", and what does "
		    "PermitListen list?", where);
}

static void
look_at_listening(struct doctor *d, struct mux *mux, const char *where)
{
	struct address at = { .kind = ADDRESS_TCP, .host = "localhost" };
	struct far_look l = { .answer = MUX_REFUSED }, end = { .done = false };

	if (!wants_ports(d->config))
		return;
	mux_listen(mux, &at, on_far_listens, &l);
	if (!doctor_wait(d, &l.done)) {
		mux_forget(mux, &l);
		finding_warn(d->found, "far_end", "%s does not answer when it "
		    "is to listen on a port", where);
		return;
	}
	if (l.answer == MUX_OVERRIDDEN)
		tell_of_override(d, where);
	else if (l.answer == MUX_REFUSED)
		tell_of_refusal(d, where);
	else
		finding_ok(d->found, "far_end", "%s listens on ports for us "
		    "(AllowTcpForwarding, GatewayPorts)", where);
	if (l.answer == MUX_REFUSED)
		return;
	at.port = l.port;
	mux_unlisten(mux, &at, on_far_listens, &end);
	if (!doctor_wait(d, &end.done))
		mux_forget(mux, &end);
}

void
doctor_look_at_far_end(struct doctor *d, const struct server *server,
    struct outbound *session)
{
	struct mux *mux = outbound_mux(session);
	char where[SERVER_TEXT_MAX];

	server_format(server, where);
	if (mux == NULL)
		return;
	look_at_opening(d, mux, where);
	if (!mux_is_over(mux))
		look_at_listening(d, mux, where);
}
