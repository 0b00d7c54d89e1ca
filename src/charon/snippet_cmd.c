/* SPDX-License-Identifier: ISC */
/* "charon snippet": what to install on an agent's host, ready to be used. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/proto/server.h"

#include "cli.h"
#include "commands.h"
#include "snippet.h"

#define PLATFORMS "compose, systemd, tarball, homebrew or kubernetes"
#define MARK "@@"

/* --- what is put in ----------------------------------------------- */

static void
print_quoted(const char *s, enum quoting quoting)
{
	for (; *s != '\0'; s++) {
		if (quoting == QUOTE_SHELL && *s == '\'') {
			printf("'\\''");
			continue;
		}
		if (quoting != QUOTE_SHELL && (*s == '"' || *s == '\\'))
			putchar('\\');
		if ((quoting == QUOTE_UNIT && *s == '%') ||
		    (quoting == QUOTE_YAML && *s == '$'))
			putchar(*s);
		putchar(*s);
	}
}

static void
print_snippet(const struct snippet *s, const char *name, const char *link)
{
	const char *p = s->text, *mark;

	for (; (mark = strstr(p, MARK)) != NULL; p = mark + strlen(MARK)) {
		fwrite(p, 1, (size_t)(mark - p), stdout);
		p = mark + strlen(MARK);
		mark = strstr(p, MARK);
		if (strncmp(p, "NAME", 4) == 0)
			printf("%s", name);
		else if (strncmp(p, "LINK", 4) == 0)
			print_quoted(link, s->quoting);
		else
			printf("%s", PACKAGE_VERSION);
	}
	printf("%s", p);
}

/* --- the gateway's address ---------------------------------------- */

/*
 * The value of CHARON_LINK, for the caller to free.  Its port is the one that
 * this gateway listens on, unless --server has another; with tls:// and wss://
 * it is 443 then, since what is there may be something else in front of it.
 */
static char *
link_text(const struct call *c, struct error *e)
{
	unsigned port = c->config->ssh_listen.port;
	char text[SERVER_TEXT_MAX];
	struct server server;

	if (c->server == NULL)
		return xasprintf("ssh://<GATEWAY>:%u", port);
	if (server_parse(c->server, &server, e) == -1) {
		error_prefix(e, "--server");
		return NULL;
	}
	if (server.user[0] != '\0') {
		error_set(e, EX_USAGE, "--server: leave \"%s@\" out; an agent "
		    "logs in under its own name", server.user);
		return NULL;
	}
	if (server.transport == TRANSPORT_TCP && !server.port_given)
		server.port = (uint16_t)port;
	return xstrdup(server_format(&server, text));
}

static const struct snippet *
find_snippet(const char *platform, struct error *e)
{
	size_t i;

	if (platform == NULL) {
		error_set(e, EX_USAGE, "--for is missing: " PLATFORMS);
		return NULL;
	}
	for (i = 0; i < nsnippets; i++)
		if (strcmp(platform, snippets[i].platform) == 0)
			return &snippets[i];
	error_set(e, EX_USAGE, "--for: \"%s\": expected " PLATFORMS, platform);
	return NULL;
}

/*
 * Warns when the name is no registered agent's, so that a typing error shows.
 * Where the registry is not at hand, the snippet is printed all the same.
 */
static void
warn_if_unknown(const struct call *c)
{
	struct error e;
	struct state *s = call_state(c, false, &e);

	if (s != NULL)
		call_check_agent(c, s, c->name);
	else
		fprintf(stderr, "charon %s: warning: whether %s is registered "
		    "is not known: %s\n", c->command, c->name, e.text);
	state_close(s);
}

static int
snippet_print(const struct call *c)
{
	const struct snippet *s;
	struct error e;
	char *link;
	int code;

	if ((s = find_snippet(c->platform, &e)) == NULL ||
	    (link = link_text(c, &e)) == NULL)
		return call_fail(c, &e);
	warn_if_unknown(c);
	print_snippet(s, c->name, link);
	free(link);
	code = call_end(c);
	if (code == 0 && c->server == NULL)
		fprintf(stderr, "Put this gateway's host name in place of "
		    "<GATEWAY>, or give --server.\n");
	return code;
}

int
cmd_snippet(int argc, char **argv)
{
	static const struct command command = {
		"snippet", "NAME --for PLATFORM",
		"print what to install on an agent's host",
		"Prints what keeps the orthrus of agent NAME running on its "
		"host, sharing the\nDocker socket: for " PLATFORMS ".\n"
		"The AUTH_KEY that \"charon agent add\" printed goes where "
		"<AUTH_KEY> stands.",
		TAKES_NAME | TAKES_FOR | TAKES_SERVER, snippet_print
	};

	return command_run(&command, argc, argv);
}
