/* SPDX-License-Identifier: ISC */
/* Which addresses are this machine's own: as its kernel says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <ifaddrs.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "orthrus/transport/own.h"

static bool
is_own(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return address_is_own((struct sockaddr *)&in);
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return address_is_own((struct sockaddr *)&in6);
}

static void
test_loopback(void **state)
{
	(void)state;
	assert_true(is_own("127.0.0.1"));
	assert_true(is_own("127.1.2.3"));
	assert_true(is_own("::ffff:127.0.0.1"));
	/* Without IPv6 there is no route, and nobody to connect to. */
	is_own("::1");
}

/* Of every interface. */
static void
test_interfaces(void **state)
{
	struct ifaddrs *all, *i;

	(void)state;
	assert_int_equal(getifaddrs(&all), 0);
	for (i = all; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET)
			assert_true(address_is_own(i->ifa_addr));
	freeifaddrs(all);
}

/* Addresses of documentation, RFC 5737 and 3849, are nobody's. */
static void
test_others(void **state)
{
	(void)state;
	assert_false(is_own("192.0.2.77"));
	assert_false(is_own("::ffff:192.0.2.77"));
	assert_false(is_own("2001:db8::77"));
}

/* Whether this machine, which may be one to build on, has more than loopback. */
static bool
has_network(void)
{
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = 9 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has;

	inet_pton(AF_INET, "192.0.2.77", &far.sin_addr);
	has = connect(fd, (struct sockaddr *)&far, sizeof(far)) == 0;
	close(fd);
	return has;
}

static void
test_what_is_no_address(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)state;
	assert_true(address_is_own((struct sockaddr *)&un));
	assert_true(is_own("127.255.255.255"));
	if (has_network())
		assert_true(is_own("255.255.255.255"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_what_is_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
