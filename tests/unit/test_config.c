/* SPDX-License-Identifier: ISC */
/*
 * The configuration: single lines, whole files, "did you mean", precedence,
 * what only shows in combination, secrets, directories.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/base/well_known.h"
#include "orthrus/base/mem.h"

#include "../../src/conf/conf.h"
#include "../../src/conf/ini.h"
#include "../../src/conf/ini_line.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ARGS_MAX 32
#define OUT_MAX 8192

static char dir[64], ini[96];	/* a folder for this run, and a file in it */
static char reported[OUT_MAX];	/* lines of the last load() */
static int code;

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f;

	unlink(path);		/* one that we may not write to, too */
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void
report(void *arg, const char *line)
{
	assert_ptr_equal(arg, reported);
	strncat(reported, line, OUT_MAX - strlen(reported) - 2);
	strcat(reported, "\n");
}

/* Loads with the arguments given, up to NULL. */
static struct config *
load(const char *first, ...)
{
	char *argv[ARGS_MAX] = { (char[]){ "check" } };
	struct config *c;
	const char *arg;
	int argc = 1;
	va_list ap;

	va_start(ap, first);
	for (arg = first; arg != NULL; arg = va_arg(ap, const char *))
		argv[argc++] = strdup(arg);
	va_end(ap);
	reported[0] = '\0';
	code = 0;
	c = config_load(argc, argv, report, reported, &code);
	while (argc > 1)
		free(argv[--argc]);
	assert_true((c == NULL) == (reported[0] != '\0'));
	return c;
}

static struct config *
load_good(const char *text)
{
	struct config *c;

	write_file(ini, text, 0600);
	c = load("--config", ini, NULL);
	assert_string_equal(reported, "");
	assert_non_null(c);
	return c;
}

/* The printed configuration holds line. */
static void
assert_printed(const struct config *c, const char *line)
{
	char *text = NULL, *wanted;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	config_print(c, f);
	fclose(f);
	if (asprintf(&wanted, "%s\n", line) == -1)
		fail();
	if (strstr(text, wanted) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, text);
	free(wanted);
	free(text);
}

static void
test_lines(void **state)
{
	static const struct {
		const char *in;
		enum ini_kind kind;
		const char *name, *value;
	} cases[] = {
		{ "", INI_BLANK, "", "" },
		{ " \t", INI_BLANK, "", "" },
		{ "; a", INI_BLANK, "", "" },
		{ " # a", INI_BLANK, "", "" },
		{ "[a]", INI_SECTION, "a", "" },
		{ "[a b]\t", INI_SECTION, "a b", "" },
		{ "k=v", INI_KEY, "k", "v" },
		{ "k\t= v w \t", INI_KEY, "k", "v w" },
		{ "k = v=w", INI_KEY, "k", "v=w" },
		{ "k = v;w#x", INI_KEY, "k", "v;w#x" },
		{ "k =;v", INI_KEY, "k", ";v" },
		{ "k = [v]", INI_KEY, "k", "[v]" },
		{ "k = \xd0\xba", INI_KEY, "k", "\xd0\xba" },
		{ "k = v ;w", INI_BAD, "", "" },
		{ "k = v\t;w", INI_BAD, "", "" },
		{ "k = ;w", INI_BAD, "", "" },
		{ "k = v #w", INI_BAD, "", "" },
		{ " k = v", INI_BAD, "", "" },
		{ "\tk = v", INI_BAD, "", "" },
		{ "k", INI_BAD, "", "" },
		{ "k: v", INI_BAD, "", "" },
		{ "k: v = w", INI_BAD, "", "" },
		{ "k k = v", INI_BAD, "", "" },
		{ "k =", INI_BAD, "", "" },
		{ "= v", INI_BAD, "", "" },
		{ "k = \r", INI_BAD, "", "" },
		{ "k = \x7f", INI_BAD, "", "" },
		{ "k = \xff", INI_BAD, "", "" },
		{ "# \x1b", INI_BAD, "", "" },
		{ " [a]", INI_BAD_SECTION, "", "" },
		{ "[a", INI_BAD_SECTION, "", "" },
		{ "[]", INI_BAD_SECTION, "", "" },
		{ "[ a]", INI_BAD_SECTION, "", "" },
		{ "[a ]", INI_BAD_SECTION, "", "" },
		{ "[a  b]", INI_BAD_SECTION, "", "" },
		{ "[a\tb]", INI_BAD_SECTION, "", "" },
		{ "[[a]]", INI_BAD_SECTION, "", "" },
		{ "[a] b", INI_BAD_SECTION, "", "" },
		{ "[a] ; b", INI_BAD_SECTION, "", "" },
		{ "[a ;b]", INI_BAD_SECTION, "", "" },
	};
	struct ini_line l;
	struct error e;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		e.text[0] = '\0';
		ini_line_parse(cases[i].in, strlen(cases[i].in), &l, &e);
		if (l.kind != cases[i].kind)
			fail_msg("\"%s\": %d", cases[i].in, l.kind);
		assert_true((l.kind < INI_BAD) == (e.text[0] == '\0'));
		if (l.kind >= INI_BAD)
			continue;
		assert_string_equal(l.name, cases[i].name);
		assert_string_equal(l.value, cases[i].value);
	}
	ini_line_parse("k = v\0w", 7, &l, &e);
	assert_int_equal(l.kind, INI_BAD);
}

