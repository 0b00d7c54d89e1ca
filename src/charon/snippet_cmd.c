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

/* What takes the place of marks. */
struct filling {
	const char *name, *link;
	struct snippet_offer offer;
	struct release release;
};

/* The value of the mark that begins at p, behind its @@. */
static void
print_value(const struct filling *f, enum quoting quoting, const char *p)
{
	if (strncmp(p, "NAME", 4) == 0)
		printf("%s", f->name);
	else if (strncmp(p, "LINK", 4) == 0)
		print_quoted(f->link, quoting);
	else if (strncmp(p, "MODE", 4) == 0)
		printf("%s", snippet_mode(&f->offer));
	else if (strncmp(p, "PORTS", 5) == 0)
		print_quoted(f->offer.ports, quoting);
	else
		printf("%s", PACKAGE_VERSION);
}

/* The mark of a line that is for one mode only: is that the one? */
static bool
is_wanted(const struct filling *f, const char *p)
{
	return strncmp(p, "?socket", 7) == 0 ? f->offer.socket : f->offer.port;
}

static void
print_snippet(const struct snippet *s, const struct filling *f)
{
	const char *p = s->text, *mark, *value;

	for (; (mark = strstr(p, MARK)) != NULL; ) {
		fwrite(p, 1, (size_t)(mark - p), stdout);
		value = mark + strlen(MARK);
		p = strstr(value, MARK) + strlen(MARK);
		if (*value == 'D')
			release_print(&f->release, s);
		else if (*value != '?')
			print_value(f, s->quoting, value);
		else if (!is_wanted(f, value))
			p = strchr(p, '\n') + 1;
	}
	printf("%s", p);
}

/* --- the gateway's address ---------------------------------------- */

/*
 * The value of CHARON_LINK, for the caller to free.  Its port is the one that
 * this gateway listens on, unless --server has another; with tls:// and wss://
 * it is 443 then, since what is there may be something else in front of it.
 */
char *
call_link(const struct call *c, struct error *e)
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
	struct filling f = { .name = c->name };
	const struct snippet *s;
	struct error e;
	char *link;
	int code;

	if ((s = find_snippet(c->platform, &e)) == NULL ||
	    snippet_offer_read(c->mode, c->ports, &f.offer, &e) == -1 ||
	    release_load(c->config, &f.release, &e) == -1)
		return call_fail(c, &e);
	if ((link = call_link(c, &e)) == NULL) {
		release_free(&f.release);
		return call_fail(c, &e);
	}
	warn_if_unknown(c);
	f.link = link;
	print_snippet(s, &f);
	free(link);
	release_free(&f.release);
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
		"host, sharing the\nDocker socket, and the ports of --ports: "
		"for compose, systemd, tarball,\nhomebrew or kubernetes.\n"
		"The AUTH_KEY that \"charon agent add\" printed goes where "
		"<AUTH_KEY> stands.",
		TAKES_NAME | TAKES_FOR | TAKES_SERVER | TAKES_OFFER, snippet_print
	};

	return command_run(&command, argc, argv);
}
