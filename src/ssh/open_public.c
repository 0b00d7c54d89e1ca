/*
 * Channels until they are open: those that we ask for, with libssh's scattered
 * news about their fate, and those that the peer asks for, which libssh keeps
 * as messages until they are answered.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orthrus/base/text.h"

#include "mux_public.h"

#define REFUSAL_MAX 200

/* --- ours ------------------------------------------------------------- */

struct channel *
mux_open(struct mux *m, const struct address *to, channel_opened *opened,
    void *arg)
{
	struct channel *ch;

	if (m->broken || m->nopen >= MUX_CHANNELS_MAX)
		return NULL;
	ch = channel_create(m, CHANNEL_OPENING);
	ch->to = *to;
	ch->opened = opened;
	ch->arg = arg;
	mux_soon(m);
	return ch;
}

void
channel_cancel(struct channel *ch)
{
	ch->opened = NULL;
	ch->owned = false;
	if (ch->ssh == NULL)
		ch->state = CHANNEL_REFUSED;
	channel_count(ch);
	mux_soon(ch->mux);
}

/* Sends it, or looks for its answer: the same call does both. */
static void
channel_ask(struct channel *ch)
{
	const struct address *to = &ch->to;
	struct mux *m = ch->mux;

	if (ch->ssh == NULL) {
		/* libssh asks only OpenSSH for Unix sockets. */
		if ((to->kind == ADDRESS_UNIX &&
		    ssh_get_openssh_version(m->session) == 0) ||
		    (ch->ssh = ssh_channel_new(m->session)) == NULL) {
			ch->answer = SSH_ERROR;
			return;
		}
		ch->number = m->number++;
		channel_listen(ch);
	}
	if (to->kind == ADDRESS_UNIX)
		ch->answer = ssh_channel_open_forward_unix(ch->ssh, to->path,
		    "", 0);
	else			/* who connected stays here */
		ch->answer = ssh_channel_open_forward(ch->ssh, to->host,
		    to->port, "127.0.0.1", 0);
	/* If the session is over, mux_free() says so. */
	if (ch->answer == SSH_ERROR && mux_dead(m))
		ch->answer = SSH_AGAIN;
}

static void
channel_answered(struct channel *ch)
{
	channel_opened *opened = ch->opened;

	ch->opened = NULL;
	if (ch->answer == SSH_OK) {
		ch->state = CHANNEL_OPEN;
		ch->mux->total++;
	} else {
		ch->state = CHANNEL_REFUSED;
		ch->owned = false;
		channel_count(ch);
	}
	if (opened != NULL)
		opened(ch->arg, ch->answer == SSH_OK ? OPEN_OK : ch->reason,
		    ch->words != NULL ? ch->words : "");
}

/* libssh's text about a refused open, from its log or as its last error. */
static void
note_refusal(struct mux *m, const char *s)
{
	struct channel *ch;
	unsigned number, reason;
	char words[REFUSAL_MAX];
	int at = 0;

	s = strstr(s, "Channel opening failure:");
	if (s == NULL || sscanf(s, "Channel opening failure: channel %u "
	    "error (%u) %n", &number, &reason, &at) != 2 || at == 0)
		return;
	TAILQ_FOREACH(ch, &m->channels, next)
		if (ch->state == CHANNEL_OPENING && ch->number == number)
			break;
	if (ch == NULL)
		return;
	if (reason >= OPEN_PROHIBITED && reason <= OPEN_RESOURCE_SHORTAGE)
		ch->reason = reason;
	text_escape(words, sizeof(words), s + at, TEXT_PLAIN);
	free(ch->words);
	ch->words = xstrdup(words);
}

/*
 * The last error is all that libssh publishes about a refusal, and it may hold
 * several at once; 0.10 logs each.  None of its log is ours to show.
 */
void
mux_on_log(int priority, const char *function, const char *text, void *arg)
{
	(void)priority;
	(void)function;
	if (arg != NULL)
		note_refusal(arg, text);
}

void
mux_step_opens(struct mux *m, bool news)
{
	bool wait = mux_port_is_due(m);
	struct channel *ch;

	TAILQ_FOREACH(ch, &m->channels, next)
		if (ch->state == CHANNEL_OPENING &&
		    (ch->ssh == NULL ? !wait : news))
			channel_ask(ch);
	note_refusal(m, ssh_get_error(m->session));
	TAILQ_FOREACH(ch, &m->channels, next)
		if (ch->state == CHANNEL_OPENING && ch->answer != SSH_AGAIN)
			channel_answered(ch);
}

/* --- theirs ----------------------------------------------------------- */

/* Is it forwarded-tcpip, and which listener was connected to? */
static bool
is_forwarded(ssh_message msg, struct address *listen)
{
	const char *host;
	int port;

	if (ssh_message_type(msg) != SSH_REQUEST_CHANNEL_OPEN ||
	    ssh_message_subtype(msg) != SSH_CHANNEL_FORWARDED_TCPIP)
		return false;
	host = ssh_message_channel_request_open_destination(msg);
	port = ssh_message_channel_request_open_destination_port(msg);
	if (host == NULL || strlen(host) >= sizeof(listen->host) ||
	    port <= 0 || port > 65535)
		return false;
	memset(listen, 0, sizeof(*listen));
	listen->kind = ADDRESS_TCP;
	memcpy(listen->host, host, strlen(host) + 1);
	listen->port = (uint16_t)port;
	return true;
}

static void
on_message(struct mux *m, ssh_message msg)
{
	struct address listen;
	struct channel *ch;

	if (m->nopen >= MUX_CHANNELS_MAX || !is_forwarded(msg, &listen)) {
		ssh_message_reply_default(msg);
		ssh_message_free(msg);
		return;
	}
	ch = channel_create(m, CHANNEL_INCOMING);
	ch->question = msg;
	m->events.incoming(m->arg, ch, &listen);
}

/* libssh would queue them for ever. */
bool
mux_take_messages(struct mux *m)
{
	ssh_message msg;
	int i;

	for (i = 0; i < MESSAGES_PER_TURN; i++) {
		if ((msg = ssh_message_get(m->session)) == NULL)
			return true;
		on_message(m, msg);
	}
	mux_soon(m);
	return false;
}

void
channel_accept(struct channel *ch)
{
	ch->ssh = ssh_message_channel_request_open_reply_accept(ch->question);
	ssh_message_free(ch->question);
	ch->question = NULL;
	ch->state = CHANNEL_OPEN;
	ch->gone = NULL;
	ch->mux->total++;
	ch->mux->number++;
	if (ch->ssh != NULL)
		channel_listen(ch);
	else			/* the session is breaking */
		ch->got_close = ch->sent_close = true;
	mux_settle(ch->mux);
}

/* libssh has one reason, "prohibited", and no text. */
void
channel_refuse(struct channel *ch, enum open_failure reason, const char *text)
{
	(void)reason;
	(void)text;
	ssh_message_reply_default(ch->question);
	ssh_message_free(ch->question);
	ch->question = NULL;
	ch->state = CHANNEL_REFUSED;
	ch->gone = NULL;
	ch->owned = false;
	mux_soon(ch->mux);
	mux_settle(ch->mux);
}

void
channel_on_gone(struct channel *ch, void (*gone)(void *arg), void *arg)
{
	ch->gone = gone;
	ch->arg = arg;
}
