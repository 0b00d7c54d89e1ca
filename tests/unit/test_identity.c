/* SPDX-License-Identifier: ISC */
/* The host's key, with real keys made by ssh-keygen. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libssh/libssh.h>

#include "orthrus/base/file.h"
#include "orthrus/base/mem.h"
#include "orthrus/ssh/identity.h"

static char dir[] = "/tmp/orthrus-identity.XXXXXX";

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

static char *
in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void
expect_refused(const char *name, const char *text)
{
	struct error e = { 0 };
	char *path = in_dir(name);

	assert_null(identity_load(path, &e));
	assert_int_equal(e.code, EX_CONFIG);
	if (strstr(e.text, text) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, text);
	free(path);
}

static void
expect_loaded(const char *name)
{
	struct error e = { 0 };
	char *path = in_dir(name);
	struct identity *id = identity_load(path, &e);

	if (id == NULL)
		fail_msg("%s", e.text);
	assert_non_null(identity_key(id));
	identity_free(id);
	free(path);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || run(
	    "ssh-keygen -q -t ed25519 -N '' -f good -C here &&"
	    "ssh-keygen -q -t ed25519 -N '' -f other &&"
	    "ssh-keygen -q -t ed25519 -N secret -f locked &&"
	    "ssh-keygen -q -t rsa -b 2048 -N '' -f rsa &&"
	    "ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f rsapem &&"
	    "ssh-keygen -q -t rsa -b 2048 -m PEM -N secret -f lockedpem &&"
	    "ssh-keygen -q -t ecdsa -N '' -f ecdsa &&"
	    "ssh-keygen -q -t ed25519 -N '' -f ca") != 0)
		return -1;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	run("rm -rf \"$PWD\"");
	return 0;
}

static void
test_load(void **state)
{
	(void)state;
	expect_loaded("good");
	assert_int_equal(run("chmod 400 good"), 0);
	expect_loaded("good");
	assert_int_equal(run("ln -s good link"), 0);
	expect_loaded("link");
	identity_free(NULL);
}

static void
test_file_refused(void **state)
{
	(void)state;
	expect_refused("missing", "orthrus keygen");
	expect_refused(".", "not a regular file");
	assert_int_equal(run("mkfifo fifo && chmod 600 fifo"), 0);
	expect_refused("fifo", "not a regular file");
	assert_int_equal(run("cp other open && chmod 640 open"), 0);
	expect_refused("open", "chmod 600");
	assert_int_equal(run("chmod 601 open"), 0);
	expect_refused("open", "chmod 600");
	expect_refused("other.pub", "public key");
	if (geteuid() == 0) {
		assert_int_equal(run("chmod 600 open && chown 65534 open"),
		    0);
		expect_refused("open", "owned by user 65534");
		/* systemd's credentials have an ACL that shows as 0440. */
		assert_int_equal(run("cp other cred && chmod 440 cred"), 0);
		expect_refused("cred", "chmod 600");
		setenv("CREDENTIALS_DIRECTORY", dir, 1);
		expect_loaded("cred");
		assert_int_equal(run("ln -s cred named && mkdir sub"), 0);
		expect_loaded("named");
		expect_loaded("sub/../cred");
		assert_int_equal(run("cp good sub/x && chmod 460 sub/x"), 0);
		expect_refused("sub/x", "chmod 600");
		assert_int_equal(run("chmod 444 cred"), 0);
		expect_refused("cred", "chmod 600");
		unsetenv("CREDENTIALS_DIRECTORY");
	}
}

/* What a file of this mode, owner and group is for a user with these groups. */
static void
expect_as(uid_t uid, gid_t gid, gid_t more, const char *name,
    const char *refused)
{
	struct error e = { 0 };
	char *path = in_dir(name);
	struct identity *id;
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (setgroups(1, &more) == -1 || setgid(gid) == -1 ||
		    setuid(uid) == -1)
			_exit(2);
		id = identity_load(path, &e);
		if (refused == NULL ? id == NULL :
		    id != NULL || strstr(e.text, refused) == NULL) {
			fprintf(stderr, "%s: \"%s\"\n", name, e.text);
			_exit(1);
		}
		identity_free(id);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	free(path);
	assert_int_equal(status, 0);
}

/* Kubernetes: root's, with the group of the pod (fsGroup). */
static void
test_group_that_we_are_in(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run("chmod 755 . && mkdir -m 755 pod && for m in 440 "
	    "640 400 460 444 604; do cp other pod/$m && chown 0:1234 pod/$m && "
	    "chmod $m pod/$m; done && cp other pod/own && chown 99:1234 "
	    "pod/own && chmod 440 pod/own && cp other pod/zero && "
	    "chmod 440 pod/zero"), 0);
	expect_as(65534, 65534, 1234, "pod/440", NULL);
	expect_as(65534, 1234, 65534, "pod/640", NULL);
	expect_as(65534, 0, 0, "pod/zero", NULL);	/* OpenShift */
	expect_as(0, 0, 1234, "pod/440", NULL);
	expect_as(0, 0, 0, "pod/440", "chmod 600");
	expect_as(0, 0, 0, "pod/zero", "chmod 600");
	expect_as(65534, 1234, 1234, "pod/460", "fsGroup");
	expect_as(65534, 1234, 1234, "pod/444", "chown 65534 ");
	expect_as(65534, 65534, 65534, "pod/604", "defaultMode: 0440");
	expect_as(65534, 1234, 1234, "pod/own", "others have access");
	expect_as(99, 1234, 1234, "pod/own", "chmod 600");
}

