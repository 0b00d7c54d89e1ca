/* SPDX-License-Identifier: ISC */
/*
 * A client's SSH session: its life, its link, and its steps, of which those
 * that log in are outbound_login.c's.
 */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include <libssh/libssh.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/leash.h"
#include "orthrus/transport/transport.h"

#include "agent_login.h"
#include "algorithms.h"
#include "mux_private.h"
#include "outbound_private.h"
#include "selftest.h"

ssh_session
outbound_ssh(const struct outbound *s)
{
	return connection_ssh(s->connection);
}

bool
outbound_server_calls_itself(const struct outbound *s, const char *name)
{
	return strncmp(connection_peer_version(s->connection), name,
	    strlen(name)) == 0;
}

bool
outbound_server_is_gateway(const struct outbound *s)
{
	return outbound_server_calls_itself(s, LEASH_BANNER);
}

/* --- its link ---------------------------------------------------------- */

static void
on_outbound_parted(void *arg, const char *text)
{
	struct outbound *s = arg;
	char name[SERVER_TEXT_MAX];

	log_event(LEVEL_WARN, LOG_FIELDS(.event = "link_lost",
	    .peer = server_format(&s->config.server, name), .reason = text),
	    "%s: the link is gone (%s): looking for another one for %llu s",
	    name, text,
	    (unsigned long long)s->config.resume_ms / 1000);
	reopen_start(&s->reopen, text);
	if (s->events.parted != NULL)
		s->events.parted(s->arg, true);
}

static void
on_outbound_back(void *arg)
{
	struct outbound *s = arg;
	char name[SERVER_TEXT_MAX];

	log_event(LEVEL_INFO, LOG_FIELDS(.event = "link_back",
	    .peer = server_format(&s->config.server, name)),
	    "%s: the session goes on over another link after %.1f s", name,
	    (double)s->resume.last_ms / 1000);
	probe_rejoined(&s->probe);
	if (s->events.parted != NULL)
		s->events.parted(s->arg, false);
}

static void
on_outbound_not_back(void *arg, const char *why)
{
	outbound_fail((struct outbound *)arg, EX_UNAVAILABLE,
	    "session lost: %s", why);
}

/*
 * Our gateway asks for it together with the answer to our login, which libssh
 * reads in one go.
 */
static void
prepare_to_resume(struct outbound *s)
{
	static const struct resume_events events = {
		NULL, on_outbound_parted
	};
	static const struct reopen_events reopen_events = {
		on_outbound_back, on_outbound_not_back
	};

	if (s->config.resume_ms == 0 || !outbound_server_is_gateway(s))
		return;
	resume_begin(&s->resume, s->base, s->connection, NULL, &events, s);
	reopen_init(&s->reopen, s->base, s->dialer, &s->config.server,
	    &s->config.transport, &s->resume, s->config.resume_ms,
	    &reopen_events, s);
}

/* --- the steps up to the login ---------------------------------------- */

/* In libssh's own words, with what they mean where they do not say so. */
void
outbound_fail_by_libssh(struct outbound *s, const char *what)
{
	const char *text = connection_trouble(s->connection);

	if (strstr(text, "server host key algo") != NULL) {
		outbound_fail(s, EX_UNAVAILABLE, "%s: the server has no "
		    "Ed25519 host key (ssh-keygen -A makes one there; "
		    "sshd_config: HostKey)", what);
		return;
	}
	if (s->step == HANDSHAKE &&
	    connection_peer_version(s->connection)[0] == '\0') {
		outbound_fail(s, EX_UNAVAILABLE, "%s: no SSH server answers "
		    "there: %s", what, s->config.server.transport ==
		    TRANSPORT_TCP && s->config.transport.commands == NULL ?
		    wording_stranger(s->first, s->nfirst) :
		    text[0] != '\0' ? text : "the connection was closed");
		return;
	}
	outbound_fail(s, EX_UNAVAILABLE, "%s: %s", what,
	    text[0] != '\0' ? text : "the connection was closed");
}

const char *
outbound_wrong_port_hint(const struct outbound *s)
{
	const struct server *to = &s->config.server;

	return to->transport != TRANSPORT_TCP || to->port_given ||
	    outbound_server_is_gateway(s) ? "" : "; at port 22 answers an "
	    "ordinary SSH server, so is \":2222\" missing after the host?";
}

