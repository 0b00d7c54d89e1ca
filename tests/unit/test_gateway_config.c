/* SPDX-License-Identifier: ISC */
/*
 * charon's configuration: defaults, every key, what is refused and how, and
 * what only shows in combination.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/conf/gateway_private.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OUT_MAX 4096

static char dir[] = "/tmp/test_gateway_config.XXXXXX", ini[64];
static char reported[OUT_MAX];	/* lines of the last load() */
static int code;

static void
report(void *arg, const char *line)
{
	assert_ptr_equal(arg, reported);
	strncat(reported, line, OUT_MAX - strlen(reported) - 2);
	strcat(reported, "\n");
}

/* Loads with the options given, up to NULL. */
static struct gateway_config *
load(const char *first, ...)
{
	char *argv[8] = { (char[]){ "serve" } };
	struct gateway_config *c;
	const char *arg;
	int argc = 1;
	va_list ap;

	va_start(ap, first);
	for (arg = first; arg != NULL; arg = va_arg(ap, const char *))
		argv[argc++] = strdup(arg);
	va_end(ap);
	reported[0] = '\0';
	code = 0;
	c = gateway_config_load(argc, argv, report, reported, &code);
	while (argc > 1)
		free(argv[--argc]);
	assert_true((c == NULL) == (reported[0] != '\0'));
	return c;
}

static struct gateway_config *
load_text(const char *text)
{
	FILE *f = fopen(ini, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(ini, 0600), 0);
	return load("--config", ini, NULL);
}

static void
assert_listens(const struct address *a, const char *text)
{
	char found[ADDRESS_TEXT_MAX];

	assert_string_equal(address_format(a, found), text);
}

static void
test_defaults(void **state)
{
	struct gateway_config *c = load_text("# nothing\n");
	char path[96];

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->head.file, ini);
	snprintf(path, sizeof(path), "%s/state", dir);
	assert_string_equal(c->state, path);
	strcat(path, "/ssh_host_ed25519_key");
	assert_string_equal(c->host_key, path);
	snprintf(path, sizeof(path), "%s/run", dir);
	assert_string_equal(c->runtime, path);
	strcat(path, "/http.sock");
	assert_listens(&c->http_listen, path);
	assert_string_equal(c->user, "charon");
	assert_false(c->user_given);
	assert_listens(&c->ssh_listen, "0.0.0.0:2222");
	assert_int_equal(c->max_unauthenticated, 100);
	assert_int_equal(c->per_source, 0);
	assert_int_equal(c->penalty, 10 * 60 * 1000);
	assert_int_equal(c->ntls_listen, 0);
	assert_null(c->certificate);
	assert_null(c->key);
	assert_int_equal(c->resume, 60000);
	assert_int_equal(c->resume_memory, 256 << 20);
	assert_int_equal(c->heartbeat, 5000);
	assert_int_equal(c->timeout, 10000);
	assert_int_equal(c->certificate_lifetime, 7 * 24 * 3600);
	assert_int_equal(c->renew_before, 24 * 3600);
	assert_false(c->docker_tcp);
	assert_true(c->enabled);
	assert_false(c->old_agents);
	assert_null(c->base_url);
	assert_null(c->sums);
	assert_int_equal(c->negress, 0);
	assert_int_equal(c->streams, 16000);
	assert_int_equal(c->memory, 0);
	assert_int_equal(c->log_level, LEVEL_INFO);
	assert_int_equal(c->log_format, LOG_TEXT);
	gateway_config_free(c);
}

