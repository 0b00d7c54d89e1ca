/*
 * One SSH session: a table of steps, each given its turn when the descriptor
 * is ready, and the turns of libssh once channels are carried.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include <libssh/libssh.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/proto/leash.h"
#include "orthrus/ssh/selftest.h"
#include "orthrus/ssh/session.h"
#include "orthrus/transport/dial.h"

#include "pump.h"

enum step {
	STEP_DIAL, STEP_HANDSHAKE, STEP_LOGIN, STEP_PASSWORD, STEP_UP,
	STEP_ENDED
};

/* What a step says: go on with the next, wait for the descriptor, or over. */
enum verdict { GO_ON, WAIT, OVER };

struct session {
	struct event_base *base;
	struct session_config config;
	struct session_events events;
	void *arg;
	enum step step;
	bool started;			/* the mux has the traffic */
	bool password_told;
	struct dial *dial;
	ssh_session ssh;
	int fd;				/* ours, watched */
	int lent;			/* libssh's copy until ssh_connect() */
	struct mux *mux;
	struct event *readable, *writable;	/* until the login */
	struct pump *pump;		/* from there on */
	struct event *timer;		/* deadline of the login, then probes */
	struct event *end;		/* tells the owner, outside of libssh */
	struct error why;
	char host_key[FINGERPRINT_MAX];
	uint64_t probed_at;		/* ms; 0: no probe is under way */
	int64_t rtt_ms;
};

/* --- ending ----------------------------------------------------------- */

static void
fail(struct session *s, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The first reason counts; the owner hears of it from the loop. */
static void
fail(struct session *s, int code, const char *fmt, ...)
{
	va_list ap;
	char *text;

	if (s->step == STEP_ENDED)
		return;
	s->step = STEP_ENDED;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) == -1)
		abort();
	va_end(ap);
	error_set(&s->why, code, "%s", text);
	free(text);
	if (s->readable != NULL)
		event_del(s->readable);
	if (s->writable != NULL)
		event_del(s->writable);
	if (s->pump != NULL)
		pump_stop(s->pump);
	event_del(s->timer);
	timer_set(s->end, 0);
}

/* libssh's own words, and what they mean where they do not say it. */
static void
fail_libssh(struct session *s, const char *what)
{
	const char *text = ssh_get_error(s->ssh);

	if (strstr(text, "server host key algo") != NULL) {
		fail(s, EX_UNAVAILABLE, "%s: the server has no Ed25519 host key "
		    "(ssh-keygen -A makes one there; sshd_config: HostKey)",
		    what);
		return;
	}
	if (s->step == STEP_HANDSHAKE && ssh_get_serverbanner(s->ssh) ==
	    NULL) {
		fail(s, EX_UNAVAILABLE, "%s: no SSH server answers there (%s)",
		    what, text[0] != '\0' ? text : "connection closed");
		return;
	}
	fail(s, EX_UNAVAILABLE, "%s: %s", what,
	    text[0] != '\0' ? text : "connection closed");
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd;
	(void)what;
	s->events.ended(s->arg, &s->why);
}

/* --- the steps up to the login ---------------------------------------- */

static enum verdict
step_handshake(struct session *s)
{
	struct error e;
	int rc = mux_connect(s->mux);

	s->lent = -1;
	if (rc == SSH_AGAIN)
		return WAIT;
	/* ssh_connect() makes the descriptor block again when it is done. */
	fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_NONBLOCK);
	if (rc != SSH_OK) {
		fail_libssh(s, "SSH handshake failed");
		return OVER;
	}
	/* Nothing about us is told before this is settled. */
	if (hostkey_check(s->ssh, s->config.server.host, s->config.server.port,
	    &s->config.policy, s->host_key, &e) == -1) {
		fail(s, e.code, "%s", e.text);
		return OVER;
	}
	s->step = STEP_LOGIN;
	return GO_ON;
}

/* The connection ended while we logged in. */
static enum verdict
login_lost(struct session *s)
{
	if (strstr(ssh_get_error(s->ssh), "uthentication failures") != NULL)
		fail(s, EX_NOPERM, "the server refused user \"%s\": too many "
		    "authentication failures", s->config.server.user);
	else
		fail_libssh(s, "login failed");
	return OVER;
}

