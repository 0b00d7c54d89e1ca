/* SPDX-License-Identifier: ISC */
/*
 * Any text as a server address (and as a duration and a name): what is taken
 * reads back as itself, what is refused changes nothing and says why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/proto/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_error(const struct error *e)
{
	const char *p;

	check(e->code == EX_USAGE && e->text[0] != '\0');
	check(memchr(e->text, '\0', sizeof(e->text)) != NULL);
	for (p = e->text; *p != '\0'; p++)
		check((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void
fuzz_server(const char *s)
{
	struct server server, again, untouched;
	char text[SERVER_TEXT_MAX], twice[SERVER_TEXT_MAX];
	struct error e;

	memset(&server, 0x5a, sizeof(server));
	memcpy(&untouched, &server, sizeof(server));
	if (server_parse(s, &server, &e) == -1) {
		check_error(&e);
		check(memcmp(&server, &untouched, sizeof(server)) == 0);
		return;
	}
	check(host_valid(server.host, strlen(server.host)));
	check(server.port != 0);
	check(memchr(server.user, '\0', sizeof(server.user)) != NULL);
	check(strpbrk(server.user, " :/,") == NULL && server.user[0] != '-');

	server_format(&server, text);
	check(server_parse(text, &again, &e) == 0);
	check(again.transport == server.transport);
	check(strcmp(again.user, server.user) == 0);
	check(strcmp(again.host, server.host) == 0);
	check(again.port == server.port);
	check(strcmp(again.path, server.path) == 0);
	check((server.path[0] == '/') == (server.transport == TRANSPORT_WSS));
	check(strpbrk(server.path, " @,\r\n") == NULL);
	check(strcmp(server_format(&again, twice), text) == 0);
}

/* --transport changes what the text left open, and nothing else. */
static void
fuzz_transport(const char *s)
{
	char text[SERVER_TEXT_MAX], then[SERVER_TEXT_MAX];
	struct server server;
	struct error e;
	int kind;

	for (kind = TRANSPORT_TCP; kind <= TRANSPORT_WSS; kind++) {
		if (server_parse(s, &server, NULL) == -1)
			return;
		server_format(&server, text);
		if (server_choose_transport(&server, kind, &e) == 0) {
			check((int)server.transport == kind);
			check(server_parse(server_format(&server, then),
			    &server, &e) == 0);
			check((int)server.transport == kind);
			continue;
		}
		check_error(&e);
		check((int)server.transport != kind);
		check(strcmp(server_format(&server, then), text) == 0);
	}
}

/* A password put in front of a host never comes back in a message. */
static void
fuzz_password(const char *s, size_t size)
{
	static const char secret[] = "user:hunter2@";
	struct server server;
	struct error e;
	char *with;

	if (strstr(s, "hunter2") != NULL)
		return;
	with = malloc(sizeof(secret) + size);
	check(with != NULL);
	strcpy(with, secret);
	strcat(with, s);
	check(server_parse(with, &server, &e) == -1);
	check(strstr(e.text, "hunter2") == NULL);
	free(with);
}

static void
fuzz_words(const char *s)
{
	enum transport_kind kind;
	uint64_t ms = 42;
	struct error e;

	if (duration_parse(s, &ms, &e) == 0)
		check(ms > 0 && ms <= UINT64_C(365) * 24 * 60 * 60 * 1000);
	else {
		check_error(&e);
		check(ms == 42);
	}
	if (transport_parse(s, &kind) == 0)
		check(strcmp(transport_word(kind), s) == 0);
	/* Every name is a host. */
	if (name_valid(s))
		check(host_valid(s, strlen(s)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	check(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	s[strcspn(s, "\n")] = '\0';	/* corpus files end as text does */
	fuzz_server(s);
	fuzz_transport(s);
	fuzz_password(s, size);
	fuzz_words(s);
	free(s);
	return 0;
}