static void
test_everything(void **state)
{
	struct gateway_config *c = load_text(
	    "[charon]\nuser = nobody\n"
	    "[ssh]\nlisten = [::1]:22\nhost_key = /k\n"
	    "max_unauthenticated = 1000\nper_source = 50\npenalty = 90s\n"
	    "[tls]\nlisten = *:443, /x/web.sock,[::1]:22\n"
	    "certificate = /c.pem\nkey = ~/k.pem\n"
	    "[http]\nlisten = 8080\n"
	    "[state]\ndirectory = /s//\nruntime = /r\n"
	    "[agents]\nheartbeat = 100ms\ntimeout = 1s\n"
	    "certificate_lifetime = 10\nrenew_before = 5\n"
	    "docker_tcp = yes\nenabled = no\nold_agents = yes\n"
	    "resume = 5m\nresume_memory = 1G\n"
	    "[limits]\nstreams = 7\nmemory = 400M\n"
	    "[egress]\nallow = *.Example.com:443, 10.0.0.0/8:*\n"
	    "[release]\nbase_url = https://dl.example.com/o//\n"
	    "sums = /r/SHA256SUMS\n"
	    "[log]\nlevel = warn\nformat = json\n");
	char path[96];

	(void)state;
	assert_string_equal(reported, "");
	assert_string_equal(c->user, "nobody");
	assert_true(c->user_given);
	assert_listens(&c->ssh_listen, "[::1]:22");
	assert_string_equal(c->host_key, "/k");
	assert_int_equal(c->max_unauthenticated, 1000);
	assert_int_equal(c->per_source, 50);
	assert_int_equal(c->penalty, 90000);
	assert_listens(&c->http_listen, "localhost:8080");
	assert_string_equal(c->state, "/s");
	assert_string_equal(c->runtime, "/r");
	assert_int_equal(c->ntls_listen, 3);
	assert_listens(&c->tls_listen[0], "*:443");
	assert_listens(&c->tls_listen[1], "/x/web.sock");
	assert_listens(&c->tls_listen[2], "[::1]:22");
	assert_string_equal(c->certificate, "/c.pem");
	snprintf(path, sizeof(path), "%s/k.pem", dir);
	assert_string_equal(c->key, path);
	assert_int_equal(c->resume, 300000);
	assert_int_equal(c->resume_memory, 1 << 30);
	assert_int_equal(c->heartbeat, 100);
	assert_int_equal(c->timeout, 1000);
	assert_int_equal(c->certificate_lifetime, 10);
	assert_int_equal(c->renew_before, 5);
	assert_true(c->docker_tcp);
	assert_false(c->enabled);
	assert_true(c->old_agents);
	assert_string_equal(c->base_url, "https://dl.example.com/o");
	assert_string_equal(c->sums, "/r/SHA256SUMS");
	assert_int_equal(c->streams, 7);
	assert_int_equal(c->memory, 400 << 20);
	assert_int_equal(c->negress, 2);
	assert_true(egress_allows(c->egress, c->negress, "a.example.com",
	    443));
	assert_false(egress_allows(c->egress, c->negress, "a.example.com",
	    80));
	assert_true(egress_allows(c->egress, c->negress, "10.1.2.3", 80));
	assert_int_equal(c->log_level, LEVEL_WARN);
	assert_int_equal(c->log_format, LOG_JSON);
	gateway_config_free(c);
}