static bool
is_gateway(const struct session *s)
{
	const char *banner = ssh_get_serverbanner(s->ssh);

	return banner != NULL && strncmp(banner, LEASH_BANNER,
	    strlen(LEASH_BANNER)) == 0;
}

static void
refused(struct session *s, bool partial)
{
	const char *user = s->config.server.user;
	char why[256];

	if (s->config.policy.enrolling) {
		fail(s, EX_NOPERM, "the gateway refused the AUTH_KEY: it is "
		    "used up, or another one took its place; \"charon agent "
		    "rekey NAME\" there makes a new one");
		return;
	}
	if (s->step == STEP_PASSWORD)
		strcpy(why, "password");
	else if (is_gateway(s) &&
	    identity_certificate(s->config.identity) == NULL)
		strcpy(why, "key: no client of that name has it (charon client "
		    "add --key); to log in as an agent, enrol with AUTH_KEY");
	else {
		strcpy(why, "key: ");
		identity_why_refused(s->config.identity, user,
		    is_gateway(s), (uint64_t)time(NULL), why + 5,
		    sizeof(why) - 5);
	}
	fail(s, EX_NOPERM, "the server refused user \"%s\" with this %s%s",
	    user, why, partial ? " (it wants a second factor, which an agent "
	    "cannot give)" : "");
}

static enum verdict
after_auth(struct session *s, int rc)
{
	switch (rc) {
	case SSH_AUTH_AGAIN:
		/* libssh says so for ever when the connection has ended. */
		return ssh_is_connected(s->ssh) ? WAIT : login_lost(s);
	case SSH_AUTH_SUCCESS:
		s->step = STEP_UP;
		return GO_ON;
	case SSH_AUTH_ERROR:
		return login_lost(s);
	default:
		if (s->step == STEP_LOGIN && s->config.password != NULL) {
			s->step = STEP_PASSWORD;
			return GO_ON;
		}
		refused(s, rc == SSH_AUTH_PARTIAL);
		return OVER;
	}
}

static enum verdict
step_login(struct session *s)
{
	if (s->config.identity == NULL) {
		s->step = STEP_PASSWORD;
		return GO_ON;
	}
	return after_auth(s, ssh_userauth_publickey(s->ssh, NULL,
	    identity_key(s->config.identity)));
}

static enum verdict
step_password(struct session *s)
{
	if (!s->password_told && !s->config.policy.enrolling)
		log_warn("logging in with a password: a key is safer (orthrus "
		    "keygen)");
	s->password_told = true;
	return after_auth(s, ssh_userauth_password(s->ssh, NULL,
	    s->config.password));
}

/* --- being up --------------------------------------------------------- */

static void
on_pong(void *arg, bool ok, uint16_t port)
{
	struct session *s = arg;

	(void)ok;		/* a refusal is an answer */
	(void)port;
	if (s->step != STEP_UP)
		return;
	s->rtt_ms = (int64_t)(clock_ms() - s->probed_at);
	s->probed_at = 0;
	timer_set(s->timer, s->config.probe_ms);
}

/* The session's end, as libssh or else the kernel tells it. */
static void
lost(void *arg)
{
	struct session *s = arg;
	int error = errno;
	const char *text = ssh_get_error(s->ssh);

	fail(s, EX_UNAVAILABLE, "session lost: %s", text[0] != '\0' ? text :
	    strerror(error));
}

/*
 * The peer is dead when it has been silent for dead_ms and a probe had its
 * time to be answered.  Silence alone proves nothing: it may have been this
 * process that did not run.
 */
static bool
is_dead(const struct session *s)
{
	uint64_t now = clock_ms();

	return s->probed_at != 0 &&
	    now - pump_heard_at(s->pump) >= s->config.dead_ms &&
	    now - s->probed_at >= s->config.dead_ms - s->config.probe_ms;
}

