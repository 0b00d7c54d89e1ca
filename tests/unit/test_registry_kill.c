/* SPDX-License-Identifier: ISC */
/*
 * kill -9 at random moments while the registry is changed.  After each, every
 * change that was acknowledged is there, and the one under way is there
 * altogether or not at all.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "../../src/registry/registry_private.h"
#include "registry_fixture.h"

#define KILLS 50
#define LIVES_MAX (40 * KILLS)
#define BEGIN_MS 60000
#define LONGEST_US 60000
#define SLOTS 6
#define CERTIFICATES 24		/* of a name; then it is removed */
#define GRAVES 4096

enum op { ADD, ENROL, RENEW, LOGIN, REKEY, REMOVE, OPS };

struct issued {
	uint64_t serial;
	uint8_t key;
	bool valid;
};

/* What one name should be, as far as the acknowledged changes say. */
struct slot {
	bool there;
	struct auth_key auth;
	bool auth_unknown;	/* of a change that was not acknowledged */
	bool used, closed;
	struct issued issued[CERTIFICATES];
	size_t n;
	bool one_more;		/* a certificate that was not acknowledged */
};

/* What the child says: that it will do something, and that it is done. */
struct record {
	bool done;
	enum op op;
	size_t slot;
	uint8_t key;
	struct auth_key auth;
	uint64_t serial;
};

struct grave {
	size_t slot;
	struct issued issued;
};

static struct slot slots[SLOTS];
static struct grave graves[GRAVES];	/* the latest of removed agents */
static size_t ngraves;
static int acknowledged, applied, undone;

static const char *
name_of(size_t slot)
{
	static char name[32];

	snprintf(name, sizeof(name), "n-%zu", slot);
	return name;
}

static void
revoke_below(struct slot *s, uint64_t below)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->issued[i].serial < below)
			s->issued[i].valid = false;
}

/* Brings the model to what *rec did, or may have done. */
static void
apply(struct slot *s, const struct record *rec)
{
	size_t i;

	switch (rec->op) {
	case ADD:
		memset(s, 0, sizeof(*s));
		s->there = true;
		s->auth = rec->auth;
		s->auth_unknown = !rec->done;
		break;
	case ENROL:
	case RENEW:
		s->used = true;
		if (rec->done)
			s->issued[s->n++] = (struct issued){ rec->serial,
			    rec->key, true };
		else
			s->one_more = true;
		break;
	case LOGIN:
		s->closed = true;
		revoke_below(s, rec->serial);
		break;
	case REKEY:
		revoke_below(s, UINT64_MAX);
		s->used = s->closed = false;
		s->auth = rec->auth;
		s->auth_unknown = !rec->done;
		break;
	default:
		for (i = 0; i < s->n && rec->done; i++)
			graves[ngraves++ % GRAVES] = (struct grave){ rec->slot,
			    s->issued[i] };
		revoke_below(s, UINT64_MAX);
		s->there = false;
	}
}

/* --- the child -------------------------------------------------------- */

static bool
is_possible(const struct slot *s, enum op op)
{
	if (!s->there)
		return op == ADD;
	switch (op) {
	case ADD:
		return false;
	case ENROL:
		return !s->used;
	case RENEW:
	case LOGIN:
		return s->used && s->n < CERTIFICATES;
	case REKEY:
		return s->n < CERTIFICATES - 1;
	default:
		return s->n > 3;
	}
}

/* Of the newest one that is in force, 0 when there is none. */
static uint64_t
valid_serial(const struct slot *s)
{
	size_t i;

	for (i = s->n; i > 0; i--)
		if (s->issued[i - 1].valid)
			return s->issued[i - 1].serial;
	return 0;
}

