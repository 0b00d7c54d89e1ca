/* SPDX-License-Identifier: ISC */
/*
 * What one may take of something that is limited: a tree of accounts, each
 * bounded by a limit of its own and by that of the whole that it is a part of.
 * Pure.
 */
#ifndef ORTHRUS_BASE_BUDGET_H
#define ORTHRUS_BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct budget {
	struct budget *whole;		/* that it is a part of, or NULL */
	size_t limit, used;		/* in one unit, mostly bytes */
	/*
	 * Called when more is used than the limit says, where that was not so
	 * before; NULL: nobody asks.  It may not use the tree.
	 */
	void (*full)(void *arg);
	void *arg;
};

/* Nothing is used, and nobody asks when it is full. */
void budget_init(struct budget *b, struct budget *whole, size_t limit);

/* Takes n where b and all that it is a part of have so much left. */
bool budget_take(struct budget *b, size_t n);
/* Takes n for what is there already, beyond the limit as well. */
void budget_charge(struct budget *b, size_t n);
/* Gives back n of what was taken or charged. */
void budget_give(struct budget *b, size_t n);
/*
 * *noted was charged for one thing, which has another size now: charges or
 * gives back the difference.
 */
void budget_note(struct budget *b, size_t *noted, size_t now);

/* How much may yet be taken. */
size_t budget_left(const struct budget *b);

/*
 * Whether somebody who has mine of so much, of which used are in use, may have
 * more of it: as long as it is less than what is left.  So one alone gets half,
 * each of two a third, and one more still finds something.
 */
bool share_is_fair(size_t mine, size_t used, size_t all);

/* --- memory of one who stands behind connections ------------------ */

#define ACCOUNT_MAX (32 * 1024 * 1024)	/* bytes that one may have */
#define ACCOUNT_SMALL (1024 * 1024)	/* that nobody is refused for others */

/*
 * Two sums of the same bytes.  What a peer was told that it may send counts as
 * promised from then on, and as held only when it has come and lies here.  So
 * the first bounds one peer whatever it does, and the second all of them
 * together without setting anything aside for those that send nothing.
 */
struct account {
	struct budget promised, held;
	size_t streams;			/* ends of them that it pays for */
};

/* memory, a part of which is what is held here, may be NULL. */
void account_init(struct account *a, struct budget *memory);
/* n bytes that are held as long as something lives, and when it is gone. */
void account_charge(struct account *a, size_t n);
void account_give(struct account *a, size_t n);
/* As budget_note(), for bytes that no peer was promised before. */
void account_note(struct account *a, size_t *noted, size_t now);
/* How much it may yet be promised, as long as there is memory for that. */
size_t account_left(const struct account *a);
/*
 * Whether n more may be charged.  Who has little may have that of a memory that
 * is full: those who filled it make room.
 */
bool account_has_room(const struct account *a, size_t n);
/* True when nothing is promised or held. */
bool account_is_idle(const struct account *a);

#endif