static void
test_line_limits(void **state)
{
	struct ini_line l;
	char text[400];
	struct error e;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1] = '=';
	ini_line_parse(text, INI_LINE_MAX, &l, &e);
	assert_int_equal(l.kind, INI_KEY);
	assert_int_equal(strlen(l.value), INI_LINE_MAX - 2);
	ini_line_parse(text, INI_LINE_MAX + 1, &l, &e);
	assert_int_equal(l.kind, INI_BAD);
	text[0] = '#';
	ini_line_parse(text, INI_LINE_MAX + 1, &l, &e);
	assert_int_equal(l.kind, INI_BAD);
	text[0] = '[';
	text[INI_SECTION_MAX + 1] = ']';
	ini_line_parse(text, INI_SECTION_MAX + 2, &l, &e);
	assert_int_equal(l.kind, INI_SECTION);
	text[INI_SECTION_MAX + 1] = 'x';
	text[INI_SECTION_MAX + 2] = ']';
	ini_line_parse(text, INI_SECTION_MAX + 3, &l, &e);
	assert_int_equal(l.kind, INI_BAD_SECTION);
}

/* Where a line fills libinih's buffer, recent versions lose the next one. */
static void
test_longest_lines(void **state)
{
	char text[4 * INI_LINE_MAX], path[INI_LINE_MAX], want[INI_LINE_MAX + 30];
	const int width = INI_LINE_MAX;
	struct config *c;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[width - strlen("identity=")] = '\0';
	snprintf(want, sizeof(want), "identity=%s", path);
	assert_int_equal(strlen(want), width);
	snprintf(text, sizeof(text), "%-*s\n%s\n%-*s\n%s", width, "[server]",
	    want, width, "user = joe", "address = one\n");
	c = load_good(text);
	assert_string_equal(c->identity, path);
	assert_string_equal(c->servers[0].user, "joe");
	assert_string_equal(c->servers[0].host, "one");
	config_free(c);
}

/* Writes what happens to a buffer of OUT_MAX bytes. */
static bool
log_section(void *arg, unsigned line, const char *name)
{
	sprintf(strchr(arg, '\0'), "%u[%s] ", line, name == NULL ? "" : name);
	return name != NULL && name[0] != 'u';
}

static void
log_key(void *arg, unsigned line, const char *key, const char *value)
{
	sprintf(strchr(arg, '\0'), "%u:%s=%s ", line, key, value);
}

static void
log_problem(void *arg, unsigned line, const char *text)
{
	(void)text;
	sprintf(strchr(arg, '\0'), "%u! ", line);
}

static void
test_read(void **state)
{
	static const struct ini_hooks hooks = { log_section, log_key,
	    log_problem, "server" };
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "[a]\nk = v\n\n[b]\nk=w", "1[a] 2:k=v 4[b] 5:k=w " },
		{ "[a]\r\nk = v\r\n", "1[a] 2:k=v " },
		{ "k = v\n[a]\nk = v\n", "1! 2[a] 3:k=v " },
		{ "[a]\nk = v\n l = w\nm = x\n", "1[a] 2:k=v 3! 4:m=x " },
		{ "[a]\nk = v\nk = w\n[b]\nk = x\n",
		    "1[a] 2:k=v 3! 4[b] 5:k=x " },
		/* A section that is not one takes no keys, nor does the one
		   before. */
		{ "[a]\n[b\nk = v\n", "1[a] 2! 2[] " },
		{ "[a]\nk = v\n[a]\nl = w\n", "1[a] 2:k=v 3! 3[] " },
		{ "[a]\n[u]\nk = v\nk = v\nbad\n[b]\nk = v\n",
		    "1[a] 2[u] 5! 6[b] 7:k=v " },
		{ "\xef\xbb\xbf[a]\nk = v\n", "1! 1[a] 2:k=v " },
		{ "[a]\n\xef\xbb\xbf[b]\n", "1[a] 2! " },
	};
	char out[OUT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		out[0] = '\0';
		ini_read(cases[i].in, strlen(cases[i].in), &hooks, out);
		assert_string_equal(out, cases[i].out);
	}
}