static int
perform(struct registry *r, const struct slot *s, struct record *rec)
{
	const char *name = name_of(rec->slot);
	const uint8_t *key = key_of(rec->key);
	struct certificate c = { 0 };
	struct error e = { 0 };
	int result;

	switch (rec->op) {
	case ADD:
		result = registry_add(r, PEER_AGENT, name, NULL, NULL,
		    &rec->auth, &e);
		break;
	case ENROL:
		result = registry_enrol(r, &s->auth, key, WEEK, &c, &e);
		rec->serial = c.serial;
		break;
	case RENEW:
		result = registry_renew(r, s->auth.id, valid_serial(s), key,
		    WEEK, &c, &e);
		rec->serial = c.serial;
		break;
	case LOGIN:
		result = registry_logged_in(r, s->auth.id, rec->serial, &e);
		break;
	case REKEY:
		result = registry_rekey(r, name, &rec->auth, &e);
		break;
	default:
		result = registry_remove(r, PEER_AGENT, name, &e);
	}
	if (result == -1)
		fprintf(stderr, "%d of %s: %s\n", (int)rec->op, name, e.text);
	return result;
}

/* What a gateway does all the time, beside the changes. */
static void
see(struct registry *r, const struct slot *s)
{
	struct peer p = { .id = s->auth.id, .last_seen = 1, .online = true };

	if (registry_seen_begin(r, NULL) == -1 ||
	    registry_seen(r, &p, NULL) == -1 ||
	    registry_seen_commit(r, NULL) == -1)
		_exit(1);
}

static void
change_until_killed(const char *path, int out)
{
	struct registry *r = registry_open(path, true, 5000, NULL);
	struct record rec;
	struct slot *s;

	if (r == NULL)
		_exit(1);
	for (;;) {
		memset(&rec, 0, sizeof(rec));
		rec.slot = randombytes_uniform(SLOTS);
		rec.op = (enum op)randombytes_uniform(OPS);
		/* None that another has, which would be refused. */
		rec.key = (uint8_t)(rec.slot + SLOTS *
		    randombytes_uniform(250 / SLOTS));
		s = &slots[rec.slot];
		if (!is_possible(s, rec.op))
			continue;
		if (rec.op == LOGIN)
			rec.serial = s->issued[s->n - 1].serial;
		if (write(out, &rec, sizeof(rec)) != sizeof(rec) ||
		    perform(r, s, &rec) == -1)
			_exit(1);
		rec.done = true;
		apply(s, &rec);
		if (write(out, &rec, sizeof(rec)) != sizeof(rec))
			_exit(1);
		see(r, s);
	}
}

/* --- the judge -------------------------------------------------------- */

static bool
is_valid(struct registry *r, size_t slot, const struct issued *issued)
{
	struct error e;
	struct peer p;
	int found;

	found = registry_certificate_valid(r, name_of(slot), issued->serial,
	    key_of(issued->key), &p, &e);
	if (found == -1)
		fail_msg("%s", e.text);
	return found == 1;
}

/* Whether the registry has slot i as *s says. */
static bool
is_as(struct registry *r, size_t i, const struct slot *s)
{
	bool enrolled = s->one_more;
	struct peer p;
	size_t k;

	if (registry_find(r, name_of(i), &p, NULL) != s->there)
		return false;
	for (k = 0; k < s->n; k++) {
		if (is_valid(r, i, &s->issued[k]) != s->issued[k].valid)
			return false;
		enrolled |= s->issued[k].valid;
	}
	if (!s->there)
		return true;
	if (p.enrolled != enrolled)
		return false;
	return s->auth_unknown || (p.id == s->auth.id &&
	    registry_auth_key_valid(r, &s->auth, NULL) == !s->closed);
}