/* As a container's user, of a file that root has put there. */
static void
test_not_ours_to_read(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run("chmod 755 . && mkdir -m 755 box && cp other "
	    "box/root && chmod 600 box/root && cp other box/own && chown 99 "
	    "box/own && chmod 0 box/own && mkdir -m 700 box/shut && cp other "
	    "box/shut/key"), 0);
	expect_as(65534, 65534, 65534, "box/root", "belongs to root, and this "
	    "is user 65534: run \"chown 65534 /");
	expect_as(99, 99, 99, "box/own", "(mode 0000); run \"chmod 0400 /");
	expect_as(65534, 65534, 65534, "box/shut/key", "user 65534, which this "
	    "is, may not enter its directory");
}

static char *
give_passphrase(void *arg, const char *path, bool again)
{
	const char ***words = arg;

	assert_non_null(strstr(path, dir));
	(void)again;
	return **words == NULL ? NULL : xstrdup(*(*words)++);
}

static bool
opens(const char *name, const char **words, const char *why)
{
	struct identity_asks asks = { .passphrase = give_passphrase,
	    .arg = &words };
	struct error e = { 0 };
	char *path = in_dir(name);
	struct identity *id = identity_open(path, &asks, &e);
	bool opened = id != NULL;

	free(path);
	if (opened)
		assert_true(identity_was_sealed(id));
	else if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.text, why);
	assert_true(opened || *words == NULL);	/* all were asked for */
	identity_free(id);
	return opened;
}

static void
test_passphrase(void **state)
{
	static const char *const names[] = { "locked", "p8locked" };
	const char *right[] = { "secret", NULL };
	const char *third[] = { "a", "b", "secret", NULL };
	const char *wrong[] = { "a", "b", "c", NULL }, *none[] = { NULL };
	struct identity *id;
	size_t i;

	(void)state;
	assert_int_equal(run("openssl genpkey -algorithm ed25519 -aes256 -pass "
	    "pass:secret -out p8locked && chmod 600 p8locked"), 0);
	for (i = 0; i < 2; i++) {
		assert_true(opens(names[i], right, ""));
		assert_true(opens(names[i], third, ""));
		assert_false(opens(names[i], wrong, "asked 3 times"));
		assert_false(opens(names[i], none, "not given"));
	}
	/* An RSA key's passphrase is asked for by nobody. */
	assert_int_equal(run("ssh-keygen -q -t rsa -b 2048 -N secret -f lrsa"),
	    0);
	assert_false(opens("lrsa", none, "an RSA key"));
	id = identity_load("/nowhere", NULL);
	assert_null(id);
	assert_false(identity_was_sealed(id));
}

/* openssl genpkey and Terraform's private_key_pem. */
static void
test_pkcs8(void **state)
{
	char *path = in_dir("p8"), text[512];
	struct identity *id;

	(void)state;
	assert_int_equal(run("openssl genpkey -algorithm ed25519 -out p8 && "
	    "chmod 600 p8 && openssl pkey -in p8 -pubout >p8.pem"), 0);
	id = identity_load(path, NULL);
	assert_non_null(id);
	assert_false(identity_was_sealed(id));
	identity_why_refused(id, "user", false, 0, text, sizeof(text));
	assert_non_null(strstr(text, "PKCS#8 key it is \"ssh-ed25519 AAAA"));
	identity_free(id);
	free(path);
	expect_refused("p8.pem", "public key");
	assert_int_equal(run("head -c 60 p8 >p8cut && openssl genpkey "
	    "-algorithm x25519 -out x25519 && chmod 600 p8cut x25519"), 0);
	expect_refused("p8cut", "damaged or cut short");
	expect_refused("x25519", "X25519");
}

static void
test_content_refused(void **state)
{
	(void)state;
	expect_refused("locked", "ssh-keygen -p");
	expect_refused("lockedpem", "an RSA key (ssh-rsa, PKCS#1)");
	expect_refused("rsa", "ssh-rsa");
	expect_refused("rsapem", "ssh-rsa");
	expect_refused("ecdsa", "ecdsa-sha2-nistp256");
	assert_int_equal(run("umask 077; : >empty; echo hello >text;"
	    "head -c 200 other >cut; head -c 100000 /dev/zero >big;"
	    "sed s/b3Bl/AAAA/ other >magic"), 0);
	expect_refused("empty", "the file is empty");
	expect_refused("text", "not a private key");
	expect_refused("cut", "damaged or cut short");
	expect_refused("magic", "damaged or cut short");
	expect_refused("big", "too large");
}

