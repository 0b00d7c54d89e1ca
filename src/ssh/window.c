/* SPDX-License-Identifier: ISC */
/* See window.h. */
#include "config.h"

#include <string.h>

#include "window.h"

void
window_init(struct window *w, size_t channels)
{
	memset(w, 0, sizeof(*w));
	w->first = WINDOW_FIRST_MOST;
	while (w->first > WINDOW_FIRST_LEAST &&
	    channels > WINDOW_FIRST_ALL / w->first)
		w->first /= 2;
	w->size = w->left = w->first;
	w->kept_up = true;
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

static void
window_resize(struct window *w, size_t *grown, uint32_t size)
{
	*grown -= w->size - w->first;
	w->size = size;
	if (w->first > size)
		w->first = size;
	*grown += w->size - w->first;
}

static uint32_t
largest_size(const struct window_view *view)
{
	return view->round_trip < WINDOW_LONG_TRIP ? WINDOW_SHORT :
	    WINDOW_LARGEST;
}

/*
 * A window may grow by as much as is left of the budget: so one alone gets
 * half of the budget, each of several an equal part, and one more still finds
 * something.  Returns twice what it may yet grow by, or below 0 twice what it
 * has grown too much.
 */
static int64_t
budget_share(const struct window *w, size_t grown)
{
	return (int64_t)WINDOW_BUDGET - (int64_t)grown -
	    (int64_t)(w->size - w->first);
}

/* By how many bytes the window should be smaller. */
static uint32_t
excess_of(const struct window *w, size_t grown, const struct window_view *view)
{
	int64_t share = budget_share(w, grown);

	if (w->size > largest_size(view))
		return w->size - largest_size(view);
	if (view->slowed && w->size > WINDOW_SLOWED)
		return (w->size - WINDOW_SLOWED) / 2;
	return share < 0 ? (uint32_t)(-share / 2) : 0;
}

/*
 * A window shrinks when less is granted than was used.  Returns how many of
 * the bytes are not granted.
 */
static uint32_t
window_shrink(struct window *w, size_t *grown, const struct window_view *view,
    uint32_t bytes)
{
	uint32_t less;

	if (w->excess == 0)
		w->excess = excess_of(w, *grown, view);
	less = w->excess < bytes ? w->excess : bytes;
	w->excess -= less;
	window_resize(w, grown, w->size - less);
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
		return 2 * (uint64_t)w->size;
	return took == 0 ? UINT64_MAX : 2 * w->used * trip / took;
}

/*
 * Grows the window, at most to twice its size, and returns by how many bytes.
 */
static uint32_t
window_grow(struct window *w, size_t *grown, const struct window_view *view)
{
	uint64_t size = wanted_size(w, view);
	int64_t share = budget_share(w, *grown);

	if (!w->kept_up || view->slowed || share < 0)
		return 0;
	size = lesser_of(size, 2 * (uint64_t)w->size);
	size = lesser_of(size, largest_size(view));
	size = lesser_of(size, w->size + (uint64_t)share / 2);
	if (size <= w->size)
		return 0;
	size -= w->size;
	window_resize(w, grown, w->size + (uint32_t)size);
	return (uint32_t)size;
}

/* Half of the window was used: decides by the time which that took. */
static uint32_t
window_reconsider(struct window *w, size_t *grown,
    const struct window_view *view)
{
	uint32_t more = window_grow(w, grown, view);

	w->measured_at = view->now;
	w->used = 0;
	w->used_up = false;
	w->kept_up = !view->unread;
	return more;
}

uint32_t
window_grant(struct window *w, size_t *grown, const struct window_view *view)
{
	uint32_t bytes = w->credit, less;

	w->credit = 0;
	less = window_shrink(w, grown, view, bytes);
	if (w->measured_at != 0)
		w->used += bytes;
	else
		w->measured_at = view->now;
	bytes -= less;
	if (less == 0 && w->used >= w->size / 2)
		bytes += window_reconsider(w, grown, view);
	w->left += bytes;
	return bytes;
}

void
window_end(struct window *w, size_t *grown)
{
	*grown -= w->size - w->first;
	w->first = w->size;
}
