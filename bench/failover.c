/* SPDX-License-Identifier: ISC */
/*
 * Many links in one process, each with the same servers: says how long it takes
 * until all are connected, at first and each time that they were not; and has
 * them leave their server when it is told to, by a line on standard input.
 */
#include "config.h"

#include <sys/resource.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "orthrus/base/log.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/proto/server.h"
#include "orthrus/relay/socket.h"
#include "orthrus/ssh/identity.h"
#include "orthrus/ssh/link.h"
#include "orthrus/transport/dial.h"

#define SERVERS_MAX 8
#define NOWHERE SERVERS_MAX
#define PACE_MS 5		/* from one's start to the next one's */

/* One agent. */
struct one {
	struct link *link;
	struct server servers[SERVERS_MAX];	/* with its user */
	size_t at;			/* the server of its session */
	bool awaited;			/* until it has another one */
};

static struct {
	struct event_base *base;
	struct dialer *dialer;
	struct link_config config;
	struct event *next;		/* to be started */
	struct one *all;
	size_t n, started, awaited;
	uint64_t since;			/* us: some are awaited */
	unsigned long long failed, lost, moved;
	struct server servers[SERVERS_MAX];
	size_t nservers, at[SERVERS_MAX + 1];
} fleet;

static void
tell(void)
{
	size_t i;

	printf("{\"seconds\": %.3f, \"failed\": %llu, \"lost\": %llu, "
	    "\"moved\": %llu, \"at\": [",
	    (double)(clock_us() - fleet.since) / 1e6, fleet.failed, fleet.lost,
	    fleet.moved);
	for (i = 0; i < fleet.nservers; i++)
		printf("%s%zu", i > 0 ? ", " : "", fleet.at[i]);
	printf("]}\n");
	fflush(stdout);
	fleet.failed = fleet.lost = fleet.moved = 0;
}

static void
await(struct one *o)
{
	if (o->awaited)
		return;
	o->awaited = true;
	if (fleet.awaited++ == 0)
		fleet.since = clock_us();
}

static void
go_to(struct one *o, size_t at)
{
	fleet.at[o->at]--;
	fleet.at[at]++;
	o->at = at;
}

/* --- what a link says --------------------------------------------- */

static void
on_up(void *arg, struct mux *mux, bool gateway)
{
	struct one *o = arg;
	struct link_info info;

	(void)mux;
	(void)gateway;
	fleet.moved += o->at != NOWHERE;
	link_info(o->link, &info);
	go_to(o, (size_t)(info.server - o->servers));
	if (!o->awaited)
		return;
	o->awaited = false;
	if (--fleet.awaited == 0)
		tell();
}

static void
on_down(void *arg)
{
	struct one *o = arg;

	fleet.lost++;
	go_to(o, NOWHERE);
	await(o);
}

static void
on_trouble(void *arg, const struct error *why)
{
	(void)arg;
	fleet.failed++;
	log_debug("%s", why->text);
}

static void
on_gave_up(void *arg, const struct error *why)
{
	(void)arg;
	errx(why->code, "%s", why->text);
}

static void
on_gone(void *arg, struct mux *mux)
{
	(void)arg;
	(void)mux;
}

/* --- the program -------------------------------------------------- */

/* Each line has all awaited, "leave" has them leave; the end of input is ours. */
static void
on_input(evutil_socket_t fd, short what, void *arg)
{
	char line[64] = "";
	size_t i;

	(void)what;
	if (read((int)fd, line, sizeof(line) - 1) <= 0) {
		event_base_loopbreak(arg);
		return;
	}
	for (i = 0; i < fleet.started; i++) {
		await(&fleet.all[i]);
		if (strncmp(line, "leave", 5) == 0)
			link_leave(fleet.all[i].link);
	}
}

static void
usage(void)
{
	fputs("usage: failover -i IDENTITY -p HOST-KEY [-p HOST-KEY] -n LINKS "
	    "-u LINKS\n"
	    "                SERVER ...\n"
	    "Keeps so many links to these servers, so many of a user, who are "
	    "called u0,\nu1 and so on.  Tells in JSON when all are connected, "
	    "and each time that they\nare again; the line \"leave\" on "
	    "standard input has all leave their server,\n\"gone\" says that "
	    "they will have to, its end is the end.\n", stderr);
	exit(EX_USAGE);
}