static enum connection_step
exchange_keys(struct outbound *s)
{
	struct hostkey_shown shown = { .session = outbound_ssh(s) };
	struct error e;
	int rc;

	if (s->nfirst == 0)
		s->nfirst = connection_peek(s->connection, s->first,
		    sizeof(s->first));
	rc = connection_connect(s->connection);
	if (rc == SSH_AGAIN)
		return STEP_WAIT;
	if (rc != SSH_OK) {
		outbound_fail_by_libssh(s, "SSH handshake failed");
		return STEP_FAILED;
	}
	/* Nothing about us is sent before the host key is found right. */
	shown.blob = connection_shown_key(s->connection, &shown.len);
	if (hostkey_check(&shown, s->config.server.host,
	    s->config.server.port, &s->config.policy, s->host_key, &e) == -1) {
		outbound_fail(s, e.code, "%s%s", e.text,
		    s->config.policy.enrolling ? outbound_wrong_port_hint(s) :
		    "");
		return STEP_FAILED;
	}
	if (s->config.avoid != NULL &&
	    strcmp(s->config.avoid, connection_peer_version(s->connection)) ==
	    0) {
		outbound_fail(s, EX_UNAVAILABLE, "this is another way to the "
		    "gateway of the present session, which a second one would "
		    "end");
		return STEP_FAILED;
	}
	prepare_to_resume(s);
	s->step = LOGIN;
	return STEP_RUN;
}

bool
outbound_is_logged_in(const struct outbound *s)
{
	return s->step == UP && !connection_is_over(s->connection);
}

/* --- being up --------------------------------------------------------- */

static void
outbound_came_up(struct outbound *s)
{
	if (outbound_server_is_gateway(s))
		mux_peer_is_ours(connection_mux(s->connection));
	event_del(s->deadline);
	s->up_at = time(NULL);
	probe_start(&s->probe);
	s->events.up(s->arg);
}

const char *
outbound_waits_for(const struct outbound *s)
{
	if (s->opening != NULL)
		return opening_waits_for(s->opening);
	if (s->step != HANDSHAKE)
		return "the answer to our login";
	return connection_peer_version(s->connection)[0] != '\0' ?
	    "the key exchange to end" : "an SSH server to name itself there "
	    "(the connection is there)";
}

/* --- driving ---------------------------------------------------------- */

static enum connection_step
outbound_step(void *arg)
{
	static enum connection_step (*const steps[])(struct outbound *) = {
		[HANDSHAKE] = exchange_keys,
		[LOGIN] = outbound_log_in_with_key,
		[AGENT] = outbound_log_in_with_agent,
		[PASSWORD] = outbound_log_in_with_password
	};
	struct outbound *s = arg;
	enum connection_step step = STEP_RUN;

	while (s->step != UP && step == STEP_RUN)
		step = steps[s->step](s);
	if (step == STEP_RUN)
		outbound_came_up(s);
	return step;
}

static void
on_outbound_lost(void *arg, const char *text, int error)
{
	struct outbound *s = arg;
	int code;
	const char *displaced = wording_displaced(text, &code);

	if (displaced != NULL)
		outbound_fail(s, code, "session lost: %s", displaced);
	else
		outbound_fail(s, EX_UNAVAILABLE, "session lost: %s",
		    text[0] != '\0' ? text : error != 0 ? strerror(error) :
		    "the connection was closed");
}

static void
on_outbound_over(void *arg)
{
	struct outbound *s = arg;

	s->events.ended(s->arg, connection_why(s->connection));
}

static void
on_login_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct outbound *s = arg;

	(void)fd;
	(void)what;
	if (agent_login_signs(s->agent))
		outbound_fail(s, EX_UNAVAILABLE, "the ssh-agent has not signed "
		    "within %d s; does it wait for somebody to confirm it?",
		    AGENT_MS / 1000);
	else if (s->step == HANDSHAKE &&
	    connection_peer_version(s->connection)[0] == '\0')
		outbound_fail(s, EX_UNAVAILABLE, "no answer: no SSH server has "
		    "named itself within %llu s, although the connection was "
		    "taken%s%s", (unsigned long long)s->config.login_ms / 1000,
		    s->nfirst > 0 ? ": " : "", s->nfirst > 0 ?
		    wording_stranger(s->first, s->nfirst) : "");
	else
		outbound_fail(s, EX_UNAVAILABLE, "no answer: the server did "
		    "not finish the SSH login within %llu s",
		    (unsigned long long)s->config.login_ms / 1000);
}

