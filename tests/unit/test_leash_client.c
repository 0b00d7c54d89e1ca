/* SPDX-License-Identifier: ISC */
/*
 * The agent's end of the leash against a gateway in memory: two frames
 * endpoints joined, the channel manager taken over by this file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "../../src/agent/host.h"
#include "../../src/agent/agent_leash.h"
#include "orthrus/base/mem.h"
#include "orthrus/relay/frames.h"
#include "orthrus/ssh/mux.h"

#define HEARD_MAX 64

/* --- the gateway, and what the agent was told --------------------- */

static struct event_base *base;
static struct frames *gateway;
static struct agent_leash *leash;
static channel_opened *opened;		/* of the attempt that waits */
static void *opened_arg;
static unsigned attempts, cancelled;

static enum leash_kind heard[HEARD_MAX];	/* by the gateway */
static size_t nheard;
static struct leash_message last;	/* of them */
static bool gateway_ended;

static bool parted;			/* the link is gone */
static const char *missing;
static unsigned nmissing, nheld, nrenewed;
static uint64_t renew_before;
static struct policy_limits limits;
static char drained[LEASH_TEXT_MAX];
static unsigned docker_version;		/* what hello says now */

struct channel *
mux_open_subsystem(struct mux *m, const char *name, channel_opened *cb,
    void *arg)
{
	(void)m;
	assert_string_equal(name, LEASH_SUBSYSTEM);
	attempts++;
	opened = cb;
	opened_arg = arg;
	return (struct channel *)&attempts;
}

bool
mux_is_parted(const struct mux *m)
{
	(void)m;
	return parted;
}

void
channel_cancel(struct channel *ch)
{
	(void)ch;
	cancelled++;
	opened = NULL;
}

struct endpoint *
channel_endpoint(struct channel *ch)
{
	(void)ch;
	return frames_endpoint(gateway);
}

void
host_heartbeat(struct leash_message *m)
{
	m->kind = LEASH_HEARTBEAT;
	m->heartbeat.timestamp = 1;
}

static void
on_gateway_frame(void *arg, const uint8_t *p, size_t n)
{
	const char *why;

	(void)arg;
	assert_int_equal(leash_decode(p, n, &last, &why), 0);
	assert_true(nheard < HEARD_MAX);
	heard[nheard++] = last.kind;
}

static void
on_gateway_ended(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	gateway_ended = true;
}

static void
on_hello(void *arg, struct leash_message *m)
{
	assert_ptr_equal(arg, &base);
	assert_int_equal(m->kind, LEASH_HELLO);
	strcpy(m->hello.name, "a");
	snprintf(m->hello.docker_version, LEASH_TEXT_MAX, "%u",
	    docker_version);
}

static void
on_missing(void *arg, const char *why)
{
	(void)arg;
	missing = why;
	nmissing++;
}

static void
on_held(void *arg, uint64_t before)
{
	(void)arg;
	renew_before = before;
	nheld++;
}

static void
on_limits(void *arg, const struct policy_limits *by)
{
	(void)arg;
	limits = *by;
}

static void
on_renewed(void *arg, const struct leash_message *m)
{
	(void)arg;
	assert_string_equal(m->certificate.error, "not yet due");
	nrenewed++;
}

/* As the agent does: the session, and with it the leash, ends here. */
static void
on_drain(void *arg, const char *reason)
{
	(void)arg;
	snprintf(drained, sizeof(drained), "%s", reason);
	agent_leash_free(leash);
	leash = NULL;
}

static const struct agent_leash_events events = {
	on_hello, on_missing, on_held, on_limits, on_renewed, on_drain
};

/* --- driving ------------------------------------------------------ */

static void
run_ms(unsigned ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
}

static void
answer(enum open_failure reason)
{
	static const struct frames_events gateway_events = {
		on_gateway_frame, on_gateway_ended
	};
	channel_opened *cb = opened;

	assert_non_null(cb);
	opened = NULL;
	if (reason == OPEN_OK) {
		frames_free(gateway);
		gateway = frames_new(base, LEASH_FRAME_MAX, &gateway_events,
		    NULL);
	}
	cb(opened_arg, reason, "");
}

static void
say(const struct leash_message *m)
{
	static uint8_t out[4 + LEASH_FRAME_MAX];

	assert_int_equal(frames_send(gateway, out, leash_encode(m, out)), 0);
}

static int
setup(void **state)
{
	(void)state;
	base = event_base_new();
	attempts = cancelled = nmissing = nheld = nrenewed = 0;
	nheard = 0;
	missing = NULL;
	renew_before = 0;
	docker_version = 0;
	gateway_ended = false;
	memset(&limits, 0, sizeof(limits));
	drained[0] = '\0';
	leash = agent_leash_new(base, NULL, &events, &base);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	agent_leash_free(leash);
	leash = NULL;
	run_ms(10);
	frames_free(gateway);
	gateway = NULL;
	run_ms(10);
	event_base_free(base);
	return 0;
}