static void
probe(struct session *s)
{
	uint64_t now, silent;

	if (is_dead(s)) {
		/* It may have arrived just now. */
		if (!pump_turn(s->pump))
			return;
		if (is_dead(s)) {
			fail(s, EX_UNAVAILABLE, "no sign of life from the "
			    "server for %llu s", (unsigned long long)
			    (clock_ms() - pump_heard_at(s->pump)) / 1000);
			return;
		}
	}
	now = clock_ms();
	silent = now - pump_heard_at(s->pump);
	if (silent >= s->config.probe_ms && s->probed_at == 0) {
		s->probed_at = now;
		mux_ping(s->mux, on_pong, s);
	}
	if (s->probed_at == 0)
		timer_set(s->timer, s->config.probe_ms - silent);
	else
		timer_set(s->timer, s->probed_at + s->config.dead_ms -
		    s->config.probe_ms > now ? s->probed_at +
		    s->config.dead_ms - s->config.probe_ms - now : 100);
}

static enum verdict
step_up(struct session *s)
{
	if (!s->started) {
		s->started = true;
		if (is_gateway(s))
			mux_peer_is_ours(s->mux);
		event_del(s->readable);
		event_del(s->writable);
		s->pump = pump_new(s->base, s->fd, s->mux, lost, s);
		pump_start(s->pump);
		s->probed_at = clock_ms();
		mux_ping(s->mux, on_pong, s);	/* for the round-trip time */
		timer_set(s->timer, s->config.probe_ms);
		s->events.up(s->arg);
	}
	return WAIT;
}

/* --- driving ---------------------------------------------------------- */

static enum verdict (*const steps[])(struct session *) = {
	[STEP_HANDSHAKE] = step_handshake,
	[STEP_LOGIN] = step_login,
	[STEP_PASSWORD] = step_password,
	[STEP_UP] = step_up,
};

static void
watch(struct session *s)
{
	bool pending = ssh_get_status(s->ssh) & SSH_WRITE_PENDING;

	if (s->step == STEP_ENDED || s->started)
		return;
	if (pending)
		event_add(s->writable, NULL);
	else
		event_del(s->writable);
	event_add(s->readable, NULL);
}

