/* SPDX-License-Identifier: ISC */
/* "orthrus muzzle": the Docker filter alone, and what it says to a request. */
#include "config.h"

#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/loop.h"
#include "orthrus/base/notify.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/service.h"
#include "orthrus/base/text.h"
#include "orthrus/muzzle/muzzle.h"
#include "orthrus/muzzle/names.h"
#include "orthrus/relay/relay.h"
#include "orthrus/relay/socket.h"
#include "orthrus/transport/dial.h"
#include "orthrus/transport/listener.h"

#include "orthrus.h"
#include "commands.h"

#define DRAIN_SECONDS 2
#define NO_GROUP ((gid_t)-1)

struct muzzle_options {
	struct address listen, engine;
	struct policy policy;		/* with these lists */
	char *hosts, *reveal, *registries;
	mode_t mode;			/* of a Unix socket */
	gid_t group;			/* the same, or NO_GROUP */
	bool shared;			/* either was given */
	const char *explain;
	bool verbose;
};

/* A client of the listener, kept only so that it can be ended. */
struct proxy_client {
	TAILQ_ENTRY(proxy_client) next;
	struct proxy *proxy;
	struct relay *relay;
};

struct proxy {
	struct event_base *base;
	struct dialer *dialer;
	struct listener *listener;
	struct muzzle *muzzle;
	struct service *service;
	struct event *drain;
	TAILQ_HEAD(, proxy_client) clients;
};

static void
muzzle_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: orthrus muzzle --listen ADDRESS [options]\n"
	    "       orthrus muzzle --explain 'METHOD TARGET' [options]\n\n"
	    "A filter in front of the Docker socket that only lets harmless "
	    "reads pass, as a\nlocal proxy; or what it says to one request "
	    "(exit 0: allowed, 1: refused).\n\n"
	    "      --listen ADDRESS   Unix socket (mode 0600) or loopback "
	    "port; with\n"
	    "                         --docker-host also beyond loopback\n"
	    "      --socket-mode MODE, --socket-group GROUP\n"
	    "                         of the Unix socket, such as 0660 and "
	    "docker\n"
	    "      --docker SOCKET    the engine's socket "
	    "(/var/run/docker.sock)\n"
	    "      --docker-allow LIST\n"
	    "                         actions to open: "
	    "start,stop,restart,kill,pause,unpause\n"
	    "      --docker-redact env|none\n"
	    "                         hide environments and volume passwords "
	    "(env)\n"
	    "      --docker-host NAME answer this Host, too; repeatable\n"
	    "      --docker-reveal NAME,...\n"
	    "                         variables whose values are not hidden\n"
	    "      --docker-registry HOST,...\n"
	    "                         registries whose images may be looked "
	    "up\n"
	    "      --explain REQUEST  judge 'GET /v1.41/containers/json?all=1' "
	    "and say why\n"
	    "  -v, --verbose          log more\n"
	    "  -h, --help             this text\n");
}

/* --- options ------------------------------------------------------ */

static int
take_listen(void *arg, char *value, struct error *e)
{
	struct muzzle_options *o = arg;

	return address_parse(value, false, &o->listen, e);
}

static int
take_engine(void *arg, char *value, struct error *e)
{
	struct muzzle_options *o = arg;

	if (address_parse(value, false, &o->engine, e) == -1)
		return -1;
	if (o->engine.kind == ADDRESS_UNIX)
		return 0;
	return error_set(e, EX_USAGE, "\"%.100s\" is not the path of a "
	    "socket", value);
}

static int
take_actions(void *arg, char *list, struct error *e)
{
	struct muzzle_options *o = arg;
	char *word;

	while ((word = text_next_word(&list)) != NULL)
		if (policy_action(word, &o->policy.actions, e) == -1)
			return -1;
	return 0;
}

static int
take_redact(void *arg, char *value, struct error *e)
{
	struct muzzle_options *o = arg;

	o->policy.redact = strcmp(value, "env") == 0;
	if (o->policy.redact || strcmp(value, "none") == 0)
		return 0;
	return error_set(e, EX_USAGE, "expected env or none");
}

static int
add_names(char *words, int (*add)(char **, const char *, struct error *),
    char **list, struct error *e)
{
	char *word;

	while ((word = text_next_word(&words)) != NULL)
		if (add(list, word, e) == -1)
			return -1;
	return 0;
}

static int
take_hosts(void *arg, char *words, struct error *e)
{
	struct muzzle_options *o = arg;

	return add_names(words, names_add_host, &o->hosts, e);
}

static int
take_reveal(void *arg, char *words, struct error *e)
{
	struct muzzle_options *o = arg;

	return add_names(words, names_add_variable, &o->reveal, e);
}

static int
take_registries(void *arg, char *words, struct error *e)
{
	struct muzzle_options *o = arg;

	return add_names(words, names_add_registry, &o->registries, e);
}

