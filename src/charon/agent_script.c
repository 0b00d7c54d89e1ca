/* SPDX-License-Identifier: ISC */
/*
 * "charon agent add NAME --script": one line that makes an agent of its host.
 * The AUTH_KEY is not in it, since lines are kept in histories and shown in
 * lists of processes: it is the next line, for which the first one asks.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/printed.h"
#include "orthrus/base/text.h"

#include "cli.h"
#include "snippet.h"

int
script_check(const struct call *c, struct error *e)
{
	struct snippet_offer offer;
	char *link;

	if (!c->script && c->server == NULL && c->mode == NULL &&
	    c->ports == NULL)
		return 0;
	if (!c->script)
		return error_set(e, EX_USAGE, "--server, --mode and --ports "
		    "are for --script");
	if (c->server == NULL)
		return error_set(e, EX_USAGE, "--script needs --server HOST, "
		    "this gateway as the agent's host reaches it");
	if (snippet_offer_read(c->mode, c->ports, &offer, e) == -1 ||
	    (link = call_link(c, e)) == NULL)
		return -1;
	free(link);
	return 0;
}

/* Quoted, unless it is plain. */
static void
print_script_word(const char *s)
{
	if (s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789.:_-")] == '\0')
		printf("%s", s);
	else
		print_quoted(s);
}

static void
print_exposed(const char *ports)
{
	char *copy = xstrdup(ports), *rest = copy, *word;

	while ((word = text_next_word(&rest)) != NULL)
		if (*word != '\0') {
			printf(" --expose ");
			print_script_word(word);
		}
	free(copy);
}

/* All was looked at by script_check(). */
void
script_print(const struct call *c)
{
	struct snippet_offer offer = { .socket = false };
	char *link = call_link(c, NULL);

	snippet_offer_read(c->mode, c->ports, &offer, NULL);
	printf("orthrus install --name %s --server ", c->name);
	print_script_word(link);
	if (offer.socket)
		printf(" --docker");
	print_exposed(offer.port ? offer.ports : "");
	printf(" --auth-key-file -\n");
	free(link);
}

void
script_explain(const struct call *c)
{
	fprintf(stderr, "Run the first line as root on %s's host.  It asks for "
	    "the AUTH_KEY, the second line,\nwhich enrols once, is shown only "
	    "now, and so is in no history and no list of processes.\nAt once, "
	    "by ssh: append  | ssh root@HOST 'read -r line; eval \"$line\"'\n",
	    c->name);
}