static const char *
nearest(const char *word)
{
	static const char *const words[] = { "address", "user", "identity",
	    "host_key", "min", "max", "listen" };
	struct near n = NEAR(word);
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		near_try(&n, words[i]);
	return n.best == NULL ? "" : n.best;
}

static void
test_near(void **state)
{
	(void)state;
	assert_string_equal(nearest("adress"), "address");
	assert_string_equal(nearest("Address"), "address");
	assert_string_equal(nearest("host-key"), "host_key");
	assert_string_equal(nearest("lsiten"), "listen");
	assert_string_equal(nearest("mim"), "min");
	assert_string_equal(nearest("ident"), "identity");
	assert_string_equal(nearest("listen_address"), "listen");
	assert_string_equal(nearest("compress"), "");
	assert_string_equal(nearest("x"), "");
	assert_string_equal(nearest(""), "");
	assert_string_equal(nearest("an_endless_word_that_is_no_key_of_ours"),
	    "");
}

static void
test_defaults(void **state)
{
	struct config *c = load_good("[server]\naddress = h\n");

	(void)state;
	assert_string_equal(c->head.file, ini);
	assert_true(name_valid(c->name));
	assert_int_equal(c->nservers, 1);
	assert_string_equal(c->servers[0].host, "h");
	assert_int_equal(c->servers[0].port, 22);
	assert_string_equal(c->servers[0].user, c->name);
	assert_int_equal(c->nknown_hosts, 2);
	assert_int_equal(c->nhost_keys, 0);
	assert_false(c->accept_new);
	assert_null(c->password_file);
	assert_true(c->socks5 && c->socks5_default);
	assert_string_equal(c->socks5_listen.host, "127.0.0.1");
	assert_int_equal(c->socks5_listen.port, 1080);
	assert_int_equal(c->nlocal + c->nremote, 0);
	assert_int_equal(c->backoff_min, 1000);
	assert_int_equal(c->backoff_max, 30000);
	assert_true(c->reconnect);
	assert_int_equal(c->control.kind, ADDRESS_UNIX);
	assert_int_equal(c->log_level, LEVEL_INFO);
	assert_int_equal(c->log_format, LOG_TEXT);
	assert_printed(c, "log.level = info  # default");
	assert_printed(c, "server.password_file = none  # default");
	config_free(c);
}

static void
test_precedence(void **state)
{
	struct config *c;

	(void)state;
	write_file(ini, "[server]\naddress = f1, f2\nuser = file\n"
	    "[log]\nlevel = error\n[reconnect]\nmax = 5m\n", 0600);
	setenv("CHARON_LINK", "e1,e2", 1);
	setenv("ORTHRUS_LOG_LEVEL", "warn", 1);
	setenv("ORTHRUS_NAME", "", 1);		/* as if not set */

	c = load("-c", ini, "--server", "o1", NULL);
	assert_non_null(c);
	assert_int_equal(c->nservers, 1);
	assert_string_equal(c->servers[0].host, "o1");
	assert_string_equal(c->servers[0].user, "file");
	assert_int_equal(c->log_level, LEVEL_WARN);
	assert_int_equal(c->backoff_max, 300000);
	assert_printed(c, "server.address = ssh://o1:22  # option --server");
	assert_printed(c, "log.level = warn  # environment ORTHRUS_LOG_LEVEL");
	config_free(c);

	c = load("-c", ini, "-v", NULL);
	assert_non_null(c);
	assert_int_equal(c->nservers, 2);
	assert_string_equal(c->servers[1].host, "e2");
	assert_int_equal(c->log_level, LEVEL_DEBUG);
	assert_printed(c, "log.level = debug  # option -v");
	config_free(c);

	unsetenv("CHARON_LINK");
	c = load("-c", ini, "--log-level", "info", "--log-level=debug", NULL);
	assert_non_null(c);
	assert_string_equal(c->servers[0].host, "f1");
	assert_int_equal(c->log_level, LEVEL_DEBUG);
	config_free(c);

	/* What is hidden is checked all the same. */
	setenv("ORTHRUS_LOG_LEVEL", "loud", 1);
	assert_null(load("-c", ini, "-v", NULL));
	assert_int_equal(code, EX_CONFIG);
	assert_non_null(strstr(reported, "environment ORTHRUS_LOG_LEVEL: "));
	unsetenv("ORTHRUS_LOG_LEVEL");
	unsetenv("ORTHRUS_NAME");
}

