/* SPDX-License-Identifier: ISC */
/* The certificate authority's key, read and made, with ssh-keygen as judge. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "orthrus/base/mem.h"
#include "orthrus/monitor/ca.h"

#define TRIES 60

static char dir[64];
static char ca_dir[96];

/* Runs a shell command in the directory of the test. */
static int
run(const char *command)
{
	char *line = xasprintf("cd %s && { %s; } >/dev/null 2>&1", dir,
	    command);
	int r = system(line);

	free(line);
	return r;
}

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/orthrus-ca.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(ca_dir, sizeof(ca_dir), "%s/state/charon", dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return run("rm -rf \"$PWD\"");
}

static struct ca *
must_load(void)
{
	struct error e = { 0 };
	struct ca *ca = ca_load(ca_dir, &e);

	if (ca == NULL)
		fail_msg("%s", e.text);
	assert_memory_equal(ca->accepted[0], ca->secret + 32, 32);
	return ca;
}

static void
expect_refused(const char *text)
{
	struct error e = { 0 };

	assert_null(ca_load(ca_dir, &e));
	if (e.code != EX_CONFIG || strstr(e.text, text) == NULL)
		fail_msg("expected \"%s\", got %d and \"%s\"", text, e.code,
		    e.text);
}

static void
test_made_and_read(void **state)
{
	struct ca *first, *second;

	(void)state;
	umask(0);
	first = must_load();
	umask(022);
	assert_int_equal(first->naccepted, 1);
	assert_int_equal(run("cd state/charon && "
	    "test $(stat -c %a .) = 700 && test \"$(ls)\" = "
	    "\"$(printf 'ca_ed25519\\nca_ed25519.pub')\" && "
	    "test $(stat -c %a ca_ed25519) = 600 && "
	    "test $(stat -c %a ca_ed25519.pub) = 644 && "
	    "ssh-keygen -y -f ca_ed25519 | cut -d' ' -f1,2 >../y && "
	    "cut -d' ' -f1,2 ca_ed25519.pub | cmp - ../y"), 0);
	second = must_load();
	assert_memory_equal(first->secret, second->secret, 64);
	ca_free(second);
	ca_free(first);
	ca_free(NULL);
}

/* OpenSSH reads what it signs, and takes it for that CA's. */
static void
test_signs(void **state)
{
	struct ca *ca = must_load();
	struct certificate c = { .serial = 7, .type = CERT_USER,
	    .key_id = "vps", .principals = { "vps" }, .nprincipals = 1 };
	uint8_t blob[CERT_MAX];
	char *line, *path = xasprintf("%s/x-cert.pub", dir);
	size_t len;
	FILE *f;

	(void)state;
	c.valid_after = (uint64_t)time(NULL) - 60;
	c.valid_before = c.valid_after + 3600;
	memset(c.key, 5, sizeof(c.key));
	len = certificate_write(&c, ca->secret, blob);
	line = key_line_write(CERT_TYPE_NAME, blob, len);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", line);
	fclose(f);
	assert_int_equal(run("ssh-keygen -L -f x-cert.pub >l && "
	    "grep -q 'Key ID: \"vps\"' l && grep -q 'Serial: 7' l && "
	    "grep -qF \"$(ssh-keygen -lf state/charon/ca_ed25519.pub | "
	    "cut -d' ' -f2)\" l"), 0);
	assert_int_equal(certificate_read(blob, len, &c, NULL), 0);
	assert_int_equal(certificate_judge(&c, blob, len,
	    (const uint8_t (*)[ED25519_KEY_LEN])ca->accepted, ca->naccepted,
	    "vps", c.valid_after + 1, NULL), 0);
	free(line);
	free(path);
	ca_free(ca);
}

/* Killed after the private key: the public one follows at the next start. */
static void
test_public_is_rewritten(void **state)
{
	struct ca *ca = must_load();

	(void)state;
	ca_free(ca);
	assert_int_equal(run("cp state/charon/ca_ed25519.pub was && "
	    "rm state/charon/ca_ed25519.pub"), 0);
	ca_free(must_load());
	assert_int_equal(run("cmp was state/charon/ca_ed25519.pub && "
	    "test $(stat -c %a state/charon/ca_ed25519.pub) = 644"), 0);
	/* Remains of a start that was killed before are no hindrance. */
	assert_int_equal(run("rm state/charon/*; cp was "
	    "state/charon/ca_ed25519.new.pub; : >state/charon/ca_ed25519.new"),
	    0);
	ca_free(must_load());
	assert_int_equal(run("test \"$(ls state/charon | wc -l)\" = 2"), 0);
}

