/* SPDX-License-Identifier: ISC */
/* See redact_rules.h. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "redact_rules.h"

static const struct {
	enum rule in_array, in_object;
	bool hides_numbers;
} rules[] = {
	[PLAIN] = { PLAIN, PLAIN, false },
	[ALL] = { ALL, ALL, true },
	[VARIABLES] = { VARIABLE, ALL, true },
	[VARIABLE] = { ALL, ALL, true },
	[ASSIGNMENTS] = { ASSIGNMENT, ALL, true },
	[ASSIGNMENT] = { ALL, ALL, true },
	[OPTIONS] = { ASSIGNMENT, OPTIONS, true },
	[DEVICE] = { ALL, ALL, true },
	[PROCESS] = { PROCESS, PROCESS, false },
	[PROXY] = { PROXY, PROXY, false },
	[LOG_CONFIG] = { LOG_CONFIG, LOG_CONFIG, false },
	[LOG_OPTIONS] = { LOG_OPTIONS, LOG_OPTIONS, false },
};

enum rule
rule_inside(enum rule rule, bool object)
{
	return object ? rules[rule].in_object : rules[rule].in_array;
}

bool
rule_hides_numbers(enum rule rule)
{
	return rules[rule].hides_numbers;
}

static bool
has_word_of_secret(const char *name, size_t n)
{
	static const char *const word[] = { "token", "url", "key", "pass",
	    "secret", "credential", "auth", "dsn" };
	size_t i, at, len;

	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		len = strlen(word[i]);
		for (at = 0; at + len <= n; at++)
			if (strncasecmp(name + at, word[i], len) == 0)
				return true;
	}
	return false;
}

static bool
is_named(const char *name, size_t n, const char *what)
{
	return n > 0 && name[0] == what[0] && n == strlen(what) &&
	    memcmp(name, what, n) == 0;
}

/* Of a member with that name, wherever it is. */
static enum rule
rule_by_name(const char *name, size_t n)
{
	static const struct {
		const char *name;
		enum rule rule;
	} members[] = {
		{ "Env", VARIABLES },
		{ "CreateCommand", ASSIGNMENTS },
		{ "Options", OPTIONS },
		{ "DriverOpts", OPTIONS },
		{ "HttpProxy", PROXY },
		{ "HttpsProxy", PROXY },
		{ "LogConfig", LOG_CONFIG },
		{ "ProcessConfig", PROCESS }
	};
	/* Most names are longer or shorter than any of these. */
	const unsigned lengths = 1 << 3 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 13;
	size_t i;

	if (n > 13 || !(lengths & 1u << n))
		return PLAIN;
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (is_named(name, n, members[i].name))
			return members[i].rule;
	return PLAIN;
}

/* Of the options of a driver: only of a network, and no secret. */
static bool
is_of_network(const char *name, size_t n)
{
	static const char prefix[] = "com.docker.network.";
	static const char *const known[] = { "parent", "mode", "ipvlan_mode",
	    "ipvlan_flag", "macvlan_mode", "mtu", "vlan", "isolate",
	    "metric", "no_default_route", "encrypted" };
	size_t i;

	if (n >= sizeof(prefix) - 1 &&
	    memcmp(name, prefix, sizeof(prefix) - 1) == 0)
		return !has_word_of_secret(name, n);
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_named(name, n, known[i]))
			return true;
	return false;
}

static enum rule
rule_of_option(const char *name, size_t n)
{
	if (is_named(name, n, "type") || is_named(name, n, "device"))
		return DEVICE;
	return is_of_network(name, n) ? PLAIN : ALL;
}

static bool
is_env(const char *name, size_t n)
{
	return n == 3 && strncasecmp(name, "env", 3) == 0;
}

enum rule
rule_of_member(enum rule rule, const char *name, size_t n)
{
	enum rule by_name = rule_by_name(name, n);

	switch (rule) {
	case ALL:
		return ALL;
	case OPTIONS:
		return rule_of_option(name, n);
	case PROCESS:
		if (is_env(name, n))
			return VARIABLES;
		return is_named(name, n, "arguments") ? ASSIGNMENTS :
		    by_name == PLAIN ? PROCESS : by_name;
	case LOG_CONFIG:
		if (is_named(name, n, "Config"))
			return LOG_OPTIONS;
		break;
	case LOG_OPTIONS:
		if (has_word_of_secret(name, n))
			return ALL;
		return by_name == PLAIN ? LOG_OPTIONS : by_name;
	case PROXY:
		return by_name == PLAIN ? PROXY : by_name;
	default:
		break;
	}
	return by_name;
}

enum rule
rule_of_argument(enum rule rule)
{
	return rule == ALL || rule == PROXY ? ALL : ASSIGNMENT;
}

void
rule_mask(enum rule rule, const char *reveal, struct text *t)
{
	text_mask_urls(t);
	switch (rule) {
	case ALL:
	case OPTIONS:
		text_mask_all(t);
		return;
	case VARIABLE:
		text_mask_variable(t, reveal);
		break;
	case VARIABLES:
	case ASSIGNMENTS:
	case ASSIGNMENT:
		text_mask_assignment(t);
		break;
	case DEVICE:
		text_mask_device(t);
		break;
	case PROXY:
		text_mask_proxy(t);
		break;
	default:
		break;
	}
	text_mask_look(t);
}

bool
rule_sees_parts(enum rule rule)
{
	return rule == PLAIN || rule == PROCESS || rule == LOG_CONFIG ||
	    rule == LOG_OPTIONS;
}