static void
test_users(void **state)
{
	struct config *c;

	(void)state;
	write_file(ini, "", 0600);
	c = load("-c", ini, "--name", "agent", "--server", "joe@h",
	    "--server", "i", NULL);
	assert_non_null(c);
	assert_string_equal(c->servers[0].user, "joe");
	assert_string_equal(c->servers[1].user, "agent");
	assert_printed(c, "server.user = joe  # option --server");
	assert_printed(c, "server.user = agent  # default");
	config_free(c);

	c = load("-c", ini, "--user", "ann", "--server", "joe@h", NULL);
	assert_non_null(c);
	assert_string_equal(c->servers[0].user, "ann");
	config_free(c);
}

static void
test_forwards(void **state)
{
	struct config *c;
	char line[200];

	(void)state;
	write_file(ini, "[forward web]\nspec = 8080:h:80\n"
	    "[remote ssh]\nspec = 0:/s\n", 0600);
	setenv("ORTHRUS_FORWARD", "8081:h:80, 8082:h:80", 1);
	c = load("-c", ini, "--server", "h", "-L8083:h:80", "-L", "1080:h:80",
	    "--remote-forward=0:h:22", NULL);
	unsetenv("ORTHRUS_FORWARD");
	assert_non_null(c);
	assert_int_equal(c->nlocal, 5);
	assert_string_equal(c->local[0].name, "L1");
	assert_string_equal(c->local[3].name, "L4");
	assert_int_equal(c->local[3].spec.listen.port, 8082);
	assert_string_equal(c->local[4].name, "web");
	assert_int_equal(c->nremote, 2);
	assert_string_equal(c->remote[0].name, "R1");
	assert_string_equal(c->remote[1].name, "ssh");
	/* -L 1080 takes the port of the SOCKS5 that nobody asked for. */
	assert_false(c->socks5);
	snprintf(line, sizeof(line),
	    "forward web.spec = localhost:8080:h:80  # %s:2", ini);
	assert_printed(c, line);
	config_free(c);
}

static void
test_problems(void **state)
{
	char line[512];

	(void)state;
	write_file(ini, "[log]\nlevel = loud\nfromat = text\n[server]\n"
	    "address = h\n[reconnect]\nmin = 1m\n", 0600);
	setenv("ORTHRUS_SOCKS5", "x", 1);
	assert_null(load("-c", ini, "--nonsense", "--accept-new=yes", "--name",
	    NULL));
	unsetenv("ORTHRUS_SOCKS5");
	assert_int_equal(code, EX_USAGE);
	snprintf(line, sizeof(line), "\n%s:2: level: \"loud\": expected ", ini);
	assert_non_null(strstr(reported, line));
	snprintf(line, sizeof(line), "\n%s:3: unknown key \"fromat\" in [log]; "
	    "did you mean \"format\"?\n%s:7: min: 1m is more", ini, ini);
	assert_non_null(strstr(reported, line));
	assert_ptr_equal(strstr(reported, "unknown option --nonsense; "),
	    reported);
	assert_non_null(strstr(reported, "\noption --accept-new takes no "
	    "value\noption --name needs a value: --name NAME\n"
	    "environment ORTHRUS_SOCKS5: "));

	if (access("/etc/orthrus/orthrus.ini", F_OK) == -1) {
		assert_null(load(NULL));
		assert_int_equal(code, EX_CONFIG);
		assert_non_null(strstr(reported,
		    "no server to dial: give --server"));
	}
	assert_null(load("--config", "/nonexistent/x.ini", NULL));
	assert_int_equal(code, EX_CONFIG);
	assert_string_equal(reported, "/nonexistent/x.ini: cannot be read: No "
	    "such file or directory\n");
}

