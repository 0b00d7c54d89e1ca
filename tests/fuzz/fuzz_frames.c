/* SPDX-License-Identifier: ISC */
/*
 * A stream of frames in any pieces, with the owner letting go, answering or
 * cutting off at any moment: each frame comes once, whole and in order, and in
 * the end nothing of them is on anybody's account.  The
 * first byte of each piece says how long it is, the next what else happens.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "../unit/memory_endpoint.h"
#include "orthrus/base/budget.h"
#include "orthrus/relay/frames.h"

#define MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct run {
	struct frames *frames;
	struct relay *relay;
	uint8_t fed[64 * 1024];	/* all that the far end has given */
	size_t nfed, told;	/* bytes of it that came as frames */
	unsigned ends;
	uint8_t act;		/* what the owner does in its next event */
	bool done;
} run;

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
act(void)
{
	uint8_t what = run.act;

	run.act = 0;
	if ((what & 1) != 0)	/* it may be over, or the far end slow */
		(void)frames_send(run.frames, "\0\0\0\1x", 5);
	if ((what & 2) != 0)
		frames_finish(run.frames);
	if ((what & 4) != 0 && !run.done)
		relay_abort(run.relay);
	if ((what & 8) != 0) {
		frames_free(run.frames);
		run.frames = NULL;
	}
}

static void
on_frame(void *arg, const uint8_t *p, size_t n)
{
	const uint8_t *head = run.fed + run.told;

	(void)arg;
	check(run.frames != NULL && run.ends == 0 && n <= MAX);
	check(run.told + 4 + n <= run.nfed);
	check(head[0] == 0 && head[1] == 0 && head[2] == 0 && head[3] == n);
	check(memcmp(head + 4, p, n) == 0);
	run.told += 4 + n;
	act();
}

static void
on_ended(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	check(run.frames != NULL && run.ends++ == 0);
	act();
}

static void
on_done(void *arg, uint64_t up, uint64_t down)
{
	(void)arg;
	(void)up;
	(void)down;
	run.done = true;
}

/* Takes one piece off the input and gives it to the far end. */
static void
feed(struct memory *far, const uint8_t **data, size_t *size)
{
	size_t n = (*data)[0];

	run.act = (*data)[1];
	*data += 2;
	*size -= 2;
	if (n > *size)
		n = *size;
	if (n > sizeof(run.fed) - run.nfed)
		n = sizeof(run.fed) - run.nfed;
	memcpy(run.fed + run.nfed, *data, n);
	/* What was left of the piece before comes first. */
	far->in = run.fed + run.nfed - far->in_len;
	far->in_len += n;
	run.nfed += n;
	*data += n;
	*size -= n;
	far->room = (run.act & 16) != 0 ? 3 : SIZE_MAX;
	if ((run.act & 32) != 0)
		far->in_end = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct frames_events events = { on_frame, on_ended };
	struct event_base *base = event_base_new();
	struct account account;
	struct memory far;
	unsigned i;

	memset(&run, 0, sizeof(run));
	memory_init(&far);
	account_init(&account, NULL);
	run.frames = frames_new(base, MAX, &events, NULL);
	frames_set_account(run.frames, &account);
	run.relay = relay_start(&far.ep, frames_endpoint(run.frames), on_done,
	    NULL);
	while (size >= 2) {
		feed(&far, &data, &size);
		for (i = 0; i < 8; i++) {
			memory_step(&far);
			event_base_loop(base, EVLOOP_NONBLOCK);
		}
	}
	if (!run.done)
		relay_abort(run.relay);
	/* The end comes, unless the owner has let go. */
	for (i = 0; i < 100000 && run.frames != NULL && run.ends == 0; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	check(run.frames == NULL || run.ends == 1);
	frames_free(run.frames);
	event_base_loop(base, EVLOOP_NONBLOCK);
	check(account_is_idle(&account));
	event_base_free(base);
	memory_free(&far);
	return 0;
}