static size_t
count(enum leash_kind kind)
{
	size_t i, n = 0;

	for (i = 0; i < nheard; i++)
		n += heard[i] == kind;
	return n;
}

static void
welcome(uint32_t heartbeat_ms)
{
	struct leash_message m;

	memset(&m, 0, sizeof(m));
	m.kind = LEASH_WELCOME;
	m.welcome.heartbeat_ms = heartbeat_ms;
	m.welcome.timeout_ms = 10000;
	m.welcome.renew_before = 77;
	strcpy(m.welcome.version, "0");
	say(&m);
}

/* --- tests -------------------------------------------------------- */

static void
test_hello_and_heartbeats(void **state)
{
	(void)state;
	answer(OPEN_OK);
	run_ms(50);
	assert_int_equal(nheard, 2);
	assert_int_equal(heard[0], LEASH_HELLO);
	assert_int_equal(heard[1], LEASH_HEARTBEAT);
	welcome(100);
	run_ms(550);
	assert_int_equal(nheld, 1);
	assert_int_equal(renew_before, 77);
	assert_in_range(count(LEASH_HEARTBEAT), 2, 7);
	assert_int_equal(count(LEASH_HELLO), 1);
	/* What has changed is told again, once. */
	docker_version = 24;
	run_ms(350);
	assert_int_equal(count(LEASH_HELLO), 2);
	assert_int_equal(nmissing, 0);
}

static void
test_update(void **state)
{
	struct leash_message m;
	size_t before;

	(void)state;
	answer(OPEN_OK);
	welcome(100);
	run_ms(50);
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_UPDATE;
	m.update.actions_closed = ACTION_KILL;
	m.update.redact_always = true;
	say(&m);
	run_ms(50);
	assert_int_equal(limits.actions_closed, ACTION_KILL);
	assert_true(limits.redact_always);
	assert_int_equal(nheld, 1);	/* as before */
	m.update.heartbeat_ms = 10000;
	m.update.renew_before = 99;
	say(&m);
	run_ms(50);
	assert_int_equal(nheld, 2);
	assert_int_equal(renew_before, 99);
	before = count(LEASH_HEARTBEAT);
	run_ms(350);
	assert_int_equal(count(LEASH_HEARTBEAT), before);
}

static void
test_renew(void **state)
{
	uint8_t key[ED25519_KEY_LEN] = { 1, 2, 3 };
	uint8_t proof[ED25519_SIGNATURE_LEN] = { 4, 5, 6 };
	struct leash_message m;

	(void)state;
	assert_int_equal(agent_leash_renew(leash, key, NULL), -1);
	answer(OPEN_OK);
	run_ms(50);
	assert_int_equal(agent_leash_renew(leash, key, NULL), 0);
	run_ms(50);
	assert_int_equal(heard[nheard - 1], LEASH_RENEW);
	assert_memory_equal(last.renew.key, key, sizeof(key));
	assert_false(last.renew.proven);
	assert_int_equal(agent_leash_renew(leash, key, proof), 0);
	run_ms(50);
	assert_memory_equal(last.renew.key, key, sizeof(key));
	assert_true(last.renew.proven);
	assert_memory_equal(last.renew.proof, proof, sizeof(proof));
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_RENEWED;
	strcpy(m.certificate.error, "not yet due");
	say(&m);
	run_ms(50);
	assert_int_equal(nrenewed, 1);
}

/* The owner frees it from inside the event. */
static void
test_drain(void **state)
{
	struct leash_message m;

	(void)state;
	answer(OPEN_OK);
	run_ms(50);
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_DRAIN;
	strcpy(m.drain.reason, "stopping");
	say(&m);
	welcome(100);		/* comes to nobody */
	run_ms(100);
	assert_string_equal(drained, "stopping");
	assert_null(leash);
	assert_int_equal(nheld, 0);
	assert_true(gateway_ended);
}

/* Nonsense ends it; what is only unknown, or for gateways, does not. */
static void
test_nonsense(void **state)
{
	static const uint8_t unknown[] = { 0, 0, 0, 3, 0xf2, 0x06, 0 };
	static const uint8_t garbage[] = { 0, 0, 0, 2, 0xff, 0xff };
	uint8_t key[ED25519_KEY_LEN] = { 0 };
	struct leash_message m;

	(void)state;
	answer(OPEN_OK);
	run_ms(50);
	assert_int_equal(frames_send(gateway, unknown, sizeof(unknown)), 0);
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_HEARTBEAT;
	say(&m);
	m.kind = LEASH_ERROR;
	strcpy(m.error.reason, "whatever");
	say(&m);
	say(&m);
	run_ms(50);
	assert_int_equal(nmissing, 0);
	assert_int_equal(frames_send(gateway, garbage, sizeof(garbage)), 0);
	run_ms(50);
	assert_int_equal(nmissing, 1);
	assert_non_null(missing);
	assert_true(gateway_ended);
	assert_int_equal(agent_leash_renew(leash, key, NULL), -1);
}