static int
take_mode(void *arg, char *text, struct error *e)
{
	struct muzzle_options *o = arg;
	size_t n = strlen(text);

	if (n < 3 || n > 4 || strspn(text, "01234567") != n ||
	    (n == 4 && text[0] != '0'))
		return error_set(e, EX_USAGE, "\"%s\" is not a file mode: "
		    "expected three octal digits, such as 0660", text);
	o->mode = (mode_t)strtoul(text, NULL, 8);
	o->shared = true;
	return 0;
}

/* A group can use the socket only by its mode, which then is 0660. */
static int
take_group(void *arg, char *text, struct error *e)
{
	struct muzzle_options *o = arg;
	const struct group *gr = getgrnam(text);
	size_t n = strlen(text);

	if (gr != NULL)
		o->group = gr->gr_gid;
	else if (n > 0 && n < 10 && strspn(text, "0123456789") == n)
		o->group = (gid_t)strtoul(text, NULL, 10);
	else
		return error_set(e, EX_USAGE, "there is no group \"%s\" here; "
		    "its number is fine, too", text);
	if (!o->shared)
		o->mode = 0660;
	o->shared = true;
	return 0;
}

static int
check_muzzle_options(void *arg, char **arguments, struct error *e)
{
	const struct muzzle_options *o = arg;

	(void)arguments;
	if (o->listen.kind != ADDRESS_NONE && !address_is_local(&o->listen) &&
	    o->hosts == NULL)
		return error_set(e, EX_USAGE, "--listen: beyond loopback only "
		    "with --docker-host NAME, what its clients call it: "
		    "everyone who reaches it may read what the filter lets "
		    "through");
	if (o->shared && o->listen.kind != ADDRESS_UNIX)
		return error_set(e, EX_USAGE, "--socket-mode and "
		    "--socket-group are for a Unix socket that --listen "
		    "names");
	if (o->explain == NULL && o->listen.kind == ADDRESS_NONE)
		return error_set(e, EX_USAGE, "--listen says where to listen, "
		    "--explain judges one request");
	return 0;
}

/* True when the command is to run; else *code is how it ends. */
static bool
read_muzzle_options(int argc, char **argv, struct muzzle_options *o, int *code)
{
	const struct command_option options[] = {
		{ "listen", .take = take_listen },
		{ "docker", .take = take_engine },
		{ "docker-allow", .take = take_actions },
		{ "docker-redact", .take = take_redact },
		{ "docker-host", .take = take_hosts },
		{ "docker-reveal", .take = take_reveal },
		{ "docker-registry", .take = take_registries },
		{ "socket-mode", .take = take_mode },
		{ "socket-group", .take = take_group },
		{ "explain", .text = &o->explain },
		{ "verbose", 'v', .flag = &o->verbose },
	};
	const struct command_line line = {
		.command = "orthrus muzzle",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.hint = "a request stands behind --explain, in quotes",
		.usage = muzzle_usage, .check = check_muzzle_options, .arg = o
	};

	return command_line_read(&line, argc, argv, code);
}

/* --- one request explained ---------------------------------------- */

static int
explain_request(const struct muzzle_options *o)
{
	static const char *const kinds[] = {
		[ANSWER_WHOLE] = "passed on as it is",
		[ANSWER_REDACTED] = "with *** for environments and volumes",
		[ANSWER_STREAM] = "a stream, for as long as it lasts",
		[ANSWER_ACTION] = "of an action that the owner has opened",
		[ANSWER_SWARM] = ("made here, if the engine has no Swarm; "
		    "else refused")
	};
	const char *space = strchr(o->explain, ' ');
	char *method, text[VERDICT_TEXT_MAX];
	struct verdict *v;
	int code;

	if (space == NULL || space == o->explain || space[1] == '\0') {
		fprintf(stderr, "orthrus muzzle: --explain: expected a method, "
		    "a space and a target: 'GET /containers/json'\n");
		return EX_USAGE;
	}
	method = xasprintf("%.*s", (int)(space - o->explain), o->explain);
	v = xcalloc(1, sizeof(*v));
	policy_judge(&o->policy, method, space + 1, strlen(space + 1), v);
	code = v->status != 0;
	verdict_text(v, text);
	if (v->status != 0)
		printf("refused: %d, %s\nrule:    %s\n", v->status, text,
		    v->rule);
	else
		printf("allowed\nrule:    %s\nsent:    %s %s\n%s%s%s"
		    "answer:  %s\n", v->rule, v->method, v->target,
		    v->dropped[0] != '\0' ? "dropped: " : "", v->dropped,
		    v->dropped[0] != '\0' ? "\n" : "", kinds[v->kind]);
	free(method);
	free(v);
	return code;
}

/* --- the proxy ---------------------------------------------------- */

