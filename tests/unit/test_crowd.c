/* SPDX-License-Identifier: ISC */
/*
 * Where somebody comes from, and who of a crowd has to go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <cmocka.h>
#include <sodium.h>

#include "../../src/ssh/crowd.h"

#define MOST 300
#define TRIES 2000	/* after which each of a few equals was chosen */

static struct crowd crowd;
static struct waiting all[MOST];
static unsigned steps[MOST];	/* how far each has come */
static size_t n;

static struct source
at(const char *text)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct source s;

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		source_of(&s, (struct sockaddr *)&v4);
	else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
		source_of(&s, (struct sockaddr *)&v6);
	}
	return s;
}

static unsigned
far(const struct waiting *w)
{
	return steps[w - all];
}

/* How many come from there, each after so many steps. */
static void
come(const char *from, size_t how_many, unsigned step)
{
	while (how_many-- > 0) {
		assert_true(n < MOST);
		steps[n] = step;
		all[n] = (struct waiting){ .from = at(from), .weight = 8 };
		crowd_add(&crowd, &all[n++]);
	}
}

static int
setup(void **state)
{
	(void)state;
	n = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	while (n > 0)
		crowd_remove(&crowd, &all[--n]);
	assert_int_equal(crowd.n, 0);
	crowd_clear(&crowd);
	return 0;
}

/* Only those of that address go, and each of them at times. */
static void
assert_loses(const char *who, size_t how_many)
{
	bool chosen[MOST] = { false };
	struct source s = at(who);
	struct waiting *w;
	size_t i, found = 0;

	for (i = 0; i < TRIES; i++) {
		w = crowd_loser(&crowd, far);
		assert_true(source_near(&w->from, &s, SOURCE_ADDRESS));
		found += !chosen[w - all];
		chosen[w - all] = true;
	}
	assert_int_equal(found, how_many);
}

/* --- addresses -------------------------------------------------------- */

static bool
near(const char *a, const char *b, enum source_level level)
{
	struct source x = at(a), y = at(b);
	bool is_near = source_near(&x, &y, level);

	assert_true(source_near(&y, &x, level) == is_near);
	return is_near;
}

static void
test_levels(void **state)
{
	(void)state;
	assert_true(near("192.0.2.1", "192.0.2.1", SOURCE_ADDRESS));
	assert_false(near("192.0.2.1", "192.0.2.2", SOURCE_HOST));
	assert_true(near("192.0.2.1", "192.0.2.255", SOURCE_NETWORK));
	assert_false(near("192.0.2.1", "192.0.3.1", SOURCE_NETWORK));
	assert_true(near("127.0.0.1", "127.99.0.1", SOURCE_NETWORK));
	assert_false(near("127.0.0.1", "127.0.0.2", SOURCE_HOST));
	assert_false(near("127.0.0.1", "126.0.0.1", SOURCE_NETWORK));
	assert_true(near("2001:db8:0:1::1", "2001:db8:0:1:f::", SOURCE_HOST));
	assert_false(near("2001:db8:0:1::1", "2001:db8:0:1::2",
	    SOURCE_ADDRESS));
	assert_true(near("2001:db8:0:1::1", "2001:db8::1", SOURCE_NETWORK));
	assert_false(near("2001:db8:0:1::1", "2001:db8::1", SOURCE_HOST));
	assert_false(near("2001:db8:0:1::1", "2001:db8:1:1::1",
	    SOURCE_NETWORK));
}

/* An address of IPv4 is the same one in an IPv6 socket, and no network's. */
static void
test_mapped(void **state)
{
	(void)state;
	assert_true(near("::ffff:192.0.2.1", "192.0.2.1", SOURCE_ADDRESS));
	assert_true(near("::ffff:192.0.2.1", "192.0.2.9", SOURCE_NETWORK));
	assert_false(near("::1", "192.0.2.1", SOURCE_NETWORK));
	assert_false(near("::1", "::2", SOURCE_NETWORK));
	assert_false(near("64:ff9b::1", "::1", SOURCE_NETWORK));
}

static void
test_proxies(void **state)
{
	static const char *const proxies[] = { "127.0.0.1", "::1", "::",
	    "::ffff:127.0.0.1" };
	static const char *const others[] = { "127.0.0.2", "::2", "10.0.0.1",
	    "0.0.0.1", "fe80::1" };
	struct source s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
		s = at(proxies[i]);
		assert_true(source_is_proxy(&s));
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		s = at(others[i]);
		assert_false(source_is_proxy(&s));
	}
}

static void
test_text(void **state)
{
	static const struct sockaddr local = { .sa_family = AF_UNIX };
	char text[SOURCE_TEXT_MAX];
	struct source s = at("::ffff:192.0.2.1");

	(void)state;
	assert_string_equal(source_text(&s, text), "192.0.2.1");
	s = at("2001:db8::1");
	assert_string_equal(source_text(&s, text), "2001:db8::1");
	source_of(&s, &local);
	assert_string_equal(source_text(&s, text), "unknown");
}

/* --- who goes --------------------------------------------------------- */

static void
test_nobody(void **state)
{
	(void)state;
	assert_null(crowd_loser(&crowd, far));
}

static void
test_the_host_with_most(void **state)
{
	(void)state;
	come("192.0.2.1", 2, 0);
	come("192.0.2.2", 3, 3);
	come("198.51.100.1", 2, 0);
	assert_loses("192.0.2.2", 3);
}

