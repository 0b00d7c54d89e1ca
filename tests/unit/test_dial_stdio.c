/* SPDX-License-Identifier: ISC */
/* The command of Docker's clients, and logins that name an agent. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "orthrus/proto/dial_stdio.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define END " system dial-stdio"
#define NAME_63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789a"

static enum dial_stdio
read_text(const char *command, char agent[NAME_MAX_LEN])
{
	memset(agent, 0x5a, NAME_MAX_LEN);
	return dial_stdio_read((const uint8_t *)command, strlen(command),
	    agent);
}

static void
test_good(void **state)
{
	static const struct {
		const char *command, *agent;
	} cases[] = {
		/* CLI 18.09 to 20.10, docker-py, docker-modem */
		{ "docker system dial-stdio", "" },
		/* docker-py with the ssh program and no port */
		{ "docker  system dial-stdio ", "" },
		/* CLI 23 to 28 */
		{ "docker --host unix:///vps-london-01" END, "vps-london-01" },
		{ "docker --host unix:///a/" END, "a" },
		{ "docker --host unix:///" END, "" },
		{ "docker --host unix:////" END, "" },
		/* CLI 28.2 and later */
		{ "docker '--host=unix:///vps-london-01'" END,
		    "vps-london-01" },
		{ "docker --host=unix:///" NAME_63 END, NAME_63 },
		/* as other shells' quoting would have it */
		{ "'docker' '--host' 'unix:///a' 'system' 'dial-stdio'", "a" },
		{ "docker --host=\"unix:///a\"" END, "a" },
		{ "dock'er' system \"dial\"-stdio", "" },
	};
	char agent[NAME_MAX_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (read_text(cases[i].command, agent) != DIAL_STDIO_OK)
			fail_msg("%s", cases[i].command);
		assert_string_equal(agent, cases[i].agent);
	}
}

static void
test_bad_name(void **state)
{
	static const char *const cases[] = {
		"docker --host unix:///var/run/docker.sock" END,
		"docker --host unix:///a/docker.sock" END,
		"docker --host unix:////a" END,
		"docker --host unix:///a//" END,
		"docker --host unix:///A" END,
		"docker --host unix:///a_b" END,
		"docker --host unix:///-a" END,
		"docker '--host=unix:///a b'" END,
		"docker '--host=unix:///$(id)'" END,
		"docker --host unix:///" NAME_63 "b" END,
		"docker --host unix://" END,
		"docker --host unix://a" END,
		"docker --host=unix://../a" END,
	};
	char agent[NAME_MAX_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (read_text(cases[i], agent) != DIAL_STDIO_BAD_NAME)
			fail_msg("%s", cases[i]);
		assert_string_equal(agent, "");
	}
}

static void
test_other(void **state)
{
	static const char *const cases[] = {
		"", " ", "ls", "docker", "docker ps", "docker system",
		"docker system dial-stdi", "docker system dial-stdio2",
		"docker system dial-stdio --help",
		"docker system dial-stdio;ls",
		"docker system dial-stdio ;", "docker system dial-stdio\n",
		"docker\tsystem\tdial-stdio", "docker system dial-stdio&",
		"docker system dial-stdio '", "docker system dial-stdio ''",
		"docker '' system dial-stdio", "docker system 'dial-stdio",
		"Docker system dial-stdio", "/usr/bin/docker system dial-stdio",
		"./docker system dial-stdio", "sudo docker system dial-stdio",
		"docker system dial-stdio docker system dial-stdio",
		"docker -H unix:///a" END, "docker --hosts unix:///a" END,
		"docker --host" END, "docker --host= unix:///a" END,
		"docker --host tcp://a:2375" END, "docker --host ssh://a" END,
		"docker --host=UNIX:///a" END, "docker --host" " unix:///a",
		"docker --host unix:///a --host unix:///b" END,
		"docker --host unix:///$(id)" END,
		"docker --host \"unix:///$(id)\"" END,
		"docker --host \"unix:///`id`\"" END,
		"docker --host unix:///a\\b" END, "docker\\ system dial-stdio",
		"docker --host unix:///a*" END, "docker --host unix:///~" END,
		"docker --debug system dial-stdio", "docker system dial-st\xc3",
		"docker system dial-stdio # more",
		"X=1 docker system dial-stdio",
	};
	char agent[NAME_MAX_LEN], text[600] = "docker --host unix:///";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (read_text(cases[i], agent) != DIAL_STDIO_OTHER)
			fail_msg("%s", cases[i]);
		assert_string_equal(agent, "");
	}
	assert_int_equal(dial_stdio_read((const uint8_t *)
	    "docker system dial-stdio", 25, agent), DIAL_STDIO_OTHER);
	memset(text + strlen(text), 'a', 500);
	strcat(text, END);
	assert_int_equal(read_text(text, agent), DIAL_STDIO_OTHER);
}

static void
test_users(void **state)
{
	static const struct {
		const char *user, *name, *agent;
	} cases[] = {
		{ "ann", "ann", "" },
		{ "ann+", "ann", "" },
		{ "ann+vps-london-01", "ann", "vps-london-01" },
		{ NAME_63 "+" NAME_63, NAME_63, NAME_63 },
		/* told when it is asked for */
		{ "ann+A_b", "ann", "A_b" },
		{ "ann+a+b", "ann", "a+b" },
	};
	static const char *const bad[] = { "", "+", "+a", "Ann", "ann.b+a",
	    "ann b", NAME_63 "b", "ann+" NAME_63 "b", "-+a" };
	char name[NAME_MAX_LEN], agent[NAME_MAX_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_true(dial_stdio_user(cases[i].user, name, agent));
		assert_string_equal(name, cases[i].name);
		assert_string_equal(agent, cases[i].agent);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_false(dial_stdio_user(bad[i], name, agent));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad_name),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
