/*
 * The table of everything that can be configured.  Options, environment, file,
 * defaults and --help follow from it, and so should the manual pages.
 */
#include <stddef.h>
#include <string.h>

#include "conf.h"

#define AT(field) .offset = offsetof(struct config, field)

const struct keyword keywords[] = {
	{ NULL, "config", "config", 'c', "ORTHRUS_CONFIG", "FILE",
	    .set = set_path, AT(file), .initial = initial_file,
	    .help = "ini file, orthrus.ini(5)" },
	{ "agent", "name", "name", 0, "ORTHRUS_NAME", "NAME",
	    .set = set_name, .initial = initial_name,
	    .help = "unique name of this agent (the host name)" },
	{ "server", "address", "server", 0, "CHARON_LINK", "SERVER",
	    .flags = KW_MANY | KW_LIST, .set = set_server,
	    .help = "[ssh://][user@]HOST[:PORT] to dial" },
	{ "server", "user", "user", 0, "ORTHRUS_USER", "NAME",
	    .set = set_user,
	    .help = "SSH user (user@ of the server, else the name)" },
	{ "server", "identity", "identity", 'i', "ORTHRUS_IDENTITY", "FILE",
	    .set = set_path, AT(identity), .initial = initial_identity,
	    .help = "Ed25519 private key ($STATE/id_ed25519)" },
	{ "server", "known_hosts", "known-hosts", 0, "ORTHRUS_KNOWN_HOSTS",
	    "FILE", .set = set_known_hosts, .initial = initial_known_hosts,
	    .help = "host keys ($STATE's, then ~/.ssh/known_hosts)" },
	{ "server", "host_key", "host-key", 0, "ORTHRUS_HOST_KEY", "FP",
	    .flags = KW_MANY | KW_LIST, .set = set_host_key,
	    .help = "pinned SHA256:..., beats known_hosts" },
	{ "server", "accept_new", "accept-new", 0, "ORTHRUS_ACCEPT_NEW",
	    .fixed = "yes", .set = set_yes, AT(accept_new),
	    .fallback = "no",
	    .help = "trust and remember a key at first contact" },
	{ "server", "password_file", "password-file", 0,
	    "ORTHRUS_PASSWORD_FILE", "FILE", .set = set_path,
	    AT(password_file), .help = "log in with the password in FILE" },
	{ "socks5", "listen", "socks5", 'D', "ORTHRUS_SOCKS5", "ADDRESS|off",
	    .set = set_socks5, .fallback = "127.0.0.1:1080",
	    .help = "SOCKS5 server (127.0.0.1:1080)" },
	{ "socks5", "username", .set = set_text, AT(socks5_username) },
	{ "socks5", "password_file", .set = set_path,
	    AT(socks5_password_file) },
	{ "forward", "spec", "forward", 'L', "ORTHRUS_FORWARD", "SPEC",
	    .flags = KW_MANY | KW_LIST | KW_ADD | KW_NAMED, .set = set_local,
	    .help = "local forward, as ssh(1) -L" },
	{ "remote", "spec", "remote-forward", 'R', "ORTHRUS_REMOTE_FORWARD",
	    "SPEC", .flags = KW_MANY | KW_LIST | KW_ADD | KW_NAMED,
	    .set = set_remote, .help = "remote forward, as ssh(1) -R" },
	{ "docker", "socket", "docker", 0, "ORTHRUS_DOCKER_SOCKET", "SOCKET",
	    .fixed = "/var/run/docker.sock", .flags = KW_OPTIONAL,
	    .set = set_docker_socket,
	    .help = "share the Docker socket, filtered" },
	{ "docker", "remote", "docker-remote", 0, "ORTHRUS_DOCKER_REMOTE",
	    "ADDRESS", .set = set_docker_remote, .fallback = "auto",
	    .help = "where the server listens for it (auto)" },
	{ "docker", "allow", "docker-allow", 0, "ORTHRUS_DOCKER_ALLOW",
	    "LIST", .flags = KW_MANY | KW_LIST | KW_COMMA,
	    .set = set_docker_allow,
	    .help = "open start,stop,restart,kill ..." },
	{ "docker", "redact", "docker-redact", 0, "ORTHRUS_DOCKER_REDACT",
	    "env|none", .set = set_docker_redact, .fallback = "env",
	    .help = "hide secrets in answers (env)" },
	{ NULL, "mode", NULL, 0, "ORTHRUS_MODE", "MODE",
	    .flags = KW_MANY | KW_LIST, .set = set_mode },
	{ "reconnect", "min", "backoff-min", 0, "ORTHRUS_BACKOFF_MIN",
	    "DURATION", .set = set_milliseconds, AT(backoff_min),
	    .fallback = "1s",
	    .help = "first wait before reconnecting (1s)" },
	{ "reconnect", "max", "backoff-max", 0, "ORTHRUS_BACKOFF_MAX",
	    "DURATION", .set = set_milliseconds, AT(backoff_max),
	    .fallback = "30s", .help = "longest wait (30s)" },
	{ "reconnect", "enabled", "no-reconnect", .fixed = "no",
	    .set = set_yes, AT(reconnect), .fallback = "yes",
	    .help = "one attempt, then exit" },
	{ "agent", "control", "control", 0, "ORTHRUS_CONTROL", "ADDRESS",
	    .set = set_control, .initial = initial_control,
	    .help = "status socket ($RUNTIME/NAME.sock)" },
	{ "log", "level", "log-level", 0, "ORTHRUS_LOG_LEVEL", "LEVEL",
	    .set = set_level, .fallback = "info",
	    .help = "error, warn, info or debug (info)" },
	{ "log", "level", NULL, 'v', .fixed = "debug", .set = set_level,
	    .help = "the same as --log-level debug" },
	{ "log", "format", "log-format", 0, "ORTHRUS_LOG_FORMAT", "FORMAT",
	    .set = set_format, .fallback = "text",
	    .help = "text or json (text)" },
};

const size_t nkeywords = sizeof(keywords) / sizeof(keywords[0]);

const struct keyword *
keyword_by_key(const char *section, const char *key)
{
	size_t i;

	for (i = 0; i < nkeywords; i++) {
		if (keywords[i].section != NULL &&
		    strcmp(keywords[i].section, section) == 0 &&
		    strcmp(keywords[i].key, key) == 0)
			return &keywords[i];
	}
	return NULL;
}

const struct keyword *
keyword_of_section(const char *section)
{
	size_t i;

	for (i = 0; i < nkeywords; i++) {
		if (keywords[i].section != NULL &&
		    strcmp(keywords[i].section, section) == 0)
			return &keywords[i];
	}
	return NULL;
}

/* Two rows may stand for one setting (--log-level and -v): the first counts. */
const struct keyword *
keyword_first(const struct keyword *kw)
{
	return kw->section == NULL ? kw : keyword_by_key(kw->section, kw->key);
}