static void
test_refused(void **state)
{
	(void)state;
	ca_free(must_load());
	assert_int_equal(run("chmod 640 state/charon/ca_ed25519"), 0);
	expect_refused("chmod 600");
	assert_int_equal(run("chmod 600 state/charon/ca_ed25519 && "
	    "ssh-keygen -q -t ed25519 -N '' -f other"), 0);
	if (geteuid() == 0) {
		assert_int_equal(run("chown 65534 state/charon/ca_ed25519"),
		    0);
		expect_refused("owned by user 65534");
		assert_int_equal(run("chown 0 state/charon/ca_ed25519"), 0);
	}
	assert_int_equal(run("cp other.pub state/charon/ca_ed25519.pub"), 0);
	expect_refused("not the public half");
	assert_int_equal(run("echo x >state/charon/ca_ed25519.pub"), 0);
	expect_refused("ca_ed25519.pub: ");
	assert_int_equal(run("cd state/charon && rm ca_ed25519.pub && "
	    "mv ca_ed25519 ../kept && : >ca_ed25519 && chmod 600 ca_ed25519"),
	    0);
	expect_refused("charon/ca_ed25519");
	assert_int_equal(run("cd state/charon && rm ca_ed25519 && "
	    "ssh-keygen -q -t ed25519 -N pass -f ca_ed25519"), 0);
	expect_refused("charon/ca_ed25519");
	assert_int_equal(run("cd state/charon && rm ca_ed25519"), 0);
	expect_refused("but not the private key");
	assert_int_equal(run("cd state/charon && rm * && mkdir ca_ed25519"),
	    0);
	expect_refused("charon/ca_ed25519");
}

static void
test_previous(void **state)
{
	struct ca *ca = must_load();

	(void)state;
	ca_free(ca);
	assert_int_equal(run("cd state && for i in 1 2 3 4 5; do "
	    "ssh-keygen -q -t ed25519 -N '' -f k$i -C old; done; "
	    "{ echo '# those before'; echo; cat k1.pub; "
	    "sed 's/$/\\r/' k2.pub; cat k1.pub charon/ca_ed25519.pub; } "
	    ">charon/ca_previous.pub"), 0);
	ca = must_load();
	assert_int_equal(ca->naccepted, 3);
	assert_memory_not_equal(ca->accepted[1], ca->accepted[2], 32);
	assert_memory_not_equal(ca->accepted[1], ca->accepted[0], 32);
	ca_free(ca);
	assert_int_equal(run("cd state && cat k?.pub >charon/ca_previous.pub"),
	    0);
	expect_refused("ca_previous.pub:5: more than 4");
	assert_int_equal(run("cd state && cat k[1-4].pub "
	    ">charon/ca_previous.pub"), 0);
	ca = must_load();
	assert_int_equal(ca->naccepted, 5);
	ca_free(ca);
	assert_int_equal(run("cd state && { cat k1.pub; echo; echo nonsense; } "
	    ">charon/ca_previous.pub"), 0);
	expect_refused("ca_previous.pub:3: ");
	assert_int_equal(run("cd state && cp k1.pub charon/ca_previous.pub && "
	    "chmod 664 charon/ca_previous.pub"), 0);
	expect_refused("chmod go-w");
}

/* Killed at any moment of the first start, the next one finds its way. */
static void
test_killed(void **state)
{
	struct ca *ca;
	struct error e;
	pid_t child;
	int i;

	(void)state;
	for (i = 0; i < TRIES; i++) {
		assert_int_equal(run("rm -rf state"), 0);
		child = fork();
		assert_int_not_equal(child, -1);
		if (child == 0) {
			ca_free(ca_load(ca_dir, &e));
			_exit(0);
		}
		usleep(randombytes_uniform(4000));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		ca = must_load();
		ca_free(ca);
		ca_free(must_load());
	}
}

/* Two first starts at once come to the same key. */
static void
test_at_once(void **state)
{
	struct ca *ca;
	struct error e = { 0 };
	uint8_t keys[4][ED25519_KEY_LEN] = { { 0 } };
	int ends[2], i;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (i = 0; i < 4; i++)
		if (fork() == 0) {
			ca = ca_load(ca_dir, &e);
			if (ca == NULL || write(ends[1], ca->accepted[0],
			    ED25519_KEY_LEN) != ED25519_KEY_LEN)
				_exit(1);
			_exit(0);
		}
	close(ends[1]);
	for (i = 0; i < 4; i++) {
		assert_int_equal(read(ends[0], keys[i], ED25519_KEY_LEN),
		    ED25519_KEY_LEN);
		assert_memory_equal(keys[i], keys[0], ED25519_KEY_LEN);
	}
	close(ends[0]);
	while (wait(NULL) > 0)
		;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(test_made_and_read),
		TEST(test_signs),
		TEST(test_public_is_rewritten),
		TEST(test_refused),
		TEST(test_previous),
		TEST(test_killed),
		TEST(test_at_once),
	};

	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