static void
test_file_access(void **state)
{
	char text[256];
	char *big;

	(void)state;
	write_file(ini, "[server]\naddress = h\n", 0622);
	assert_null(load("-c", ini, NULL));
	snprintf(text, sizeof(text), "%s:1: others may write to this file "
	    "(mode 0622); run chmod go-w on it\n", ini);
	assert_string_equal(reported, text);

	big = malloc(64 * 1024 + 2);
	assert_non_null(big);
	memset(big, '\n', 64 * 1024 + 1);
	big[64 * 1024 + 1] = '\0';
	write_file(ini, big, 0600);
	assert_null(load("-c", ini, NULL));
	snprintf(text, sizeof(text), "%s:1: the file has more than 64 KiB",
	    ini);
	assert_ptr_equal(strstr(reported, text), reported);
	free(big);
}

/* What another user, such as a container's, hears of root's secret. */
static void
expect_denied(const char *path)
{
	struct error e = { 0 };
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (setgid(65534) == -1 || setuid(65534) == -1 ||
		    secret_load(path, &e) != NULL)
			_exit(2);
		_exit(strstr(e.text, "cannot be read: Permission denied; it "
		    "belongs to root, and this is user 65534: run \"chown "
		    "65534 ") == NULL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_secrets(void **state)
{
	char path[96], text[5000];
	struct error e;
	char *secret;

	(void)state;
	snprintf(path, sizeof(path), "%s/secret", dir);
	write_file(path, "swordfish\r\nand more\n", 0600);
	secret = secret_load(path, &e);
	assert_non_null(secret);
	assert_string_equal(secret, "swordfish");
	secret_free(secret);
	write_file(path, "swordfish", 0400);
	secret = secret_load(path, &e);
	assert_non_null(secret);
	secret_free(secret);

	chmod(path, 0440);
	assert_null(secret_load(path, &e));
	assert_int_equal(e.code, EX_CONFIG);
	assert_non_null(strstr(e.text, "chmod 600"));
	assert_null(strstr(e.text, "swordfish"));
	if (geteuid() == 0) {
		setenv("CREDENTIALS_DIRECTORY", dir, 1);
		secret = secret_load(path, &e);
		assert_non_null(secret);
		secret_free(secret);
		chmod(path, 0444);
		assert_null(secret_load(path, &e));
		unsetenv("CREDENTIALS_DIRECTORY");
		chmod(path, 0600);
		assert_int_equal(chown(path, 1, 1), 0);
		assert_null(secret_load(path, &e));
		assert_non_null(strstr(e.text, "another user"));
		assert_int_equal(chown(path, 0, 0), 0);
		assert_int_equal(chmod(dir, 0711), 0);
		expect_denied(path);
		assert_int_equal(chmod(dir, 0700), 0);
	}
	write_file(path, "\nswordfish\n", 0600);
	assert_null(secret_load(path, &e));
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	write_file(path, text, 0600);
	assert_null(secret_load(path, &e));
	assert_non_null(strstr(e.text, "more than 4096 bytes"));
	assert_null(secret_load("/nonexistent", &e));
	assert_null(secret_load(dir, &e));
	secret_free(NULL);
	unlink(path);
}

static void
assert_directory(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void
test_directories(void **state)
{
	char *was = getenv("HOME") == NULL ? NULL : strdup(getenv("HOME"));
	bool root = geteuid() == 0;

	(void)state;
	setenv("HOME", "/home/joe", 1);
	assert_directory(state_directory(), root ? "/var/lib/orthrus" :
	    "/home/joe/.local/state/orthrus");
	setenv("XDG_STATE_HOME", "/x", 1);
	setenv("XDG_RUNTIME_DIR", "/y", 1);
	assert_directory(state_directory(), root ? "/var/lib/orthrus" :
	    "/x/orthrus");
	assert_directory(runtime_directory(), root ? "/run/orthrus" :
	    "/y/orthrus");
	setenv("STATE_DIRECTORY", "/a:/b", 1);
	setenv("RUNTIME_DIRECTORY", "/c", 1);
	assert_directory(state_directory(), "/a");
	assert_directory(runtime_directory(), "/c");
	unsetenv("STATE_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	assert_directory(home_directory(), "/home/joe");
	if (was != NULL)
		setenv("HOME", was, 1);
	free(was);
}

static void
test_blame(void **state)
{
	struct config *c = load_good("[server]\naddress = h\nidentity = ~/k\n");
	char want[200];
	struct error e;

	(void)state;
	assert_string_equal(strrchr(c->identity, '/'), "/k");
	assert_int_not_equal(c->identity[0], '~');
	error_set(&e, EX_CONFIG, "gone");
	config_blame(c, "server", "identity", &e);
	snprintf(want, sizeof(want), "%s:3: identity: gone", ini);
	assert_string_equal(e.text, want);
	error_set(&e, EX_CONFIG, "gone");
	config_blame(c, "agent", "control", &e);
	assert_string_equal(e.text, "control: gone");
	config_free(c);
}

/* Each row is complete, and no two share an option or a variable. */
static void
test_table(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < program_orthrus.n; i++) {
		const struct keyword *a = &program_orthrus.rows[i];

		assert_non_null(a->set);
		assert_true((a->option == NULL &&
		    a->letter <= KEYWORD_ARGUMENT) ==
		    (a->help == NULL));
		if (a->option != NULL || a->letter != 0)
			assert_true((a->fixed != NULL) == (a->arg == NULL ||
			    (a->flags & KW_OPTIONAL)));
		for (j = 0; j < i; j++) {
			const struct keyword *b = &program_orthrus.rows[j];

			assert_true(a->letter == 0 || a->letter != b->letter);
			assert_true(a->option == NULL || b->option == NULL ||
			    strcmp(a->option, b->option) != 0);
			assert_true(a->env == NULL || b->env == NULL ||
			    strcmp(a->env, b->env) != 0);
		}
	}
}

/* No setting comes from where the tests happen to run. */
static int
setup(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < program_orthrus.n; i++) {
		if (program_orthrus.rows[i].env != NULL)
			unsetenv(program_orthrus.rows[i].env);
	}
	unsetenv("STATE_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("CREDENTIALS_DIRECTORY");
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	strcpy(dir, "/tmp/test_config.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	setenv("XDG_CONFIG_HOME", dir, 1);
	snprintf(ini, sizeof(ini), "%s/a.ini", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(ini);
	return rmdir(dir);
}

/* The Docker socket is shared when somebody says so, and only then. */
static void
test_docker(void **state)
{
	struct config *c;

	(void)state;
	c = load_good("[server]\naddress = h\n");
	assert_false(c->docker);
	assert_string_equal(c->docker_socket, "/var/run/docker.sock");
	assert_int_equal(c->docker_policy.actions, 0);
	assert_true(c->docker_policy.redact);
	config_free(c);

	c = load_good("[server]\naddress = h\n[docker]\nallow = restart\n");
	assert_false(c->docker);
	config_free(c);

	c = load_good("[server]\naddress = h\n[docker]\nsocket = /d.sock\n"
	    "remote = 2375\nallow = restart, stop\nredact = none\n"
	    "hosts = Portainer.example.net:9443, proxy\n"
	    "reveal = VIRTUAL_HOST, VIRTUAL_PORT\n"
	    "registries = docker.io, GHCR.io\n");
	assert_true(c->docker);
	assert_string_equal(c->docker_socket, "/d.sock");
	assert_int_equal(c->docker_remote.port, 2375);
	assert_int_equal(c->docker_policy.actions,
	    ACTION_RESTART | ACTION_STOP);
	assert_false(c->docker_policy.redact);
	assert_string_equal(c->docker_policy.hosts,
	    "portainer.example.net,proxy");
	assert_string_equal(c->docker_policy.reveal,
	    "VIRTUAL_HOST,VIRTUAL_PORT");
	assert_string_equal(c->docker_policy.registries,
	    "docker.io,ghcr.io");
	config_free(c);

	/* An option hides what the file opens. */
	c = load("--config", ini, "--docker", "--docker-allow", "kill,pause",
	    "--docker-host", "a,b", "--docker-host", "c", NULL);
	assert_non_null(c);
	assert_string_equal(c->docker_socket, "/var/run/docker.sock");
	assert_int_equal(c->docker_policy.actions, ACTION_KILL | ACTION_PAUSE);
	assert_string_equal(c->docker_policy.hosts, "a,b,c");
	config_free(c);

	setenv("ORTHRUS_DOCKER_HOSTS", "d, e", 1);
	c = load("--config", ini, NULL);
	assert_non_null(c);
	assert_string_equal(c->docker_policy.hosts, "d,e");
	config_free(c);
	unsetenv("ORTHRUS_DOCKER_HOSTS");

	setenv("ORTHRUS_MODE", "socket", 1);
	c = load_good("[server]\naddress = h\n");
	assert_true(c->docker);
	config_free(c);
	setenv("ORTHRUS_MODE", "sockets", 1);
	assert_null(load("--server", "h", NULL));
	assert_int_equal(code, EX_CONFIG);
	unsetenv("ORTHRUS_MODE");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_line_limits),
		cmocka_unit_test(test_longest_lines),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_forwards),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_file_access),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_blame),
		cmocka_unit_test(test_docker),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
