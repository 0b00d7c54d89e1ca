/* SPDX-License-Identifier: ISC */
/*
 * Many agents in one process, for bench/gateway: registers and enrols them in
 * a gateway's state directory, connects them, and says how long that took.
 */
#include "config.h"

#include "agents.h"

#include <sys/resource.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/file.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/conf/gateway.h"
#include "orthrus/monitor/ca.h"
#include "orthrus/monitor/state.h"
#include "orthrus/proto/certificate.h"
#include "orthrus/relay/socket.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/outbound.h"
#include "orthrus/transport/dial.h"

#define AT_ONCE 50		/* half of what charon lets wait */

static struct {
	char *config;		/* charon.ini */
	char *folder;		/* for keys */
	size_t n, registered, at_once;
	double seconds;		/* 0: until standard input ends */
	bool exposes, waits;
} options = { .at_once = AT_ONCE, .exposes = true };

static double began;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
die(const struct error *e)
{
	errx(e->code, "%s", e->text);
}

/* --- registering ------------------------------------------------------ */

/* A key for the agent, and the certificate that its enrolment gives. */
static void
enrol(struct one *o, struct registry *r, const struct ca *ca,
    const struct auth_key *auth, uint64_t lifetime)
{
	uint8_t key[ED25519_KEY_LEN], blob[CERT_MAX];
	struct certificate c;
	struct error e;
	char *line, *path = xasprintf("%s-cert.pub", o->key);

	if ((line = identity_generate(o->key, o->name, &e)) == NULL ||
	    key_line_read(line, key, &e) == -1 ||
	    registry_enrol(r, auth, key, lifetime, &c, &e) == -1)
		die(&e);
	free(line);
	line = key_line_write("ssh-ed25519-cert-v01@openssh.com", blob,
	    certificate_write(&c, ca->secret, blob));
	if (file_replace(path, 0644, line, strlen(line), &e) == -1)
		die(&e);
	free(line);
	free(path);
}

/* Those that connect come first; the others are only known by name. */
static void
enlist(struct fleet *f, struct state *state, const struct ca *ca,
    uint64_t lifetime)
{
	char name[NAME_MAX_LEN];
	struct auth_key auth;
	struct error e;
	struct one *o;
	size_t i;

	for (i = 0; i < options.registered; i++) {
		snprintf(name, sizeof(name), "agent-%05zu", i);
		if (registry_add(state->registry, PEER_AGENT, name, NULL, NULL,
		    &auth, &e) == -1)
			die(&e);
		if (i >= f->n)
			continue;
		o = &f->agents[i];
		o->fleet = f;
		strcpy(o->name, name);
		o->key = xasprintf("%s/%s", options.folder, name);
		enrol(o, state->registry, ca, &auth, lifetime);
		auth_key_wipe(&auth);
	}
}

static void
report(void *arg, const char *line)
{
	(void)arg;
	warnx("%s", line);
}

/* What charon.ini names; the gateway may run already. */
static void
prepare(struct fleet *f)
{
	char program[] = "agents", option[] = "--config";
	char *argv[] = { program, option, options.config, NULL };
	char fingerprint[KEY_FINGERPRINT_MAX];
	struct gateway_config *c;
	struct state *state;
	struct error e;
	struct ca *ca = NULL;
	int code;

	if ((c = gateway_config_load(3, argv, report, NULL, &code)) == NULL)
		exit(code);
	if ((state = state_open(c, true, &e)) == NULL ||
	    (ca = ca_load(c->state, &e)) == NULL)
		die(&e);
	f->port = c->ssh_listen.port;
	key_digest_text(state->host_key_hash, fingerprint);
	f->pin = xstrdup(fingerprint);
	enlist(f, state, ca, c->certificate_lifetime);
	ca_free(ca);
	state_close(state);
	gateway_config_free(c);
}

/* --- connecting ------------------------------------------------------- */

static void
stop(struct fleet *f)
{
	event_base_loopbreak(f->base);
}

static void
start_more(struct fleet *f)
{
	while (f->started < f->n && f->started - f->online - f->failed -
	    f->lost < options.at_once)
		one_start(&f->agents[f->started++]);
}

static void
on_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	stop(arg);
}