static void
test_certificate(void **state)
{
	(void)state;
	assert_int_equal(run("cp other cert && cp other.pub cert.pub && "
	    "ssh-keygen -q -s ca -I id -n user cert.pub"), 0);
	expect_loaded("cert");
	assert_int_equal(run("cp good cert && chmod 600 cert"), 0);
	expect_refused("cert", "another key");
	assert_int_equal(run("cp good.pub cert-cert.pub"), 0);
	expect_refused("cert", "not one of type");
	assert_int_equal(run(": >cert-cert.pub"), 0);
	expect_refused("cert", "not one of type");
	assert_int_equal(run("ssh-keygen -q -s ca -I id -h -n user rsa.pub &&"
	    "cp rsa-cert.pub cert-cert.pub"), 0);
	expect_refused("cert", "not one of type");
}

/* libssh refuses to put a second certificate on a key. */
static void
test_certificate_is_on_the_key(void **state)
{
	char *path = in_dir("used"), *cert_path = in_dir("used-cert.pub");
	struct identity *id;
	struct error e;
	ssh_key cert = NULL;

	(void)state;
	assert_int_equal(run("ssh-keygen -q -t ed25519 -N '' -f used && "
	    "ssh-keygen -q -s ca -I id -n user used.pub"), 0);
	id = identity_load(path, &e);
	assert_non_null(id);
	assert_int_equal(ssh_pki_import_cert_file(cert_path, &cert), SSH_OK);
	assert_int_equal(ssh_pki_copy_cert_to_privkey(cert, identity_key(id)),
	    SSH_ERROR);
	ssh_key_free(cert);
	identity_free(id);
	free(cert_path);
	free(path);
}

static void
test_generate(void **state)
{
	struct error e = { 0 };
	struct stat st;
	char *path = in_dir("a/b/new"), *pub = in_dir("a/b/new.pub");
	char *line, *text;

	(void)state;
	umask(0);
	line = identity_generate(path, "me@here", &e);
	umask(022);
	assert_non_null(line);
	assert_int_equal(strncmp(line, "ssh-ed25519 AAAA", 16), 0);
	assert_non_null(strstr(line, " me@here"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	expect_loaded("a/b/new");
	text = file_read(pub, 4096, NULL, NULL);
	assert_non_null(text);
	assert_int_equal(strncmp(text, line, strlen(line)), 0);
	assert_string_equal(text + strlen(line), "\n");
	/* OpenSSH reads both and finds them to be a pair. */
	assert_int_equal(run("ssh-keygen -y -f a/b/new | cut -d' ' -f1,2 >y &&"
	    "cut -d' ' -f1,2 a/b/new.pub | cmp - y && "
	    "ssh-keygen -l -f a/b/new && test $(stat -c %a a/b) = 700"), 0);
	free(text);
	free(line);

	assert_null(identity_generate(path, "again", &e));
	assert_int_equal(e.code, EX_CANTCREAT);
	assert_non_null(strstr(e.text, "exists"));
	free(pub);
	free(path);
}

static void
test_generate_for_a_service(void **state)
{
	struct error e = { 0 };
	char *path = in_dir("service/new"), *line;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run("mkdir service && chown 65534:65533 service"),
	    0);
	line = identity_generate(path, NULL, &e);
	assert_non_null(line);
	assert_int_equal(run("test \"$(stat -c %u:%g service/new "
	    "service/new.pub | sort -u)\" = 65534:65533"), 0);
	free(line);
	free(path);
}

static void
test_generate_leaves_no_half(void **state)
{
	struct error e = { 0 };
	char *path = in_dir("half");

	(void)state;
	assert_int_equal(run("echo kept >half.pub"), 0);
	assert_null(identity_generate(path, "", &e));
	assert_int_equal(e.code, EX_CANTCREAT);
	assert_int_equal(run("test ! -e half && grep -q kept half.pub"), 0);
	assert_int_equal(run("rm half.pub && ln -s nowhere half"), 0);
	assert_null(identity_generate(path, NULL, &e));
	assert_int_equal(run("test ! -e half.pub && test ! -e nowhere"), 0);
	assert_null(identity_generate(path, "two\nlines", &e));
	free(path);
	path = in_dir("good/below");
	assert_null(identity_generate(path, NULL, &e));
	assert_int_equal(e.code, EX_CANTCREAT);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_file_refused),
		cmocka_unit_test(test_group_that_we_are_in),
		cmocka_unit_test(test_not_ours_to_read),
		cmocka_unit_test(test_content_refused),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_pkcs8),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_certificate_is_on_the_key),
		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_generate_for_a_service),
		cmocka_unit_test(test_generate_leaves_no_half),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
