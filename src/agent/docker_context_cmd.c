/* SPDX-License-Identifier: ISC */
/*
 * "orthrus docker-context": a context of the docker CLI for an agent's Docker,
 * by whichever way there is to it from here.
 */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/printed.h"
#include "orthrus/base/program.h"
#include "orthrus/base/text.h"
#include "orthrus/conf/config.h"
#include "orthrus/muzzle/muzzle.h"

#include "commands.h"

#define DOCKER_PORT 2375		/* of NAME.orthrus, at charon */
#define CHARON_SOCKETS "/run/charon/agents"
#define PATHS_SINCE 24			/* docker that takes ssh://HOST/PATH */
#define SSH_PORT 22
#define URL_MAX (SERVER_TEXT_MAX + NAME_MAX_LEN + 16)

struct context_options {
	const char *agent;		/* whose Docker */
	const char *server, *socket, *as, *config;	/* or NULL */
	bool dry_run;
};

static void
context_usage(void *arg, FILE *f)
{
	(void)arg;
	fprintf(f, "usage: orthrus docker-context NAME [options]\n\n"
	    "Makes a context of the docker CLI for the Docker of agent NAME: "
	    "by ssh(1) and the\ngateway of --server; else by a forward of the "
	    "configuration to NAME.orthrus:2375\nor /NAME/docker.sock; else by "
	    "charon's socket on this host.\n\n"
	    "      --server [USER@]HOST[:PORT]\n"
	    "                         the gateway, for ssh(1) with its own key "
	    "and known hosts\n"
	    "      --socket PATH      a socket that leads to the agent's "
	    "Docker\n"
	    "      --as CONTEXT       what it is called (NAME)\n"
	    "      --dry-run          print the command and run nothing\n"
	    "  -c, --config FILE      with the forwards, orthrus.ini(5)\n"
	    "  -h, --help             this text\n");
}

/* --- where its Docker is ------------------------------------------ */

/* The major version of the docker CLI; 0 when it does not say, -1 with *e. */
static int
docker_version(struct error *e)
{
	static const char *const argv[] = { "docker", "--version", NULL };
	char said[128];
	const struct program_run run = { .argv = argv, .out = said,
	    .size = sizeof(said), .quiet = true };
	const char *version;

	if (program_run(&run, e) == -1)
		return -1;
	version = strstr(said, "version ");
	return version == NULL ? 0 : atoi(version + strlen("version "));
}

/*
 * By ssh: the agent stands behind the user and a "+", which every docker takes.
 * Whose user ssh_config(5) knows needs the path.
 */
static int
url_by_ssh(const struct context_options *o, char url[URL_MAX],
    struct error *e)
{
	struct server server;
	char port[8] = "";
	int version;
	bool v6;

	if (server_parse(o->server, &server, e) == -1) {
		error_prefix(e, "--server");
		return -1;
	}
	if (server.transport != TRANSPORT_TCP)
		return error_set(e, EX_USAGE, "--server %s: ssh(1) goes to "
		    "ssh:// alone; have orthrus forward it, as in \"-L "
		    "2375:%s.orthrus:2375\", and leave --server out",
		    o->server, o->agent);
	if (server.user[0] == '\0' && (version = docker_version(e)) == -1)
		return -1;
	if (server.user[0] == '\0' && version < PATHS_SINCE)
		return error_set(e, EX_USAGE, "--server %s: this docker needs "
		    "the user as well, as in --server USER@%s", o->server,
		    o->server);
	if (server.port != SSH_PORT)
		snprintf(port, sizeof(port), ":%u", server.port);
	v6 = strchr(server.host, ':') != NULL;
	if (server.user[0] != '\0')
		snprintf(url, URL_MAX, "ssh://%s+%s@%s%s%s%s", server.user,
		    o->agent, v6 ? "[" : "", server.host, v6 ? "]" : "", port);
	else
		snprintf(url, URL_MAX, "ssh://%s%s%s%s/%s", v6 ? "[" : "",
		    server.host, v6 ? "]" : "", port, o->agent);
	return 0;
}

static bool
leads_to_docker_of(const struct address *to, const char *agent)
{
	char name[HOST_MAX];

	if (to->kind == ADDRESS_UNIX) {
		snprintf(name, sizeof(name), "/%s/docker.sock", agent);
		return strcmp(to->path, name) == 0;
	}
	snprintf(name, sizeof(name), "%s.orthrus", agent);
	return strcmp(to->host, name) == 0 && to->port == DOCKER_PORT;
}

static void
ignore_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* The server is made up, since it plays no part. */
static struct config *
load_forwards(const char *config)
{
	char command[] = "docker-context", server[] = "--server",
	    host[] = "localhost", option[] = "--config",
	    *file = xstrdup(config != NULL ? config : "");
	char *argv[] = { command, server, host, option, file, NULL };
	struct config *c;
	int code = 0;

	c = config_load(config != NULL ? 5 : 3, argv, ignore_line, NULL,
	    &code);
	free(file);
	return c;
}

/* True when a forward of the configuration leads there. */
static bool
url_by_forward(const struct context_options *o, char url[URL_MAX])
{
	struct config *c = load_forwards(o->config);
	size_t i;

	for (i = 0; c != NULL && i < c->nlocal; i++)
		if (leads_to_docker_of(&c->local[i].spec.to, o->agent))
			break;
	if (c == NULL || i == c->nlocal) {
		config_free(c);
		return false;
	}
	if (strcmp(c->local[i].spec.listen.host, "*") == 0)
		strcpy(c->local[i].spec.listen.host, "localhost");
	docker_host(&c->local[i].spec.listen, url);
	config_free(c);
	return true;
}