/* True when the query answers the one text. */
static bool
answers(struct registry *r, const char *query, const char *text)
{
	sqlite3_stmt *s = NULL;
	const char *got;
	bool right;

	assert_int_equal(sqlite3_prepare_v2(r->main.db, query, -1, &s, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	got = (const char *)sqlite3_column_text(s, 0);
	right = got != NULL && strcmp(got, text) == 0;
	if (!right)
		print_error("%s: %s\n", query, got == NULL ? "NULL" : got);
	sqlite3_finalize(s);
	return right;
}

static void
check_database(struct registry *r)
{
	assert_true(answers(r, "PRAGMA integrity_check", "ok"));
	assert_true(answers(r, "SELECT count(*) FROM pragma_foreign_key_check",
	    "0"));
	/* Using up an AUTH_KEY and issuing a certificate are one change. */
	assert_true(answers(r, "SELECT count(*) FROM peers AS p "
	    "WHERE (used_by IS NOT NULL) <> EXISTS (SELECT 1 FROM "
	    "certificates WHERE peer = p.id AND revoked = 0)", "0"));
	assert_true(answers(r, "SELECT count(*) FROM peers "
	    "WHERE id NOT IN (SELECT peer FROM changes)", "0"));
}

/* The change that was under way: whole, or not there. */
static void
check_pending(struct place *w, const struct record *rec)
{
	struct slot *s = &slots[rec->slot], after = *s;
	struct record gone = { .done = true, .op = REMOVE, .slot = rec->slot };

	apply(&after, rec);
	if (is_as(w->r, rec->slot, s))
		undone++;
	else if (is_as(w->r, rec->slot, &after))
		applied++;
	else
		fail_msg("change %d of %s is half done", (int)rec->op,
		    name_of(rec->slot));
	/* What it has made of the name is not known: begin that one anew. */
	if (registry_find(w->r, name_of(rec->slot), &(struct peer){ 0 },
	    &w->e) == 1)
		assert_int_equal(registry_remove(w->r, PEER_AGENT,
		    name_of(rec->slot), &w->e), 0);
	apply(s, &gone);
	memset(s, 0, sizeof(*s));
}

static void
judge(struct place *w, const struct record *pending)
{
	size_t i;

	w->r = registry_open(w->path, true, 5000, &w->e);
	if (w->r == NULL)
		fail_msg("%s", w->e.text);
	check_database(w->r);
	for (i = 0; i < SLOTS; i++)
		if ((pending == NULL || pending->slot != i) &&
		    !is_as(w->r, i, &slots[i]))
			fail_msg("an acknowledged change of %s is lost",
			    name_of(i));
	for (i = 0; i < ngraves && i < GRAVES; i++)
		assert_false(is_valid(w->r, graves[i].slot,
		    &graves[i].issued));
	if (pending != NULL)
		check_pending(w, pending);
	registry_close(w->r);
	w->r = NULL;
}

/*
 * One life of the child; what it said until the end goes into the model.  With
 * begins it is not killed before its first change has begun.
 */
static void
live_and_die(struct place *w, bool begins)
{
	struct pollfd said;
	struct record rec, pending;
	bool is_pending = false;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0)
		change_until_killed(w->path, ends[1]);
	close(ends[1]);
	said = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	if (begins)
		poll(&said, 1, BEGIN_MS);
	usleep(randombytes_uniform(LONGEST_US));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	while (read(ends[0], &rec, sizeof(rec)) == sizeof(rec)) {
		is_pending = !rec.done;
		pending = rec;
		if (rec.done) {
			apply(&slots[rec.slot], &rec);
			acknowledged++;
		}
	}
	close(ends[0]);
	judge(w, is_pending ? &pending : NULL);
}

static bool
has_seen_enough(void)
{
	return acknowledged > KILLS && applied + undone > KILLS / 4;
}

static void
test_kill(void **state)
{
	struct place *w = *state;
	int i;

	registry_close(w->r);		/* nothing of SQLite's crosses fork */
	w->r = NULL;
	/* On a busy machine many die before they have done anything. */
	for (i = 0; i < KILLS || (i < LIVES_MAX && !has_seen_enough()); i++)
		live_and_die(w, i % 2 == 0);
	print_message("%d changes acknowledged; of those under way %d were "
	    "there, %d were not\n", acknowledged, applied, undone);
	assert_true(has_seen_enough());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill, place_make,
		    place_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
