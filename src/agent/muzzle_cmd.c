/* SPDX-License-Identifier: ISC */
/* "orthrus muzzle": the Docker filter alone, and what it says to a request. */
#include "config.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/command_line.h"
#include "orthrus/base/log.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/muzzle/names.h"

#include "commands.h"
#include "muzzle_proxy.h"

struct muzzle_options {
	struct muzzle_proxy_config proxy;
	char *hosts, *reveal, *registries;	/* of its policy */
	const char *explain;
	bool verbose;
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

	return address_parse(value, false, &o->proxy.listen, e);
}

static int
take_engine(void *arg, char *value, struct error *e)
{
	struct muzzle_options *o = arg;

	if (address_parse(value, false, &o->proxy.engine, e) == -1)
		return -1;
	if (o->proxy.engine.kind == ADDRESS_UNIX)
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
		if (policy_action(word, &o->proxy.policy.actions, e) == -1)
			return -1;
	return 0;
}

static int
take_redact(void *arg, char *value, struct error *e)
{
	struct muzzle_options *o = arg;

	o->proxy.policy.redact = strcmp(value, "env") == 0;
	if (o->proxy.policy.redact || strcmp(value, "none") == 0)
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
	o->proxy.mode = (mode_t)strtoul(text, NULL, 8);
	o->proxy.shared = true;
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
		o->proxy.group = gr->gr_gid;
	else if (n > 0 && n < 10 && strspn(text, "0123456789") == n)
		o->proxy.group = (gid_t)strtoul(text, NULL, 10);
	else
		return error_set(e, EX_USAGE, "there is no group \"%s\" here; "
		    "its number is fine, too", text);
	if (!o->proxy.shared)
		o->proxy.mode = 0660;
	o->proxy.shared = true;
	return 0;
}

static int
check_muzzle_options(void *arg, char **arguments, struct error *e)
{
	const struct muzzle_options *o = arg;

	(void)arguments;
	if (o->proxy.listen.kind != ADDRESS_NONE &&
	    !address_is_local(&o->proxy.listen) && o->hosts == NULL)
		return error_set(e, EX_USAGE, "--listen: beyond loopback only "
		    "with --docker-host NAME, what its clients call it: "
		    "everyone who reaches it may read what the filter lets "
		    "through");
	if (o->proxy.shared && o->proxy.listen.kind != ADDRESS_UNIX)
		return error_set(e, EX_USAGE, "--socket-mode and "
		    "--socket-group are for a Unix socket that --listen "
		    "names");
	if (o->explain == NULL && o->proxy.listen.kind == ADDRESS_NONE)
		return error_set(e, EX_USAGE, "--listen says where to listen, "
		    "--explain judges one request");
	return 0;
}

/* True when the command is to run; else *code is how it ends. */
static bool
read_muzzle_options(int argc, char **argv, struct muzzle_options *o, int *code)
{
	const struct command_option options[] = {
		{ "listen", .take = take_listen, .value = "SOCKET" },
		{ "docker", .take = take_engine, .value = "SOCKET" },
		{ "docker-allow", .take = take_actions,
		    .value = "start|stop|restart|kill|pause|unpause" },
		{ "docker-redact", .take = take_redact,
		    .value = "env|none" },
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
		[ANSWER_REDACTED] = "with *** for secrets",
		[ANSWER_READINGS] = "with *** for secrets",
		[ANSWER_STREAM] = "a stream, for as long as it lasts",
		[ANSWER_EVENTS] = ("a stream, for as long as it lasts, with "
		    "*** for secrets"),
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
	policy_judge(&o->proxy.policy, method, space + 1, strlen(space + 1), v);
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

int
cmd_muzzle(int argc, char **argv)
{
	struct muzzle_options o = { .proxy = {
		.engine = { .kind = ADDRESS_UNIX,
		    .path = "/var/run/docker.sock" },
		.policy = { .actions = 0, .redact = true },
		.group = MUZZLE_PROXY_NO_GROUP
	} };
	int code = 0;

	if (read_muzzle_options(argc, argv, &o, &code)) {
		if (o.verbose)
			log_setup(LEVEL_DEBUG, LOG_TEXT);
		o.proxy.policy.hosts = o.hosts;
		o.proxy.policy.reveal = o.reveal;
		o.proxy.policy.registries = o.registries;
		code = o.explain != NULL ? explain_request(&o) :
		    muzzle_proxy_run(&o.proxy);
	}
	free(o.hosts);
	free(o.reveal);
	free(o.registries);
	return code;
}