/* Far more addresses than anybody else has, but one in each network. */
static void
test_the_network_with_most(void **state)
{
	char text[32];
	unsigned i;

	(void)state;
	for (i = 0; i < 50; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		come(text, 1, 3);
	}
	come("192.0.2.7", 1, 3);
	come("198.51.100.1", 10, 0);
	assert_loses("192.0.2.7", 2);
}

/* As many /64 as he likes are still one party's /48. */
static void
test_many_networks_of_ipv6(void **state)
{
	char text[40];
	unsigned i;

	(void)state;
	for (i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "2001:db8:7:%x::1", i);
		come(text, 1, 3);
	}
	come("2001:db8:7:5::2", 1, 3);
	come("2001:db8:7:5::2", 1, 3);
	come("2001:db8:8::1", 5, 0);
	come("203.0.113.1", 5, 0);
	assert_loses("2001:db8:7:5::2", 2);
}

/* 50 sources against one who has come once. */
static void
test_one_among_fifty(void **state)
{
	struct source mine = at("192.0.2.1");
	char text[32];
	size_t i;

	(void)state;
	come("192.0.2.1", 1, 0);
	for (i = 0; i < 99; i++) {
		snprintf(text, sizeof(text), "10.1.%zu.1", i % 50);
		come(text, 1, 3);
	}
	for (i = 0; i < TRIES; i++)
		assert_false(source_near(&crowd_loser(&crowd, far)->from,
		    &mine, SOURCE_ADDRESS));
}

/* How far one has come counts beside others of the same address only. */
static void
test_least_far(void **state)
{
	(void)state;
	come("192.0.2.1", 3, 3);
	come("192.0.2.1", 2, 1);
	come("192.0.2.1", 3, 2);
	come("192.0.2.2", 7, 0);
	assert_loses("192.0.2.1", 2);
}

static void
test_weight(void **state)
{
	(void)state;
	come("192.0.2.1", 10, 0);
	while (n > 0)
		all[--n].weight = 1;
	n = 10;
	come("192.0.2.2", 2, 3);
	assert_loses("192.0.2.2", 2);
}

static void
test_equal_hosts(void **state)
{
	struct source first = at("192.0.2.1");
	size_t i, of_first = 0;

	(void)state;
	come("192.0.2.1", 2, 3);
	come("198.51.100.1", 2, 0);
	for (i = 0; i < TRIES; i++)
		of_first += source_near(&crowd_loser(&crowd, far)->from,
		    &first, SOURCE_ADDRESS);
	assert_in_range(of_first, TRIES / 4, TRIES * 3 / 4);
}

static void
test_of_one_host(void **state)
{
	struct source s = at("2001:db8:0:1::"), other = at("192.0.2.9");
	struct waiting *w;
	size_t i;

	(void)state;
	come("192.0.2.1", 9, 0);
	come("2001:db8:0:1::1", 1, 0);
	come("2001:db8:0:1::2", 2, 3);
	come("2001:db8:0:2::1", 9, 0);
	assert_int_equal(crowd_near(&crowd, &s, SOURCE_HOST), 3);
	assert_int_equal(crowd_near(&crowd, &s, SOURCE_NETWORK), 12);
	assert_int_equal(crowd_near(&crowd, &s, SOURCE_ADDRESS), 0);
	assert_int_equal(crowd_near(&crowd, &other, SOURCE_HOST), 0);
	assert_int_equal(crowd_near(&crowd, &other, SOURCE_NETWORK), 9);
	s = at("2001:db8:0:1::2");
	for (i = 0; i < TRIES; i++) {
		w = crowd_loser_of(&crowd, &s, far);
		assert_true(source_near(&w->from, &s, SOURCE_ADDRESS));
	}
}

/* In any order, those of one address among them. */
static void
test_coming_and_going(void **state)
{
	char text[32];
	size_t i, j;

	(void)state;
	for (i = 0; i < MOST; i++) {
		snprintf(text, sizeof(text), "10.0.0.%zu", i * 7 % 50);
		come(text, 1, 0);
	}
	for (i = 0; i + 1 < crowd.n; i++)
		assert_true(memcmp(&crowd.at[i]->from, &crowd.at[i + 1]->from,
		    sizeof(struct source)) <= 0);
	while (n > 0) {
		j = randombytes_uniform((uint32_t)n);
		crowd_remove(&crowd, &all[j]);
		n--;
		if (j < n) {		/* the last one takes its memory */
			crowd_remove(&crowd, &all[n]);
			all[j] = all[n];
			crowd_add(&crowd, &all[j]);
		}
		assert_int_equal(crowd.n, n);
	}
}

static int
init(void **state)
{
	(void)state;
	return sodium_init() == -1 ? -1 : 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_levels),
		TEST(test_mapped),
		TEST(test_proxies),
		TEST(test_text),
		TEST(test_nobody),
		TEST(test_the_host_with_most),
		TEST(test_the_network_with_most),
		TEST(test_many_networks_of_ipv6),
		TEST(test_one_among_fifty),
		TEST(test_least_far),
		TEST(test_weight),
		TEST(test_equal_hosts),
		TEST(test_of_one_host),
		TEST(test_coming_and_going),
	};

	return cmocka_run_group_tests(tests, init, NULL);
}