void
fleet_settled(struct fleet *f)
{
	struct timeval tv = { (time_t)options.seconds,
	    (suseconds_t)((options.seconds - (double)(time_t)options.seconds) *
	    1e6) };
	static bool told;
	double took = now() - began;

	start_more(f);
	if (told || f->online + f->failed < f->n)
		return;
	told = true;
	printf("{\"online\": %zu, \"failed\": %zu, \"online_s\": %.3f, "
	    "\"logins_s\": %.1f}\n", f->online, f->failed, took,
	    (double)f->online / took);
	fflush(stdout);
	if (options.seconds > 0)
		event_base_once(f->base, -1, EV_TIMEOUT, on_over, f, &tv);
}

/* Nothing is ever said there: whoever started us has gone, or has enough. */
static void
on_input(evutil_socket_t fd, short what, void *arg)
{
	char c;

	(void)what;
	if (read((int)fd, &c, 1) <= 0)
		stop(arg);
}

static void
connect_all(struct fleet *f)
{
	struct event *input, *term;

	term = evsignal_new(f->base, SIGTERM, on_over, f);
	input = event_new(f->base, STDIN_FILENO, EV_READ | EV_PERSIST,
	    on_input, f);
	event_add(term, NULL);
	if (options.seconds == 0 && event_add(input, NULL) == -1)
		errx(EX_USAGE, "standard input must be a pipe without -s");
	began = now();
	start_more(f);
	event_base_dispatch(f->base);
	event_free(input);
	event_free(term);
}

/* --- the program ------------------------------------------------------ */

static void
usage(void)
{
	fputs("usage: agents -c CHARON.INI -d FOLDER [-n AGENTS] "
	    "[-m REGISTERED]\n"
	    "              [-k LOGINS-AT-ONCE] [-s SECONDS] [-D] [-w]\n"
	    "Registers and, with -w when it is sent a byte, connects that "
	    "many.\n-D: they share Docker and no port.  Ends that many seconds "
	    "after the\nlast is online, or with standard input.\n", stderr);
	exit(EX_USAGE);
}

static void
parse(int argc, char **argv)
{
	int ch;

	while ((ch = getopt(argc, argv, "Dc:d:k:m:n:s:w")) != -1) {
		switch (ch) {
		case 'D':
			options.exposes = false;
			break;
		case 'c':
			options.config = optarg;
			break;
		case 'd':
			options.folder = optarg;
			break;
		case 'k':
			options.at_once = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			options.registered = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			options.n = strtoul(optarg, NULL, 10);
			break;
		case 's':
			options.seconds = atof(optarg);
			break;
		case 'w':
			options.waits = true;
			break;
		default:
			usage();
		}
	}
	if (argc != optind || options.config == NULL ||
	    options.folder == NULL || options.at_once == 0)
		usage();
	if (options.registered < options.n)
		options.registered = options.n;
}

int
main(int argc, char **argv)
{
	struct rlimit files;
	struct fleet f = { .n = 0 };
	size_t i;
	char c;

	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() == -1)
		errx(EX_OSERR, "libsodium cannot start");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	log_setup(LEVEL_WARN, LOG_TEXT);
	ssh_library_init();
	f.n = options.n;
	f.exposes = options.exposes;
	f.agents = xcalloc(f.n + 1, sizeof(*f.agents));
	began = now();
	prepare(&f);
	printf("{\"registered\": %zu, \"register_s\": %.3f}\n",
	    options.registered, now() - began);
	fflush(stdout);
	if (f.n > 0 && (!options.waits || read(STDIN_FILENO, &c, 1) == 1)) {
		f.base = event_base_new();
		f.dialer = dialer_new(f.base);
		connect_all(&f);
		for (i = 0; i < f.n; i++)
			one_stop(&f.agents[i]);
		dialer_free(f.dialer);
		socket_endpoints_end();
		event_base_free(f.base);
		printf("{\"heartbeats\": %llu, \"answered\": %llu, \"lost\": "
		    "%zu}\n", (unsigned long long)f.heartbeats,
		    (unsigned long long)f.answered, f.lost);
	}
	for (i = 0; i < f.n; i++)
		free(f.agents[i].key);
	free(f.agents);
	free(f.pin);
	return 0;
}
