/* SPDX-License-Identifier: ISC */
/*
 * One agent as the gateway sees it: a login with a certificate, the leash with
 * its heartbeats, a listener for Docker and one for a port, and a small HTTP
 * answer to whoever comes.
 */
#include "config.h"

#include "agents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/leash.h"
#include "orthrus/relay/frames.h"
#include "orthrus/relay/relay.h"
#include "orthrus/ssh/outbound.h"

#include "canned.h"

/* As "orthrus connect" has them. */
#define CONNECT_MS 10000
#define LOGIN_MS 30000
#define PROBE_MS 5000
#define DEAD_MS 13000

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" \
    "Content-Length: 3\r\nConnection: close\r\n\r\nok\n"

/* Too large for the stack of a callback; one thread. */
static struct leash_message message;
static uint8_t frame[4 + LEASH_FRAME_MAX];

static void
look(struct one *o)
{
	if (o->online || !o->welcome || o->granted < 1u + o->fleet->exposes)
		return;
	o->online = true;
	o->fleet->online++;
	fleet_settled(o->fleet);
}

/* --- the leash -------------------------------------------------------- */

static void
say(struct one *o)
{
	frames_send(o->frames, frame, leash_encode(&message, frame));
}

static void
say_hello(struct one *o)
{
	memset(&message, 0, sizeof(message));
	message.kind = LEASH_HELLO;
	strcpy(message.hello.version, PACKAGE_VERSION);
	strcpy(message.hello.name, o->name);
	strcpy(message.hello.hostname, o->name);
	strcpy(message.hello.os, "linux");
	strcpy(message.hello.arch, "x86_64");
	strcpy(message.hello.docker_version, "24.0.7");
	strcpy(message.hello.networks[0], "bridge");
	message.hello.nnetworks = 1;
	message.hello.docker = message.hello.docker_redact = true;
	if (o->fleet->exposes) {
		message.hello.ports[0].port = EXPOSED;
		strcpy(message.hello.ports[0].name, "metrics");
		message.hello.nports = 1;
	}
	say(o);
}

static void
add_beat(struct one *o, uint32_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000),
	    (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(o->beat, &tv);
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct one *o = arg;
	struct timespec ts;

	(void)fd;
	(void)what;
	add_beat(o, o->beat_ms);
	clock_gettime(CLOCK_REALTIME, &ts);
	memset(&message, 0, sizeof(message));
	message.kind = LEASH_HEARTBEAT;
	message.heartbeat.timestamp = (uint64_t)ts.tv_sec * 1000 +
	    (uint64_t)ts.tv_nsec / 1000000;
	message.heartbeat.load = 0.25;
	message.heartbeat.memory_used = (uint64_t)1 << 30;
	message.heartbeat.memory_total = (uint64_t)4 << 30;
	say(o);
	o->fleet->heartbeats++;
}

static void
on_frame(void *arg, const uint8_t *p, size_t n)
{
	struct one *o = arg;
	const char *why;

	if (leash_decode(p, n, &message, &why) == -1)
		log_warn("%s: %s", o->name, why);
	else if (message.kind == LEASH_ERROR)
		log_warn("%s: the gateway says: %s", o->name,
		    message.error.reason);
	else if (message.kind == LEASH_WELCOME && !o->welcome) {
		o->welcome = true;
		o->beat_ms = message.welcome.heartbeat_ms;
		/* So many hosts do not speak in step. */
		add_beat(o, randombytes_uniform(o->beat_ms));
		look(o);
	}
}

static void
on_leash_ended(void *arg, const char *why)
{
	struct one *o = arg;

	log_warn("%s: the leash has ended%s%s", o->name,
	    why != NULL ? ": " : "", why != NULL ? why : "");
	frames_free(o->frames);
	o->frames = NULL;
	event_del(o->beat);
}

static void
on_relay_done(void *arg, uint64_t there, uint64_t back)
{
	(void)arg;
	(void)there;
	(void)back;
}

static void
on_opened(void *arg, enum open_failure reason, const char *text)
{
	static const struct frames_events events = { on_frame, on_leash_ended };
	struct one *o = arg;
	struct channel *ch = o->opening;

	o->opening = NULL;
	if (reason != OPEN_OK) {
		log_warn("%s: no leash: %s", o->name, text);
		return;
	}
	o->frames = frames_new(o->fleet->base, LEASH_FRAME_MAX, &events, o);
	relay_start(frames_endpoint(o->frames), channel_endpoint(ch),
	    on_relay_done, NULL);
	say_hello(o);
}

/* --- the session ------------------------------------------------------ */

static void
on_listening(void *arg, enum mux_answer answer, uint16_t port)
{
	struct one *o = arg;

	if (answer == MUX_REFUSED)
		log_warn("%s: refused to listen on port %u", o->name,
		    (unsigned)port);
	o->granted += answer != MUX_REFUSED;
	look(o);
}

static void
on_forwarded(void *arg, struct channel *ch, const struct address *listen)
{
	struct one *o = arg;
	struct endpoint *ep = canned_endpoint_new(xstrdup(ANSWER));

	(void)listen;
	o->fleet->answered++;
	channel_accept(ch);
	relay_start(ep, channel_endpoint(ch), on_relay_done, NULL);
	relay_readable(ep);
}

static void
on_up(void *arg)
{
	static const struct mux_service service = { .forwarded = on_forwarded };
	struct one *o = arg;
	struct mux *m = outbound_mux(o->session);
	struct address docker = { .kind = ADDRESS_UNIX };
	struct address port = { .kind = ADDRESS_TCP, .port = EXPOSED };

	mux_serve(m, &service, o);
	o->opening = mux_open_subsystem(m, LEASH_SUBSYSTEM, on_opened, o);
	snprintf(docker.path, sizeof(docker.path), "/%s/docker.sock", o->name);
	mux_listen(m, &docker, on_listening, o);
	if (!o->fleet->exposes)
		return;
	snprintf(port.host, sizeof(port.host), "%s.orthrus", o->name);
	mux_listen(m, &port, on_listening, o);
}

static void
on_ended(void *arg, const struct error *why)
{
	struct one *o = arg;
	struct fleet *f = o->fleet;

	log_warn("%s: %s", o->name, why->text);
	if (o->online)
		f->lost++;
	else
		f->failed++;
	one_stop(o);
	fleet_settled(f);
}

void
one_start(struct one *o)
{
	static const struct outbound_events events = { on_up, on_ended,
	    NULL };
	struct fleet *f = o->fleet;
	struct outbound_config config = {
		.server = { .host = "127.0.0.1", .port = f->port },
		.policy = { .pins = &f->pin, .npins = 1 },
		.transport.step_ms = CONNECT_MS, .login_ms = LOGIN_MS,
		.probe_ms = PROBE_MS, .dead_ms = DEAD_MS
	};
	struct error e;

	strcpy(config.server.user, o->name);
	if ((o->identity = identity_load(o->key, &e)) == NULL) {
		log_error("%s: %s", o->name, e.text);
		exit(e.code);
	}
	config.identity = o->identity;
	o->beat = evtimer_new(f->base, on_beat, o);
	o->session = outbound_start(f->base, f->dialer, &config, &events, o);
}

void
one_stop(struct one *o)
{
	if (o->session == NULL)
		return;
	if (o->opening != NULL)
		channel_cancel(o->opening);
	if (o->frames != NULL)
		frames_free(o->frames);
	outbound_free(o->session);
	event_free(o->beat);
	identity_free(o->identity);
	o->session = NULL;
	o->opening = NULL;
	o->frames = NULL;
	o->identity = NULL;
}