static bool
url_by_gateways_socket(const struct context_options *o, char url[URL_MAX])
{
	char path[UNIX_PATH_MAX_LEN];
	struct stat st;

	snprintf(path, sizeof(path), CHARON_SOCKETS "/%s/docker.sock",
	    o->agent);
	if (stat(path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return false;
	snprintf(url, URL_MAX, "unix://%s", path);
	return true;
}

static int
find_url(const struct context_options *o, char url[URL_MAX], struct error *e)
{
	if (o->server != NULL)
		return url_by_ssh(o, url, e);
	if (o->socket != NULL) {
		snprintf(url, URL_MAX, "unix://%s", o->socket);
		return 0;
	}
	if (url_by_forward(o, url) || url_by_gateways_socket(o, url))
		return 0;
	return error_set(e, EX_UNAVAILABLE, "there is no way from here to the "
	    "Docker of %s: name the gateway for ssh(1), \"--server "
	    "USER@HOST:PORT\", or forward it in orthrus.ini, as in \"[forward "
	    "%s]\" with \"spec = 2375:%s.orthrus:2375\"", o->agent, o->agent,
	    o->agent);
}

/* --- the context -------------------------------------------------- */

/* Where the context of that name leads to: false when there is none. */
static bool
present_host(const char *context, char host[URL_MAX])
{
	const char *const argv[] = { "docker", "context", "inspect",
	    "--format", "{{.Endpoints.docker.Host}}", context, NULL };
	const struct program_run run = { .argv = argv, .out = host,
	    .size = URL_MAX, .quiet = true };

	if (program_run(&run, NULL) != 0)
		return false;
	host[strcspn(host, "\r\n")] = '\0';
	return true;
}

static int
create_context(const char *context, const char *url, const char *agent,
    struct error *e)
{
	char *host = xasprintf("host=%s", url);
	char *about = xasprintf("Docker of %s, by orthrus", agent);
	const char *const argv[] = { "docker", "context", "create",
	    "--description", about, "--docker", host, context, NULL };
	char said[256];
	const struct program_run run = { .argv = argv, .out = said,
	    .size = sizeof(said) };
	int status = program_run(&run, e);

	free(about);
	free(host);
	if (status > 0)
		error_set(e, EX_UNAVAILABLE, "docker has not made the context "
		    "(exit status %d)", status);
	return status == 0 ? 0 : -1;
}

static int
make_context(const char *context, const char *url, const char *agent,
    struct error *e)
{
	char present[URL_MAX];

	if (!present_host(context, present)) {
		if (create_context(context, url, agent, e) == -1)
			return -1;
		printf("made the context %s: %s\n", context, url);
	} else if (strcmp(present, url) == 0)
		printf("the context %s is there already: %s\n", context, url);
	else
		return error_set(e, EX_CANTCREAT, "the context %s is there "
		    "and leads to %s: \"docker context rm %s\" removes it, "
		    "--as chooses another name", context, present, context);
	printf("\n    docker --context %s ps\n", context);
	return 0;
}

static void
print_command(const char *context, const char *url)
{
	printf("docker context create --docker host=");
	print_quoted(url);
	putchar(' ');
	print_quoted(context);
	putchar('\n');
}

static int
check_context_options(void *arg, char **arguments, struct error *e)
{
	struct context_options *o = arg;

	o->agent = arguments[0];
	if (o->agent == NULL)
		return error_set(e, EX_USAGE, "which agent's Docker? give its "
		    "name");
	if (!name_valid(o->agent))
		return error_set(e, EX_USAGE, "\"%s\": a name is 1 to 63 of "
		    "a-z 0-9 -", o->agent);
	if (o->server != NULL && o->socket != NULL)
		return error_set(e, EX_USAGE, "--server or --socket, not "
		    "both");
	if (o->socket != NULL && o->socket[0] != '/')
		return error_set(e, EX_USAGE, "--socket %s: give the whole "
		    "path, which begins with /", o->socket);
	if (o->as == NULL && strcmp(o->agent, "default") == 0)
		return error_set(e, EX_USAGE, "docker has a context "
		    "\"default\" of its own: choose another name with --as");
	return 0;
}

int
cmd_docker_context(int argc, char **argv)
{
	struct context_options o = { 0 };
	const struct command_option options[] = {
		{ "server", .text = &o.server },
		{ "socket", .text = &o.socket },
		{ "as", .text = &o.as },
		{ "dry-run", .flag = &o.dry_run },
		{ "config", 'c', .text = &o.config },
	};
	const struct command_line line = {
		.command = "orthrus docker-context",
		.options = options, .n = sizeof(options) / sizeof(options[0]),
		.most = 1, .hint = "it takes one agent's name",
		.usage = context_usage, .check = check_context_options,
		.arg = &o
	};
	char url[URL_MAX];
	const char *as;
	struct error e;
	int code, r;

	if (!command_line_read(&line, argc, argv, &code))
		return code;
	as = o.as != NULL ? o.as : o.agent;
	r = find_url(&o, url, &e);
	if (r == 0 && o.dry_run)
		print_command(as, url);
	else if (r == 0)
		r = make_context(as, url, o.agent, &e);
	if (r == 0)
		return 0;
	fprintf(stderr, "orthrus docker-context: %s\n", e.text);
	return e.code;
}
