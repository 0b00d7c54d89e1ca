/*
 * What a gateway shows about the engine: its version and the names of its
 * networks, asked for now and then.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "orthrus/base/mem.h"
#include "orthrus/base/text.h"

#include "answer.h"
#include "engine.h"
#include "private.h"

#define FACTS_ANSWER_SECONDS 5
#define FACTS_SECONDS 60	/* between two times */
#define FACTS_SOON_SECONDS 10	/* while nothing is known */
#define FACTS_MAX (256 * 1024)	/* bytes of an answer that is looked at */

#define ASK(target) "GET " target " HTTP/1.1\r\nHost: docker\r\n" \
	"User-Agent: orthrus/" PACKAGE_VERSION "\r\n\r\n"

struct facts {
	struct muzzle *m;
	struct event *timer;		/* to answer, or until the next time */
	struct engine *engine;		/* NULL: nothing is being asked */
	size_t next;			/* question */
	struct answer answer;
	struct buffer out;
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
stop(struct facts *f)
{
	engine_free(f->engine);
	f->engine = NULL;
	answer_clear(&f->answer);
	buffer_clear(&f->out);
}

static void
rest(struct facts *f)
{
	const struct timeval tv = { f->m->facts.version[0] != '\0' ?
	    FACTS_SECONDS : FACTS_SOON_SECONDS, 0 };

	stop(f);
	evtimer_add(f->timer, &tv);
}

static void
ask(struct facts *f)
{
	static const struct verdict plain = { .kind = ANSWER_WHOLE };
	const struct timeval tv = { FACTS_ANSWER_SECONDS, 0 };
	const char *request = questions[f->next].request;

	answer_clear(&f->answer);
	buffer_clear(&f->out);
	/* As for a client of HTTP/1.0, so that there are no chunks. */
	answer_begin(&f->answer, &plain, true, false);
	engine_send(f->engine, request, strlen(request));
	evtimer_add(f->timer, &tv);
}

/* The body of a good answer, if it is JSON. */
static json_t *
body(const struct facts *f)
{
	const char *p = (const char *)buffer_head(&f->out), *end;
	size_t n = f->out.len;

	if (f->answer.parsed.status != 200 || n == 0 ||
	    (end = memmem(p, n, "\r\n\r\n", 4)) == NULL)
		return NULL;
	end += 4;
	return json_loadb(end, n - (size_t)(end - p), 0, NULL);
}

static void
on_data(void *arg, const uint8_t *bytes, size_t n)
{
	struct facts *f = arg;
	const char *why;
	json_t *o;

	switch (answer_feed(&f->answer, bytes, n, &f->out, &why)) {
	case ANSWER_MORE:
		return;
	case ANSWER_BAD:
		rest(f);
		return;
	case ANSWER_DONE:
		break;
	}
	if ((o = body(f)) != NULL)
		questions[f->next].take(&f->m->facts, o);
	json_decref(o);
	if (++f->next < NQUESTIONS && f->answer.parsed.keep_alive)
		ask(f);
	else
		rest(f);
}

/* The probe tells that the engine has gone. */
static void
on_lost(void *arg, const char *why)
{
	(void)why;
	rest(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	static const struct engine_events events = { on_data, on_lost };
	struct facts *f = arg;

	(void)fd;
	(void)what;
	if (f->engine != NULL) {
		rest(f);
		return;
	}
	f->engine = engine_new(f->m->base, f->m->dialer, &f->m->engine,
	    NULL, &events, f);
	f->next = 0;
	ask(f);
}

struct facts *
facts_new(struct muzzle *m)
{
	const struct timeval now = { 0, 0 };
	struct facts *f = xcalloc(1, sizeof(*f));

	f->m = m;
	buffer_init(&f->out, FACTS_MAX);
	f->timer = evtimer_new(m->base, on_timer, f);
	evtimer_add(f->timer, &now);
	return f;
}

void
facts_free(struct facts *f)
{
	stop(f);
	event_free(f->timer);
	free(f);
}