/* --- too much ----------------------------------------------------- */

static char log_file[] = "/tmp/orthrus-leash-XXXXXX";
static int log_saved;

static void
watch_log(void)
{
	int fd;

	strcpy(log_file + sizeof(log_file) - 7, "XXXXXX");
	assert_int_not_equal(fd = mkstemp(log_file), -1);
	log_saved = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* Gives standard error back; how many lines of it have the text. */
static size_t
logged(const char *text)
{
	char line[1024];
	size_t n = 0;
	FILE *f;

	dup2(log_saved, STDERR_FILENO);
	close(log_saved);
	assert_non_null(f = fopen(log_file, "r"));
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, text) != NULL;
	fclose(f);
	unlink(log_file);
	return n;
}

/* Beyond the burst it is let go, told once, and not asked for soon. */
static void
test_flood(void **state)
{
	struct leash_message m;
	size_t i;

	(void)state;
	answer(OPEN_OK);
	run_ms(50);
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_UPDATE;
	for (i = 1; i <= 39; i++) {
		m.update.renew_before = i;
		say(&m);
	}
	run_ms(50);
	assert_int_equal(nmissing, 0);
	assert_int_equal(nheld, 39);
	for (i = 40; i <= 150; i++) {
		m.update.renew_before = i;
		say(&m);
	}
	run_ms(100);
	assert_int_equal(nmissing, 1);
	assert_string_equal(missing, "the gateway sends more messages "
	    "than it should");
	assert_in_range(nheld, 40, 50);
	assert_true(gateway_ended);
	run_ms(300);
	assert_int_equal(attempts, 1);
}

/* What is slow enough goes on for ever. */
static void
test_no_flood(void **state)
{
	struct leash_message m;
	size_t i;

	(void)state;
	answer(OPEN_OK);
	run_ms(50);
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_UPDATE;
	for (i = 1; i <= 45; i++) {
		m.update.renew_before = i;
		say(&m);
		if (i >= 35)
			run_ms(130);
	}
	assert_int_equal(nmissing, 0);
	assert_int_equal(nheld, 45);
}

static void
test_welcomed_once(void **state)
{
	size_t i;

	(void)state;
	watch_log();
	answer(OPEN_OK);
	for (i = 0; i < 20; i++)
		welcome(1000);
	run_ms(100);
	assert_int_equal(logged("the gateway runs charon"), 1);
	assert_int_equal(nheld, 1);
	assert_int_equal(nmissing, 0);
}

static void
test_errors(void **state)
{
	struct leash_message m;
	size_t i;

	(void)state;
	watch_log();
	answer(OPEN_OK);
	run_ms(50);
	memset(&m, 0, sizeof(m));
	m.kind = LEASH_ERROR;
	for (i = 0; i < 30; i++) {
		strcpy(m.error.reason, i % 2 == 0 ? "this" : "that");
		say(&m);
	}
	run_ms(100);
	assert_int_equal(logged("the gateway reports an error"), 1);
	assert_int_equal(nmissing, 0);
}

/* --- its end ------------------------------------------------------ */

static void
test_refused(void **state)
{
	(void)state;
	answer(OPEN_UNKNOWN_TYPE);
	assert_int_equal(nmissing, 1);
	assert_string_equal(missing, "the gateway refuses it");
	run_ms(100);
	assert_int_equal(attempts, 1);	/* the next one comes much later */
}

static void
test_ended_by_gateway(void **state)
{
	(void)state;
	answer(OPEN_OK);
	welcome(100);
	run_ms(50);
	frames_finish(gateway);
	run_ms(50);
	assert_int_equal(nmissing, 1);
	assert_string_equal(missing, "the gateway has ended it");
	nheard = 0;
	run_ms(300);
	assert_int_equal(nheard, 0);
}

static void
test_freed_while_opening(void **state)
{
	(void)state;
	agent_leash_free(leash);
	leash = NULL;
	assert_int_equal(cancelled, 1);
}

int
main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_hello_and_heartbeats),
		TEST(test_update),
		TEST(test_renew),
		TEST(test_drain),
		TEST(test_nonsense),
		TEST(test_flood),
		TEST(test_no_flood),
		TEST(test_welcomed_once),
		TEST(test_errors),
		TEST(test_refused),
		TEST(test_ended_by_gateway),
		TEST(test_freed_while_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