/* What the directories lead to follows them, and "off" is no address. */
static void
test_directories(void **state)
{
	struct gateway_config *c = load_text("[state]\ndirectory = /s\n"
	    "runtime = ~/r\n");
	char path[96];

	(void)state;
	assert_string_equal(c->host_key, "/s/ssh_host_ed25519_key");
	snprintf(path, sizeof(path), "%s/r/http.sock", dir);
	assert_listens(&c->http_listen, path);
	gateway_config_free(c);
	c = load_text("[ssh]\nlisten = *:2222\nhost_key = ~/k\n");
	assert_listens(&c->ssh_listen, "*:2222");
	snprintf(path, sizeof(path), "%s/k", dir);
	assert_string_equal(c->host_key, path);
	gateway_config_free(c);

	c = load_text("[http]\nlisten = off\n");
	assert_int_equal(c->http_listen.kind, ADDRESS_NONE);
	gateway_config_free(c);
	c = load_text("[agents]\nresume = 0\n[tls]\nlisten = /x/w.sock\n");
	assert_int_equal(c->resume, 0);
	assert_listens(&c->tls_listen[0], "/x/w.sock");
	gateway_config_free(c);
	c = load_text("[http]\nlisten = /x/y.sock\n");
	assert_listens(&c->http_listen, "/x/y.sock");
	gateway_config_free(c);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *in, *says;
	} cases[] = {
		{ "[http]\nlisten = 0.0.0.0:80\n", ":2: listen: "
		    "\"0.0.0.0:80\" is beyond loopback" },
		{ "[http]\nlisten = *:80\n", "is beyond loopback" },
		{ "[http]\nlisten = example.com:80\n", "is beyond loopback" },
		{ "[http]\nlisten = none\n", ":2: listen: " },
		{ "[ssh]\nlisten = /x.sock\n", "needs HOST:PORT" },
		{ "[ssh]\nlisten = off\n", ":2: listen: " },
		{ "[ssh]\nhost_key = /x/\n", "is a directory" },
		{ "[ssh]\nmax_unauthenticated = 0\n", ":2: "
		    "max_unauthenticated: \"0\": expected a number from 1" },
		{ "[ssh]\nmax_unauthenticated = off\n", "expected a number" },
		{ "[ssh]\nmax_unauthenticated = 10:30:100\n",
		    "expected a number" },
		{ "[ssh]\nmax_unauthenticated = 18446744073709551617\n",
		    "from 1 to 1000000" },
		{ "[ssh]\nper_source = 0\n", ":2: per_source: \"0\": "
		    "expected a number from 1 to 1000000, or off" },
		{ "[ssh]\nper_source = -1\n", "or off" },
		{ "[ssh]\npenalty = 0\n", ":2: penalty: \"0\": expected 15s "
		    "to 1d, or off" },
		{ "[ssh]\npenalty = 14s\n", "expected 15s to 1d" },
		{ "[ssh]\npenalty = 2d\n", "expected 15s to 1d" },
		{ "[ssh]\npenalty = yes\n", "expected 15s to 1d, or off" },
		{ "[ssh]\nhost_key = x/y\n", ":2: host_key: \"x/y\": the "
		    "path of the host key must begin with '/'" },
		{ "[charon]\nuser = a:b\n", ":2: user: \"a:b\" is not the "
		    "name of a user" },
		{ "[state]\ndirectory = x\n", "must begin with '/'" },
		{ "[state]\nruntime = ./x\n", "must begin with '/'" },
		{ "[state]\nruntime = /tmp/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		    "at most 86 bytes, this one has 93" },
		{ "[agents]\nheartbeat = 99ms\n", "expected 100ms to 1h" },
		{ "[agents]\ntimeout = 2h\n", "expected 100ms to 1h" },
		{ "[agents]\nheartbeat = 10s\n", ":2: heartbeat: 10s must be "
		    "less than timeout, 10s; make that longer too" },
		{ "[agents]\ntimeout = 5\n", ":2: timeout: 5 must be more "
		    "than heartbeat, 5s" },
		{ "[agents]\nheartbeat = 3\ntimeout = 2\n", ":3: timeout: " },
		{ "[agents]\nrenew_before = 7d\n", ":2: renew_before: 7d must "
		    "be less than certificate_lifetime" },
		{ "[agents]\ncertificate_lifetime = 24h\n",
		    ":2: certificate_lifetime: 24h must be more than "
		    "renew_before, 24h" },
		{ "[agents]\ncertificate_lifetime = 1500ms\n",
		    "whole seconds" },
		{ "[agents]\ndocker_tcp = maybe\n", "expected yes or no" },
		{ "[agents]\nheartbeet = 1\n", "did you mean \"heartbeat\"?" },
		{ "[agent]\nenabled = yes\n", "did you mean [agents]?" },
		{ "[release]\nbase_url = dl.example.com\n",
		    "expected the URL of a folder" },
		{ "[release]\nbase_url = ftp://dl.example.com\n",
		    "expected the URL of a folder" },
		{ "[release]\nbase_url = https:///o\n",
		    "expected the URL of a folder" },
		{ "[release]\nbase_url = https://h/$(id)\n",
		    "expected the URL of a folder" },
		{ "[release]\nbase_url = https://h/a b\n",
		    "expected the URL of a folder" },
		{ "[release]\nsums = SHA256SUMS\n", "must begin with '/'" },
		{ "[server]\naddress = x\n", "unknown section [server]" },
		{ "[tls]\nlisten = x\n", ":2: listen: " },
		{ "[tls]\nlisten = off\n", ":2: listen: " },
		{ "[tls]\nlisten = *:443\n", ":2: listen: *:443 is beyond "
		    "loopback and needs a certificate: write" },
		{ "[tls]\nlisten = 8443, [::]:443\n", "[::]:443 is beyond" },
		{ "[tls]\nlisten = 8443\ncertificate = /c\n", ":3: "
		    "certificate: needs its private key: write \"key =" },
		{ "[tls]\nkey = /k\nlisten = *:443\n", ":2: key: needs its "
		    "certificate: write" },
		{ "[tls]\ncertificate = c.pem\nkey = /k\n", ":2: "
		    "certificate: \"c.pem\": the path of the certificate" },
		{ "[tls]\ncertificate = /c\nkey = k\n", ":3: key: \"k\": "
		    "the path of the key must begin with '/'" },
		{ "[tls]\nlisten = 8443, 127.0.0.1:8443, localhost:8443\n",
		    ":2: listen: localhost:8443 is listened on already, write "
		    "it once" },
		{ "[tls]\nlisten = 8080\n[http]\nlisten = localhost:8080\n",
		    ":2: listen: localhost:8080 is listened on already by "
		    "[http]" },
		{ "[tsl]\nlisten = x\n", "did you mean [tls]?" },
		{ "[agents]\nresume = 2h\n", ":2: resume: \"2h\": expected a "
		    "duration of at most 1h, or 0" },
		{ "[agents]\nresume = never\n", "at most 1h, or 0" },
		{ "[agents]\nresume_memory = 4095k\n", ":2: resume_memory: "
		    "\"4095k\": expected 4m or more, such as 256m" },
		{ "[agents]\nresume_memory = auto\n", "expected 4m or more" },
		{ "[agents]\nresume_memory = 0\n", "expected 4m or more" },
		{ "listen = x\n", "put a line such as [ssh] above it" },
		{ "[egress]\nallow = a:80,b\n", ":2: allow: \"b\": expected "
		    "HOST:PORT" },
		{ "[egress]\nallow = a:80,,b:80\n", "an empty value" },
		{ "[limits]\nstreams = 0\n", ":2: streams: \"0\": expected a "
		    "number from 1 to 1000000" },
		{ "[limits]\nstreams = many\n", "expected a number" },
		{ "[limits]\nstreams = -1\n", "expected a number" },
		{ "[limits]\nstreams = 16k\n", "expected a number" },
		{ "[limits]\nstreams = 1000001\n", "expected a number" },
		{ "[limits]\nstreams = 18446744073709551617\n",
		    "expected a number" },
		{ "[limits]\nmemory = 63m\n", ":2: memory: \"63m\": expected "
		    "auto, or 64m or more, such as 512m or 2g" },
		{ "[limits]\nmemory = 1t\n", "expected auto" },
		{ "[limits]\nmemory = g\n", "expected auto" },
		{ "[limits]\nmemory = 512mb\n", "expected auto" },
		{ "[limits]\nmemory = 18446744073709551616g\n",
		    "expected auto" },
		{ "[limits]\nmemory = off\n", "expected auto" },
		{ "[limits]\nstream = 5\n", "did you mean \"streams\"?" },
		{ "[limit]\nstreams = 5\n", "did you mean [limits]?" },
		{ "[log]\nlevel = loud\n", "expected error, warn" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (load_text(cases[i].in) != NULL)
			fail_msg("taken: %s", cases[i].in);
		assert_int_equal(code, EX_CONFIG);
		if (strstr(reported, cases[i].says) == NULL)
			fail_msg("%s gave %s", cases[i].in, reported);
		assert_int_equal(strncmp(reported, ini, strlen(ini)), 0);
		/* A single mistake is one line. */
		assert_string_equal(strchr(reported, '\n'), "\n");
	}
}

static void
test_origins(void **state)
{
	struct gateway_config *c;

	(void)state;
	gateway_config_free(load_text("[log]\nlevel = warn\n"));
	c = load("-c", ini, NULL);
	assert_int_equal(c->log_level, LEVEL_WARN);
	gateway_config_free(c);
	setenv("CHARON_CONFIG", ini, 1);
	c = load(NULL);
	assert_int_equal(c->log_level, LEVEL_WARN);
	gateway_config_free(c);
	setenv("CHARON_LOG_LEVEL", "error", 1);
	c = load(NULL);
	assert_int_equal(c->log_level, LEVEL_ERROR);
	gateway_config_free(c);
	c = load("-v", NULL);
	assert_int_equal(c->log_level, LEVEL_DEBUG);
	gateway_config_free(c);
	unsetenv("CHARON_LOG_LEVEL");

	assert_null(load("--name", "x", NULL));
	assert_int_equal(code, EX_USAGE);
	assert_null(load("x", NULL));
	assert_int_equal(code, EX_USAGE);
	setenv("CHARON_CONFIG", "/nonexistent/charon.ini", 1);
	assert_null(load(NULL));
	assert_int_equal(code, EX_CONFIG);
	assert_non_null(strstr(reported, "/nonexistent/charon.ini: cannot be "
	    "read"));
	unsetenv("CHARON_CONFIG");
}

/* systemd's directories, then XDG's; root's own are below / */
static void
test_default_directories(void **state)
{
	struct gateway_config *c;

	(void)state;
	if (geteuid() != 0)
		skip();
	gateway_config_free(load_text("# nothing\n"));
	unsetenv("STATE_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	c = load("-c", ini, NULL);
	assert_string_equal(c->state, "/var/lib/charon");
	assert_string_equal(c->runtime, "/run/charon");
	gateway_config_free(c);
	setenv("STATE_DIRECTORY", "/one:/two", 1);
	setenv("RUNTIME_DIRECTORY", "/three", 1);
	c = load("-c", ini, NULL);
	assert_string_equal(c->state, "/one");
	assert_string_equal(c->runtime, "/three");
	gateway_config_free(c);
}

/* contrib/charon.ini as it is, or with the keys that are comments put in. */
static struct gateway_config *
load_sample(bool uncomment)
{
	const char *top = getenv("top_srcdir");
	char text[OUT_MAX] = "", path[4096], line[256];
	bool key;
	FILE *f;

	snprintf(path, sizeof(path), "%s/contrib/charon.ini",
	    top != NULL ? top : ".");
	if ((f = fopen(path, "r")) == NULL && top == NULL)
		skip();		/* not by "make check" */
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		key = line[0] == '#' && (line[1] == '[' ||
		    (line[1] >= 'a' && line[1] <= 'z'));
		assert_true(strlen(text) + strlen(line) < sizeof(text));
		strcat(text, uncomment && key ? line + 1 : line);
	}
	fclose(f);
	return load_text(text);
}

static bool
is_same(const struct setting *a, const struct setting *b)
{
	return a->kw == b->kw && strcmp(a->value, b->value) == 0;
}

/* It changes nothing, has every key, and tells the right defaults. */
static void
test_sample(void **state)
{
	struct gateway_config *c, *defaults;
	const struct setting *s, *d;
	const struct keyword *kw;
	size_t i;

	(void)state;
	setenv("STATE_DIRECTORY", "/var/lib/charon", 1);
	setenv("RUNTIME_DIRECTORY", "/run/charon", 1);
	defaults = load_text("# nothing\n");
	c = load_sample(false);
	assert_non_null(c);
	assert_int_equal(c->head.nsettings, defaults->head.nsettings);
	for (i = 0; i < c->head.nsettings; i++)
		assert_true(is_same(&c->head.settings[i],
		    &defaults->head.settings[i]));
	gateway_config_free(c);
	c = load_sample(true);
	assert_string_equal(reported, "");
	for (i = 0; i < program_charon.n; i++) {
		kw = &program_charon.rows[i];
		if (kw->section == NULL)
			continue;
		s = setting_find(&c->head, kw->section, kw->key);
		if (s == NULL || s->origin != FROM_FILE)
			fail_msg("no %s", kw->key);
		d = setting_find(&defaults->head, kw->section, kw->key);
		if (d != NULL && !is_same(s, d))
			fail_msg("%s = %s", kw->key, s->value);
	}
	gateway_config_free(c);
	gateway_config_free(defaults);
}

static int
make_dir(void **state)
{
	char path[96];

	(void)state;
	unsetenv("CHARON_CONFIG");
	unsetenv("CHARON_LOG_LEVEL");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(ini, sizeof(ini), "%s/charon.ini", dir);
	setenv("HOME", dir, 1);
	snprintf(path, sizeof(path), "%s/state", dir);
	setenv("STATE_DIRECTORY", path, 1);
	snprintf(path, sizeof(path), "%s/run", dir);
	setenv("RUNTIME_DIRECTORY", path, 1);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	unlink(ini);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_default_directories),
		cmocka_unit_test(test_sample),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
