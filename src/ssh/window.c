/* SPDX-License-Identifier: ISC */
/* See window.h. */
#include "config.h"

#include <string.h>

#include "window.h"

/* One that begins with more than this is too large for what is left. */
static size_t
most_at_first(const struct account *a)
{
	return account_left(a) / 16;
}

void
window_init(struct window *w, struct account *a, uint32_t most)
{
	memset(w, 0, sizeof(*w));
	w->size = most;
	while (w->size > WINDOW_FIRST_LEAST &&
	    (a->streams > 1 + WINDOW_FIRST_ALL / w->size ||
	    w->size > most_at_first(a)))
		w->size /= 2;
	w->left = w->size;
	w->kept_up = true;
	budget_charge(&a->promised, w->size);
}

bool
window_arrived(struct window *w, size_t n)
{
	if (n > w->left)
		return false;
	w->left -= (uint32_t)n;
	if (w->left == 0)
		w->used_up = true;
	return true;
}

void
window_left_unread(struct window *w)
{
	w->kept_up = false;
}

/*
 * A large window is granted in pieces smaller than its half.  Else the sender
 * would fall into step with the grants over a long path: it would send one
 * half, and wait a round trip for the other.
 */
bool
window_consumed(struct window *w, size_t n)
{
	w->credit += (uint32_t)n;
	return w->credit >= w->size / 2 || w->credit >= WINDOW_GRANT;
}

static uint64_t
lesser_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
greater_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void
window_resize(struct window *w, struct account *a, uint32_t size)
{
	size_t promised = w->size;

	budget_note(&a->promised, &promised, size);
	w->size = size;
}

static uint32_t
largest_size(const struct window_view *view)
{
	return view->round_trip < WINDOW_LONG_TRIP ? WINDOW_SHORT :
	    WINDOW_LARGEST;
}

/*
 * How large a window may be: twice what is left beyond the reserve, which is
 * half of the sum for one alone, and for each of several an equal part.  Of the
 * reserve one that is used still gets a little.
 */
static uint64_t
fair_size(const struct account *a)
{
	size_t left = account_left(a);
	uint64_t little = lesser_of(left / 16, WINDOW_USED);

	return left <= WINDOW_RESERVE ? little :
	    greater_of(2 * (uint64_t)(left - WINDOW_RESERVE), little);
}

/*
 * By how much it may grow, or below 0 by how much it should shrink: each byte
 * of that changes its fair size by two.
 */
static int64_t
share_of(const struct window *w, const struct account *a)
{
	return ((int64_t)fair_size(a) - (int64_t)w->size) / 3;
}

/* By how many bytes the window should be smaller. */
static uint32_t
excess_of(const struct window *w, const struct account *a,
    const struct window_view *view)
{
	int64_t share = share_of(w, a);

	if (w->size > largest_size(view))
		return w->size - largest_size(view);
	if (view->slowed && w->size > WINDOW_SLOWED)
		return (w->size - WINDOW_SLOWED) / 2;
	if (share >= 0 || w->size <= WINDOW_FIRST_LEAST)
		return 0;
	return (uint32_t)lesser_of((uint64_t)-share,
	    w->size - WINDOW_FIRST_LEAST);
}

/*
 * A window shrinks when less is granted than was used.  Returns how many of
 * the bytes are not granted.
 */
static uint32_t
window_shrink(struct window *w, struct account *a,
    const struct window_view *view, uint32_t bytes)
{
	uint32_t less;

	if (w->excess == 0)
		w->excess = excess_of(w, a, view);
	less = w->excess < bytes ? w->excess : bytes;
	w->excess -= less;
	window_resize(w, a, w->size - less);
	return less;
}

/*
 * The size at which twice as much could be on its way as the path has taken
 * lately.  So a sender that only the window holds back doubles it.
 */
static uint64_t
wanted_size(const struct window *w, const struct window_view *view)
{
	uint64_t took = view->now - w->measured_at;
	uint64_t trip = view->round_trip > WINDOW_LEAST_TRIP ?
	    view->round_trip : WINDOW_LEAST_TRIP;

	if (w->used_up && w->size < WINDOW_SMALL)
		return greater_of(2 * (uint64_t)w->size, WINDOW_USED);
	return took == 0 ? UINT64_MAX : 2 * w->used * trip / took;
}

/*
 * Grows the window, at most to twice its size where it is not very small, and
 * returns by how many bytes.
 */
static uint32_t
window_grow(struct window *w, struct account *a,
    const struct window_view *view)
{
	uint64_t size = wanted_size(w, view);
	int64_t share = share_of(w, a);

	if (!w->kept_up || view->slowed || share < 0)
		return 0;
	size = lesser_of(size, greater_of(2 * (uint64_t)w->size, WINDOW_USED));
	size = lesser_of(size, largest_size(view));
	size = lesser_of(size, w->size + (uint64_t)share);
	if (size <= w->size)
		return 0;
	size -= w->size;
	window_resize(w, a, w->size + (uint32_t)size);
	return (uint32_t)size;
}

/* Half of the window was used: decides by the time which that took. */
static uint32_t
window_reconsider(struct window *w, struct account *a,
    const struct window_view *view)
{
	uint32_t more = window_grow(w, a, view);

	w->measured_at = view->now;
	w->used = 0;
	w->used_up = false;
	w->kept_up = !view->unread;
	return more;
}

uint32_t
window_grant(struct window *w, struct account *a,
    const struct window_view *view)
{
	uint32_t bytes = w->credit, less;

	w->credit = 0;
	less = window_shrink(w, a, view, bytes);
	if (w->measured_at != 0)
		w->used += bytes;
	else
		w->measured_at = view->now;
	bytes -= less;
	if (less == 0 && w->used >= w->size / 2)
		bytes += window_reconsider(w, a, view);
	w->left += bytes;
	return bytes;
}

void
window_end(struct window *w, struct account *a)
{
	window_resize(w, a, 0);
}
