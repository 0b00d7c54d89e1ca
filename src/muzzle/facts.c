/* SPDX-License-Identifier: ISC */
/*
 * What a gateway shows about the engine: its version and the names of its
 * networks, asked for now and then.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/loop.h"
#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"
#include "orthrus/http/get.h"

#include "muzzle_private.h"

#define FACTS_ANSWER_SECONDS 5
#define FACTS_SECONDS 60	/* between two times */
#define FACTS_SOON_SECONDS 10	/* while nothing is known */
#define FACTS_MAX (256 * 1024)	/* bytes of an answer that is looked at */

#define ASK(target) "GET " target " HTTP/1.1\r\n" ENGINE_HEADERS "\r\n"

struct facts {
	struct muzzle *m;
	struct event *timer;		/* until the next time */
	struct http_get *question;	/* NULL: nothing is being asked */
	size_t next;			/* of questions, to be asked */
};

static void
copy_text(char to[MUZZLE_FACT_MAX], const json_t *v)
{
	const char *s = json_string_value(v);

	if (s != NULL && strlen(s) < MUZZLE_FACT_MAX &&
	    text_clean(s, strlen(s)))
		strcpy(to, s);
	else
		to[0] = '\0';
}

static void
take_version(struct muzzle_facts *f, const json_t *o)
{
	copy_text(f->version, json_object_get(o, "Version"));
}

static void
take_networks(struct muzzle_facts *f, const json_t *list)
{
	const json_t *o;
	size_t i;

	f->nnetworks = 0;
	json_array_foreach(list, i, o) {
		if (f->nnetworks == MUZZLE_NETWORKS_MAX)
			break;
		copy_text(f->networks[f->nnetworks], json_object_get(o,
		    "Name"));
		f->nnetworks += f->networks[f->nnetworks][0] != '\0';
	}
}

static const struct question {
	const char *request;
	void (*take)(struct muzzle_facts *f, const json_t *answer);
} questions[] = {
	{ ASK("/version"), take_version },
	{ ASK("/networks"), take_networks }
};
#define NQUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void
facts_rest(struct facts *f)
{
	timer_set(f->timer, (f->m->facts->version[0] != '\0' ?
	    FACTS_SECONDS : FACTS_SOON_SECONDS) * 1000);
}

static void on_facts_answer(void *arg, int status, const uint8_t *body,
    size_t n, const char *why);

static void
facts_ask(struct facts *f)
{
	f->question = http_get_start(f->m->base, &f->m->way,
	    questions[f->next].request, FACTS_MAX, FACTS_ANSWER_SECONDS,
	    on_facts_answer, f);
}

/* Takes an answer; without one nothing is said, as the probe does that. */
static void
on_facts_answer(void *arg, int status, const uint8_t *body, size_t n,
    const char *why)
{
	struct facts *f = arg;
	json_t *o = NULL;

	f->question = NULL;
	if (status == 200 && n > 0)
		o = json_loadb((const char *)body, n, 0, NULL);
	if (o != NULL)
		questions[f->next].take(f->m->facts, o);
	json_decref(o);
	if (why == NULL && ++f->next < NQUESTIONS)
		facts_ask(f);
	else
		facts_rest(f);
}

static void
on_facts_timer(evutil_socket_t fd, short what, void *arg)
{
	struct facts *f = arg;

	(void)fd;
	(void)what;
	f->next = 0;
	facts_ask(f);
}

struct facts *
facts_new(struct muzzle *m)
{
	struct facts *f = xcalloc(1, sizeof(*f));

	if (m->facts == NULL)
		m->facts = xcalloc(1, sizeof(*m->facts));
	f->m = m;
	f->timer = evtimer_new(m->base, on_facts_timer, f);
	timer_set(f->timer, 0);
	return f;
}

void
facts_free(struct facts *f)
{
	http_get_cancel(f->question);
	event_free(f->timer);
	free(f);
}
