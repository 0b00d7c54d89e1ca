/* SPDX-License-Identifier: ISC */
/*
 * Options that fingers know from ssh(1): those that ask for what happens here
 * anyway are taken, and the others answered with what does the same here.
 */
#include <string.h>
#include <strings.h>

#include "conf.h"

const struct foreign_option ssh_options[] = {
	{ 'N', false, NULL },		/* no command: there never is one */
	{ 'T', false, NULL },		/* no terminal */
	{ 'n', false, NULL },		/* nothing is read */
	{ 'x', false, NULL },		/* neither X11 ... */
	{ 'a', false, NULL },		/* ... nor the agent is forwarded */
	{ 'k', false, NULL },		/* nor GSSAPI */
	{ 'f', false, "it stays in the foreground, where systemd watches it: "
	    "run it as a service (contrib/orthrus.service), or put \"&\" "
	    "behind the command" },
	{ 'J', true, "write --proxy-command 'ssh -W %h:%p %s'" },
	{ 'o', true, NULL },		/* see below */
	{ 'w', true, "there is no tun device; -D gives SOCKS5, and -L and -R "
	    "single ports" },
	{ 'X', false, "X11 is not forwarded; use ssh -X for that" },
	{ 'Y', false, "X11 is not forwarded; use ssh -Y for that" },
	{ 'A', false, "the authentication agent is not forwarded; use ssh -A "
	    "for that" },
	{ 'M', false, "the session is shared without it: orthrus connect -W "
	    "goes over the one that runs" },
	{ 'S', true, "the session is shared without it; --control ADDRESS "
	    "names the status socket" },
	{ 'O', true, "orthrus status tells how the running one is, and SIGTERM "
	    "ends it" },
	{ 't', false, "no command is run at the server; use ssh -t for that" },
	{ 's', false, "no subsystem is asked for; use ssh -s for that" },
	{ 'g', false, "write where to listen: -L *:PORT:HOST:HOSTPORT" },
	{ 'q', false, "write --log-level error" },
	{ 'E', true, "the log goes to standard error: put 2>>%s behind the "
	    "command" },
	{ 'C', false, "nothing is compressed; leave it out" },
	{ 'I', true, "keys of smart cards are not used; -i names a file" },
	{ '4', false, "write an IPv4 address for the server" },
	{ '6', false, "write an IPv6 address for the server, in brackets" },
	{ 'B', true, "the system chooses the interface; leave it out" },
	{ 'b', true, "the system chooses the address; leave it out" },
	{ 'm', true, "the ciphers and their MACs are chosen; leave it out" },
	{ 0, false, NULL }
};

/* What -o NAME=VALUE is here. */
static const struct {
	const char *name, *instead;
} words[] = {
	{ "CertificateFile", "it is FILE-cert.pub beside the identity; write "
	    "-i FILE" },
	{ "ConnectTimeout", "it is 10 s for each server; leave it out" },
	{ "DynamicForward", "write -D ADDRESS" },
	{ "ExitOnForwardFailure", "\"orthrus status --wait 30s\" tells when "
	    "every forward is up" },
	{ "HostName", "write --server HOST" },
	{ "IdentityFile", "write -i FILE" },
	{ "LocalForward", "write -L SPEC" },
	{ "LogLevel", "write --log-level LEVEL" },
	{ "Port", "write -p PORT" },
	{ "ProxyCommand", "write --proxy-command CMD" },
	{ "ProxyJump", "write --proxy-command 'ssh -W %h:%p HOST'" },
	{ "RemoteForward", "write -R SPEC" },
	{ "ServerAliveCountMax", "a dead server is noticed within 15 s; leave "
	    "it out" },
	{ "ServerAliveInterval", "a dead server is noticed within 15 s; leave "
	    "it out" },
	{ "StrictHostKeyChecking", "an unknown host key is refused; write "
	    "--accept-new to trust it at first contact" },
	{ "User", "write -l USER" },
	{ "UserKnownHostsFile", "write --known-hosts FILE" },
};

static const char *
instead_of_word(const char *word)
{
	size_t i, len = strcspn(word, "= \t");

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].name) == len &&
		    strncasecmp(words[i].name, word, len) == 0)
			return words[i].instead;
	}
	return "--help lists the options that there are";
}

void
ssh_option_instead(const struct foreign_option *o, const char *value,
    struct error *e)
{
	const char *instead = o->instead, *gap;

	if (o->letter == 'o') {
		error_set(e, EX_USAGE, "option -o of ssh(1) is none here: %s: "
		    "%s", value, instead_of_word(value));
		return;
	}
	if (!o->value || (gap = strstr(instead, "%s")) == NULL) {
		error_set(e, EX_USAGE, "option -%c of ssh(1) is none here: %s",
		    o->letter, instead);
		return;
	}
	error_set(e, EX_USAGE, "option -%c of ssh(1) is none here: %.*s%s%s",
	    o->letter, (int)(gap - instead), instead, value, gap + 2);
}
