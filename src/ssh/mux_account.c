/* SPDX-License-Identifier: ISC */
/*
 * Whose memory it is: what a mux and its channels have promised and hold is
 * counted in the account of who stands behind them, which may have several
 * sessions, or in the mux's own where nobody has said who that is.
 */
#include "config.h"

#include "mux_private.h"
#include "output.h"

/*
 * Of a session: what its connection may leave unsent before it is frugal, and
 * what libssh and we have for it at least, about.
 */
#define SESSION_PROMISED OUTPUT_FRUGAL
#define SESSION_HELD (64 * 1024)

void
mux_set_account(struct mux *m, struct account *a)
{
	/* What is unsent already was counted in its own: it moves. */
	budget_note(&m->account->promised, &m->unpromised, 0);
	budget_note(&m->account->held, &m->unsent, 0);
	m->account = a;
	budget_charge(&a->promised, SESSION_PROMISED);
	budget_charge(&a->held, SESSION_HELD);
}

/* How much more than what a session may leave unsent at any time. */
static size_t
beyond_promise(size_t unsent)
{
	return unsent > SESSION_PROMISED ? unsent - SESSION_PROMISED : 0;
}

void
mux_note_unsent(struct mux *m)
{
	struct account *a = m->account;
	size_t unsent = connection_unsent(m->connection);

	budget_note(&a->promised, &m->unpromised, beyond_promise(unsent));
	budget_note(&a->held, &m->unsent, unsent +
	    connection_kept(m->connection));
	connection_be_frugal(m->connection, account_left(a) == 0);
}

void
mux_leave_account(struct mux *m)
{
	struct account *a = m->account;

	budget_note(&a->promised, &m->unpromised, 0);
	budget_note(&a->held, &m->unsent, 0);
	if (a == &m->own)
		return;
	budget_give(&a->promised, SESSION_PROMISED);
	budget_give(&a->held, SESSION_HELD);
}

bool
mux_has_room_for(const struct mux *m, const struct account *a)
{
	return m->nopen < MUX_CHANNELS_MAX &&
	    account_has_room(a, CHANNEL_COST + WINDOW_FIRST_LEAST);
}

void
channel_enter_account(struct channel *ch, struct account *a)
{
	ch->account = a;
	a->streams += ch->is_stream;
	account_charge(a, CHANNEL_COST);
	window_init(&ch->window, a, ch->is_stream ? WINDOW_FIRST_MOST :
	    WINDOW_TALK);
}

/*
 * The buffer may be larger than the window by now, which has shrunk since; so
 * much was not promised then, and counts as if it were.
 */
void
channel_note_input(struct channel *ch)
{
	size_t size = ch->in.size, window = ch->window.size;

	if (ch->account == NULL)
		return;
	budget_note(&ch->account->held, &ch->input, size);
	budget_note(&ch->account->promised, &ch->unpromised,
	    size > window ? size - window : 0);
}

void
channel_withdraw_window(struct channel *ch)
{
	if (ch->account == NULL)
		return;
	window_end(&ch->window, ch->account);
	channel_note_input(ch);
}

void
channel_leave_account(struct channel *ch)
{
	struct account *a = ch->account;

	if (a == NULL)
		return;
	window_end(&ch->window, a);
	budget_note(&a->held, &ch->input, 0);
	budget_note(&a->promised, &ch->unpromised, 0);
	account_give(a, CHANNEL_COST);
	a->streams -= ch->is_stream;
	ch->account = NULL;
}