static char *pins[SERVERS_MAX], *key;
static size_t npins, of_a_user;

static void
parse(int argc, char **argv)
{
	struct error e;
	int ch;

	while ((ch = getopt(argc, argv, "i:n:p:u:")) != -1)
		if (ch == 'i')
			key = optarg;
		else if (ch == 'n')
			fleet.n = strtoul(optarg, NULL, 10);
		else if (ch == 'u')
			of_a_user = strtoul(optarg, NULL, 10);
		else if (ch == 'p' && npins < SERVERS_MAX)
			pins[npins++] = optarg;
		else
			usage();
	if (key == NULL || npins == 0 || fleet.n == 0 || of_a_user == 0 ||
	    optind == argc ||
	    argc - optind > SERVERS_MAX)
		usage();
	for (; optind < argc; optind++)
		if (server_parse(argv[optind],
		    &fleet.servers[fleet.nservers++], &e) == -1)
			errx(e.code, "%s", e.text);
}

/* As "orthrus connect" has them. */
static struct link_config
config_of(const struct identity *identity)
{
	struct link_config c = {
	    .nservers = fleet.nservers, .backoff_min = 1000,
	    .backoff_max = 30000, .well_ms = 60000, .keep_ms = 600000,
	    .reconnect = true };

	c.session = (struct outbound_config){ .identity = identity,
	    .transport.step_ms = 10000, .login_ms = 10000, .probe_ms = 5000,
	    .dead_ms = 13000, .resume_ms = 60000, .policy = { .pins = pins, .npins = npins } };
	return c;
}

static void
start_one(struct one *o)
{
	static const struct link_events events = { on_up, on_down, on_trouble,
	    on_gave_up, on_gone };
	struct link_config config = fleet.config;
	size_t i;

	for (i = 0; i < fleet.nservers; i++) {
		o->servers[i] = fleet.servers[i];
		snprintf(o->servers[i].user, sizeof(o->servers[i].user),
		    "u%zu", (size_t)(o - fleet.all) / of_a_user);
	}
	config.servers = o->servers;
	o->link = link_new(fleet.base, fleet.dialer, &config, &events, o);
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	start_one(&fleet.all[fleet.started++]);
	if (fleet.started < fleet.n)
		timer_set(fleet.next, PACE_MS);
}

static void
run(void)
{
	struct event *input = event_new(fleet.base, STDIN_FILENO,
	    EV_READ | EV_PERSIST, on_input, fleet.base);
	size_t i;

	if (event_add(input, NULL) == -1)
		errx(EX_USAGE, "standard input must be a pipe");
	fleet.all = xcalloc(fleet.n, sizeof(*fleet.all));
	fleet.at[NOWHERE] = fleet.n;
	for (i = 0; i < fleet.n; i++) {
		fleet.all[i].at = NOWHERE;
		await(&fleet.all[i]);
	}
	fleet.next = evtimer_new(fleet.base, on_next, NULL);
	timer_set(fleet.next, 0);
	event_base_dispatch(fleet.base);
	for (i = 0; i < fleet.started; i++)
		link_free(fleet.all[i].link);
	free(fleet.all);
	event_free(fleet.next);
	event_free(input);
}

int
main(int argc, char **argv)
{
	struct identity *identity;
	struct rlimit files;
	struct error e;

	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() == -1)
		errx(EX_OSERR, "libsodium cannot start");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	log_setup(LEVEL_ERROR, LOG_TEXT);
	ssh_library_init();
	if ((identity = identity_load(key, &e)) == NULL)
		errx(e.code, "%s", e.text);
	fleet.config = config_of(identity);
	fleet.base = event_base_new();
	fleet.dialer = dialer_new(fleet.base);
	run();
	dialer_free(fleet.dialer);
	socket_endpoints_end();
	event_base_free(fleet.base);
	identity_free(identity);
	return 0;
}