static void
on_proxy_client_done(void *arg, uint64_t up, uint64_t down)
{
	struct proxy_client *c = arg;

	(void)up;
	(void)down;
	TAILQ_REMOVE(&c->proxy->clients, c, next);
	free(c);
}

static void
on_proxy_accept(void *arg, int fd)
{
	struct proxy *p = arg;
	struct proxy_client *c = xcalloc(1, sizeof(*c));

	c->proxy = p;
	TAILQ_INSERT_TAIL(&p->clients, c, next);
	c->relay = relay_start(socket_endpoint_new(p->base, fd, NULL, 0),
	    muzzle_endpoint_new(p->muzzle), on_proxy_client_done, c);
}

static void
on_proxy_stop(void *arg, int sig)
{
	struct proxy *p = arg;

	(void)sig;
	notify_send("STOPPING=1");
	if (p->listener == NULL || TAILQ_EMPTY(&p->clients)) {
		event_base_loopbreak(p->base);	/* asked twice, or idle */
		return;
	}
	log_info("stopping");
	listener_free(p->listener);
	p->listener = NULL;
	timer_set(p->drain, DRAIN_SECONDS * 1000);
}

static void
on_proxy_drained(evutil_socket_t fd, short what, void *arg)
{
	struct proxy *p = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(p->base);
}

static void
proxy_free(struct proxy *p)
{
	struct proxy_client *c;

	while ((c = TAILQ_FIRST(&p->clients)) != NULL)
		relay_abort(c->relay);
	listener_free(p->listener);
	muzzle_free(p->muzzle);
	dialer_free(p->dialer);
	socket_endpoints_end();
	service_free(p->service);
	event_free(p->drain);
	event_base_free(p->base);
}

/*
 * Gives the socket its group and then its mode, so that until the end of this
 * only its owner can use it.
 */
static int
share_socket(const struct muzzle_options *o, struct error *e)
{
	const char *path = o->listen.path;

	if (!o->shared)
		return 0;
	if (o->group != NO_GROUP && chown(path, (uid_t)-1, o->group) == -1)
		return error_set(e, EX_OSERR, "cannot give %s to group %u: %s",
		    path, (unsigned)o->group, strerror(errno));
	if (chmod(path, o->mode) == -1)
		return error_set(e, EX_OSERR, "cannot give %s mode %04o: %s",
		    path, (unsigned)o->mode, strerror(errno));
	return 0;
}

/*
 * Warns when the engine's socket cannot be used.  Nothing connects to it before
 * a client does, since that would start an engine that systemd starts on
 * demand.
 */
static void
look_for_engine(const struct address *at)
{
	if (access(at->path, R_OK | W_OK) == -1)
		log_warn("the Docker engine's socket %s: %s; clients are "
		    "answered 502 meanwhile", at->path, strerror(errno));
}

static int
proxy_serve(const struct muzzle_options *o)
{
	static const struct service_events events = { on_proxy_stop, NULL };
	struct proxy p = { .base = event_base_new() };
	char listen[DOCKER_HOST_MAX], engine[ADDRESS_TEXT_MAX];
	struct error e;
	int code = 0;

	TAILQ_INIT(&p.clients);
	p.dialer = dialer_new(p.base);
	p.muzzle = muzzle_new(p.base, p.dialer, &o->engine, &o->policy);
	p.service = service_new(p.base, &events, &p);
	p.drain = evtimer_new(p.base, on_proxy_drained, &p);
	p.listener = listener_new(p.base, &o->listen, on_proxy_accept, &p, &e);
	if (p.listener == NULL || share_socket(o, &e) == -1) {
		log_error("%s", e.text);
		code = e.code;
	} else {
		address_format(&o->listen, listen);
		log_info("the Muzzle listens on %s for the Docker engine at %s",
		    listen, address_format(&o->engine, engine));
		log_info("use it with DOCKER_HOST=%s",
		    docker_host(&o->listen, listen));
		look_for_engine(&o->engine);
		notify_send("READY=1");
		event_base_dispatch(p.base);
	}
	proxy_free(&p);
	return code;
}

int
cmd_muzzle(int argc, char **argv)
{
	struct muzzle_options o = {
		.engine = { .kind = ADDRESS_UNIX,
		    .path = "/var/run/docker.sock" },
		.policy = { .actions = 0, .redact = true },
		.group = NO_GROUP
	};
	int code = 0;

	if (read_muzzle_options(argc, argv, &o, &code)) {
		if (o.verbose)
			log_setup(LEVEL_DEBUG, LOG_TEXT);
		o.policy.hosts = o.hosts;
		o.policy.reveal = o.reveal;
		o.policy.registries = o.registries;
		code = o.explain != NULL ? explain_request(&o) :
		    proxy_serve(&o);
	}
	free(o.hosts);
	free(o.reveal);
	free(o.registries);
	return code;
}
