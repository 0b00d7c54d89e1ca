/* SPDX-License-Identifier: ISC */
/* libssh's words, and those of who is no SSH server, in plain ones. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "../../src/ssh/wording.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
test_texts(void **state)
{
	static const struct {
		const char *text, *means;
	} cases[] = {
		{ "", "" },
		{ "Connection reset by peer", "Connection reset by peer" },
		{ "Received SSH_MSG_DISCONNECT: 11:Bye Bye",
		    "the other side ended it" },
		{ "Received SSH_MSG_DISCONNECT: 11:disconnected by user",
		    "the other side ended it" },
		{ "Received SSH_MSG_DISCONNECT: 11:",
		    "the other side ended it" },
		{ "Received SSH_MSG_DISCONNECT: 2:Too many: really",
		    "the other side ended it: Too many: really" },
		{ "Received SSH_MSG_DISCONNECT: soon",
		    "the other side ended it: soon" },
		{ "Socket error: disconnected",
		    "the other side closed the connection" },
		{ "Socket error: Connection reset by peer",
		    "the connection broke: Connection reset by peer" },
		{ "kex error : no match for method kex algos: server [a,b], "
		    "client [c]", "both sides have no key exchange in common; "
		    "the server has a,b" },
		{ "kex error : no match for method encryption client->server: "
		    "server [3des-cbc], client [c]", "both sides have no "
		    "cipher in common; the server has 3des-cbc" },
		{ "kex error : no match for method languages: nothing",
		    "both sides have no algorithm in common" },
		{ "Receiving banner: too large banner",
		    "the other side does not speak SSH as it should" },
		{ "Packet len too high(12345 3039)",
		    "what arrives was changed on the way, or is no SSH" },
	};
	char out[ERROR_TEXT_MAX], list[4096];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		assert_string_equal(wording_of(cases[i].text, out),
		    cases[i].means);
	memset(list, 'a', sizeof(list) - 1);
	list[sizeof(list) - 1] = '\0';
	memcpy(list, "no match for method kex algos: server [", 39);
	assert_in_range(strlen(wording_of(list, out)), 200, 300);
	memcpy(list, "Received SSH_MSG_DISCONNECT: 11:", 32);
	assert_int_equal(strlen(wording_of(list, out)), ERROR_TEXT_MAX - 1);
}

static void
test_farewell(void **state)
{
	(void)state;
	assert_null(wording_farewell("Socket error: disconnected"));
	assert_string_equal(wording_farewell("Received SSH_MSG_DISCONNECT: "
	    "11:displaced by us"), "displaced by us");
}

static void
test_strangers(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *says;
	} cases[] = {
		{ "", 0, "tls://" },
		{ "\x15\x03\x01\x00\x02\x02\x46", 7, "write tls://" },
		{ "\x15", 1, "write tls://" },
		{ "HTTP/1.1 400 Bad", 16, "or wss://" },
		{ "<html>", 6, "write tls://" },
		{ "220 mail ready", 14, "another kind of server" },
		{ "SSH-2.0-x", 9, "breaks off" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (strstr(wording_stranger((const uint8_t *)cases[i].bytes,
		    cases[i].n), cases[i].says) == NULL)
			fail_msg("case %zu: %s", i, wording_stranger(
			    (const uint8_t *)cases[i].bytes, cases[i].n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_farewell),
		cmocka_unit_test(test_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
