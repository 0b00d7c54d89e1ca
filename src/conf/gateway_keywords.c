/* SPDX-License-Identifier: ISC */
/* The table of everything that can be configured at charon. */
#include <sys/stat.h>

#include <stddef.h>

#include "gateway_private.h"
#include "orthrus/base/mem.h"

#define DEFAULT_FILE "/etc/charon/charon.ini"
#define AT(field) .offset = offsetof(struct gateway_config, field)

/* The default file, unless it is missing or we may not see it. */
static char *
initial_ini(const void *c, unsigned i)
{
	struct stat st;

	(void)c;
	return i > 0 || stat(DEFAULT_FILE, &st) == -1 ? NULL :
	    xstrdup(DEFAULT_FILE);
}

static char *
initial_state(const void *c, unsigned i)
{
	(void)c;
	return i > 0 ? NULL : state_directory_of("charon");
}

static char *
initial_runtime(const void *c, unsigned i)
{
	(void)c;
	return i > 0 ? NULL : runtime_directory_of("charon");
}

/* There is no default where the value of the directory was refused. */
static char *
initial_host_key(const void *config, unsigned i)
{
	const struct gateway_config *c = config;

	return i > 0 || c->state == NULL ? NULL :
	    xasprintf("%s/ssh_host_ed25519_key", c->state);
}

static char *
initial_http(const void *config, unsigned i)
{
	const struct gateway_config *c = config;

	return i > 0 || c->runtime == NULL ? NULL :
	    xasprintf("unix:%s/http.sock", c->runtime);
}

static const struct keyword rows[] = {
	{ NULL, "config", "config", 'c', "CHARON_CONFIG", "FILE",
	    .set = set_path, AT(head.file), .initial = initial_ini,
	    .help = "ini file (/etc/charon/charon.ini)" },
	{ "charon", "user", .set = set_account, .fallback = "charon" },
	{ "state", "directory", .set = set_directory, AT(state),
	    .initial = initial_state },
	{ "state", "runtime", .set = set_directory, AT(runtime),
	    .initial = initial_runtime },
	{ "ssh", "listen", .set = set_ssh_listen, .fallback = "0.0.0.0:2222" },
	{ "ssh", "host_key", .set = set_key_file, AT(host_key),
	    .initial = initial_host_key },
	{ "ssh", "max_unauthenticated", .set = set_count,
	    AT(max_unauthenticated), .fallback = "100" },
	{ "ssh", "per_source", .set = set_count_or_off, AT(per_source),
	    .fallback = "off" },
	{ "ssh", "penalty", .set = set_penalty, AT(penalty),
	    .fallback = "10m" },
	{ "tls", "listen", .flags = KW_MANY | KW_LIST, .set = set_tls_listen },
	{ "tls", "certificate", .set = set_key_file, AT(certificate) },
	{ "tls", "key", .set = set_key_file, AT(key) },
	{ "http", "listen", .set = set_http_listen, .initial = initial_http },
	{ "agents", "heartbeat", .set = set_interval, AT(heartbeat),
	    .fallback = "5s" },
	{ "agents", "timeout", .set = set_interval, AT(timeout),
	    .fallback = "10s" },
	{ "agents", "certificate_lifetime", .set = set_seconds,
	    AT(certificate_lifetime), .fallback = "7d" },
	{ "agents", "renew_before", .set = set_seconds, AT(renew_before),
	    .fallback = "24h" },
	{ "agents", "docker_tcp", .set = set_yes, AT(docker_tcp),
	    .fallback = "no" },
	{ "agents", "enabled", .set = set_yes, AT(enabled),
	    .fallback = "yes" },
	{ "agents", "old_agents", .set = set_yes, AT(old_agents),
	    .fallback = "no" },
	{ "agents", "resume", .set = set_resume, AT(resume),
	    .fallback = "60s" },
	{ "agents", "resume_memory", .set = set_resume_memory,
	    AT(resume_memory), .fallback = "256m" },
	{ "limits", "streams", .set = set_count, AT(streams),
	    .fallback = "16000" },
	{ "limits", "memory", .set = set_memory, AT(memory),
	    .fallback = "auto" },
	{ "egress", "allow", .flags = KW_MANY | KW_LIST, .set = set_egress },
	{ "release", "base_url", .set = set_base_url, AT(base_url) },
	{ "release", "sums", .set = set_key_file, AT(sums) },
	{ "log", "level", "log-level", 0, "CHARON_LOG_LEVEL", "LEVEL",
	    .values = "error|warn|info|debug",
	    .set = set_level, AT(log_level), .fallback = "info",
	    .help = "error, warn, info or debug (info)" },
	{ "log", "level", NULL, 'v', .fixed = "debug", .set = set_level,
	    .help = "the same as --log-level debug" },
	{ "log", "format", .set = set_format, AT(log_format),
	    .fallback = "text" },
};

const struct program program_charon = {
	.rows = rows,
	.n = sizeof(rows) / sizeof(rows[0]),
	.size = sizeof(struct gateway_config),
	.clear = clear_gateway,
	.example = "ssh"
};