static void
drive(struct session *s)
{
	while (s->step != STEP_ENDED && steps[s->step](s) == GO_ON)
		;
	watch(s);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	drive(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct session *s = arg;

	(void)fd;
	(void)what;
	if (s->step == STEP_UP)
		probe(s);
	else
		fail(s, EX_UNAVAILABLE, "no answer: the server took the "
		    "connection but did not finish the SSH login within "
		    "%llu s", (unsigned long long)s->config.login_ms / 1000);
}

static void
on_output(void *arg)
{
	struct session *s = arg;

	if (s->pump != NULL)
		pump_output(s->pump);
}

static void
on_violation(void *arg, const char *what)
{
	fail(arg, EX_UNAVAILABLE, "protocol error: %s", what);
}

static void
on_incoming(void *arg, struct channel *ch, const struct address *listen)
{
	struct session *s = arg;

	s->events.incoming(s->arg, ch, listen);
}

/* --- beginning -------------------------------------------------------- */

/*
 * Modern algorithms only: Ed25519 for both keys, X25519, authenticated
 * encryption.  RSA host keys and old ciphers are not negotiable down to.
 */
static int
set_options(struct session *s)
{
	const struct server *to = &s->config.server;
	unsigned port = to->port;
	int off = 0, verbosity = SSH_LOG_NOLOG;

	return ssh_options_set(s->ssh, SSH_OPTIONS_PROCESS_CONFIG, &off) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_LOG_VERBOSITY, &verbosity) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_HOST, to->host) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_PORT, &port) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_USER, to->user) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_HOSTKEYS, KEY_TYPE_NAME) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES,
	    CERT_TYPE_NAME "," KEY_TYPE_NAME) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_KEY_EXCHANGE,
	    "curve25519-sha256,curve25519-sha256@libssh.org") |
	    ssh_options_set(s->ssh, SSH_OPTIONS_CIPHERS_C_S,
	    cipher_preference()) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_CIPHERS_S_C,
	    cipher_preference()) |
	    ssh_options_set(s->ssh, SSH_OPTIONS_HMAC_C_S,
	    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com") |
	    ssh_options_set(s->ssh, SSH_OPTIONS_HMAC_S_C,
	    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com") |
	    ssh_options_set(s->ssh, SSH_OPTIONS_COMPRESSION, "none") |
	    ssh_options_set(s->ssh, SSH_OPTIONS_FD, &s->lent);
}

static void
on_dialled(void *arg, int fd, int error)
{
	static const struct mux_events mux_events = {
		on_incoming, on_output, on_violation
	};
	struct session *s = arg;

	s->dial = NULL;
	if (fd == -1) {
		fail(s, EX_UNAVAILABLE, "cannot connect: %s",
		    dial_strerror(error));
		return;
	}
	s->fd = fd;
	/*
	 * libssh closes its descriptor whenever it meets an error, while the
	 * loop still watches: it gets a copy, so that ours stays ours.
	 */
	if ((s->lent = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		fail(s, EX_UNAVAILABLE, "cannot connect: %s", strerror(errno));
		return;
	}
	pump_socket_options(fd, (unsigned)s->config.dead_ms);
	s->readable = event_new(s->base, fd, EV_READ | EV_PERSIST, on_ready,
	    s);
	s->writable = event_new(s->base, fd, EV_WRITE | EV_PERSIST, on_ready,
	    s);
	if ((s->ssh = ssh_new()) == NULL || set_options(s) != 0) {
		fail(s, EX_SOFTWARE, "libssh refuses our options%s%s",
		    s->ssh != NULL ? ": " : "",
		    s->ssh != NULL ? ssh_get_error(s->ssh) : "");
		return;
	}
	s->mux = mux_new(s->base, s->ssh, &mux_events, s);
	ssh_set_blocking(s->ssh, 0);
	timer_set(s->timer, s->config.login_ms);
	s->step = STEP_HANDSHAKE;
	drive(s);
}

void
session_library_init(void)
{
	ssh_init();	/* the static library has no constructor that runs */
}

const char *
session_library_text(void)
{
	static char text[40];
	const char *version = ssh_version(0);	/* 0.10.6/openssl/zlib */

	snprintf(text, sizeof(text), "libssh %.*s",
	    (int)strcspn(version, "/"), version);
	return text;
}

struct session *
session_start(struct event_base *base, struct dialer *dialer,
    const struct session_config *config, const struct session_events *events,
    void *arg)
{
	struct session *s = xcalloc(1, sizeof(*s));
	struct address to;

	s->base = base;
	s->config = *config;
	s->events = *events;
	s->arg = arg;
	s->fd = s->lent = -1;
	s->rtt_ms = -1;
	s->timer = evtimer_new(base, on_timer, s);
	s->end = evtimer_new(base, on_end, s);
	memset(&to, 0, sizeof(to));
	to.kind = ADDRESS_TCP;
	memcpy(to.host, config->server.host, sizeof(to.host));
	to.port = config->server.port;
	s->dial = dial_start(dialer, &to, config->connect_ms, on_dialled, s);
	return s;
}

void
session_free(struct session *s)
{
	int copy;

	if (s == NULL)
		return;
	if (s->dial != NULL)
		dial_cancel(s->dial);
	s->step = STEP_ENDED;
	if (s->ssh != NULL) {
		/* libssh leaves open what came through SSH_OPTIONS_FD. */
		copy = ssh_get_fd(s->ssh);
		if (s->mux != NULL)
			mux_disconnect(s->mux);
		mux_free(s->mux);
		if (copy != -1)
			close(copy);
		ssh_free(s->ssh);
	}
	if (s->readable != NULL)
		event_free(s->readable);
	if (s->writable != NULL)
		event_free(s->writable);
	event_free(s->timer);
	event_free(s->end);
	pump_free(s->pump);
	if (s->lent != -1)
		close(s->lent);
	if (s->fd != -1)
		close(s->fd);
	free(s);
}

struct mux *
session_mux(struct session *s)
{
	return s->step == STEP_UP ? s->mux : NULL;
}

void
session_info(const struct session *s, struct session_info *info)
{
	const char *kex, *cipher;

	memset(info, 0, sizeof(*info));
	kex = s->step == STEP_UP ? ssh_get_kex_algo(s->ssh) : NULL;
	cipher = s->step == STEP_UP ? ssh_get_cipher_out(s->ssh) : NULL;
	info->kex = kex != NULL ? kex : "";
	info->cipher = cipher != NULL ? cipher : "";
	memcpy(info->host_key, s->host_key, sizeof(info->host_key));
	info->rtt_ms = s->rtt_ms;
	info->gateway = s->step == STEP_UP && is_gateway(s);
}