/* --- beginning -------------------------------------------------------- */

static int
set_session_options(struct outbound *s)
{
	const struct server *to = &s->config.server;
	ssh_session ssh = outbound_ssh(s);
	unsigned port = to->port;
	int off = 0, verbosity = SSH_LOG_NOLOG;

	return ssh_options_set(ssh, SSH_OPTIONS_PROCESS_CONFIG, &off) |
	    ssh_options_set(ssh, SSH_OPTIONS_LOG_VERBOSITY, &verbosity) |
	    /* Else it looks for a home, which not every user has. */
	    ssh_options_set(ssh, SSH_OPTIONS_SSH_DIR, "/") |
	    ssh_options_set(ssh, SSH_OPTIONS_HOST, to->host) |
	    ssh_options_set(ssh, SSH_OPTIONS_PORT, &port) |
	    ssh_options_set(ssh, SSH_OPTIONS_USER, to->user) |
	    algorithms_offer(ssh);
}

static void
on_server_reached(void *arg, struct transport *t, const struct error *why)
{
	struct outbound *s = arg;

	s->opening = NULL;
	if (t == NULL) {
		outbound_fail(s, why->code, "%s", why->text);
		return;
	}
	if (connection_dialled(s->connection, t) == -1) {
		outbound_fail(s, EX_UNAVAILABLE, "cannot connect: %s",
		    strerror(errno));
		return;
	}
	if (set_session_options(s) != 0) {
		outbound_fail(s, EX_SOFTWARE, "libssh refuses our options%s%s",
		    ssh_get_error(outbound_ssh(s))[0] == '\0' ? "" : ": ",
		    ssh_get_error(outbound_ssh(s)));
		return;
	}
	timer_set(s->deadline, s->config.login_ms);
	connection_begin(s->connection);
}

/*
 * libssh makes no session for a user without a home whom /etc/passwd does not
 * know, as in a container with nothing in it.  We read nothing below it.
 */
static void
have_home(void)
{
	if (getenv("HOME") == NULL && getpwuid(geteuid()) == NULL)
		setenv("HOME", "/nonexistent", 1);
}

void
ssh_library_init(void)
{
	have_home();
	ssh_init();	/* the static library has no constructor that runs */
	/* Behind the walls of confine.h the self-test could not be run. */
	cipher_preference();
}

const char *
ssh_library_text(void)
{
	static char text[40];
	const char *version = ssh_version(0);	/* 0.10.6/openssl/zlib */

	snprintf(text, sizeof(text), "libssh %.*s",
	    (int)strcspn(version, "/"), version);
	return text;
}

struct outbound *
outbound_start(struct event_base *base, struct dialer *dialer,
    const struct outbound_config *config, const struct outbound_events *events,
    void *arg)
{
	static const struct connection_role role = {
		outbound_step, NULL, on_outbound_lost, on_outbound_over
	};
	struct outbound *s = xcalloc(1, sizeof(*s));

	s->config = *config;
	s->events = *events;
	s->arg = arg;
	s->base = base;
	s->dialer = dialer;
	s->deadline = deadline_new(base, on_login_deadline, s);
	s->connection = connection_new(base, (unsigned)config->dead_ms, &role,
	    s);
	mux_new(base, s->connection);
	probe_init(&s->probe, base, s->connection, config->probe_ms,
	    config->dead_ms);
	s->opening = transport_open(base, dialer, &config->server,
	    &config->transport, on_server_reached, s);
	return s;
}

void
outbound_free(struct outbound *s)
{
	if (s == NULL)
		return;
	opening_cancel(s->opening);
	agent_login_free(s->agent);
	connection_free(s->connection);
	reopen_clear(&s->reopen);
	resume_clear(&s->resume);
	probe_clear(&s->probe);
	event_free(s->deadline);
	free(s);
}

void
outbound_set_transport(struct outbound *s, const struct transport_config *t)
{
	s->config.transport = *t;
	reopen_changed(&s->reopen);
}

struct mux *
outbound_mux(struct outbound *s)
{
	return outbound_is_logged_in(s) ? connection_mux(s->connection) : NULL;
}
