/* SPDX-License-Identifier: ISC */
/*
 * What the registry has changed, one by one: there may be thousands, of which
 * the asker takes over some in a turn.  They wait in the monitor, page by page.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "orthrus/base/mem.h"
#include "orthrus/monitor/ask.h"

#include "monitor_private.h"

static void
drop_page(struct ask_changes *ch)
{
	free(ch->rows);
	ch->rows = NULL;
	ch->len = ch->at = 0;
}

/* Rows are copied, since whoever takes one over may ask something himself. */
static int
next_page(struct monitor *m, struct ask_changes *ch, struct error *e)
{
	const struct message q = { .kind = ASK_CHANGES, .flag = !ch->begun };
	struct message a = { .kind = 0 };

	drop_page(ch);
	if (monitor_say(m, &q, e) == -1 ||
	    monitor_hear(m, ASK_CHANGES, &a, e) == -1)
		return -1;
	ch->begun = true;
	ch->more = a.flag;
	ch->whole = a.number == 1;
	ch->position = a.session;
	ch->rows = xcalloc(1, a.len + 1);
	ch->len = a.len;
	memcpy(ch->rows, a.bytes, a.len);
	return 0;
}

static int
read_change(struct monitor *m, struct ask_changes *ch, struct ask_change *c,
    struct error *e)
{
	static struct peer_row row;
	const uint8_t *p = ch->rows + ch->at;
	size_t left = ch->len - ch->at;

	if (!row_read(&row, &p, &left)) {
		m->lost = true;
		return error_set(e, EX_SOFTWARE, "the monitor tells what "
		    "cannot be read");
	}
	ch->at = ch->len - left;
	c->peer = row.peer;
	c->removed = row.removed;
	c->revoked = row.revoked;
	c->position = ch->position;
	return 1;
}

int
ask_changes(struct monitor *m, struct ask_changes *ch, struct ask_change *c,
    struct error *e)
{
	int rc = 0;

	while (rc == 0 && ch->at == ch->len && (!ch->begun || ch->more))
		rc = next_page(m, ch, e);
	if (rc == 0 && ch->at < ch->len)
		rc = read_change(m, ch, c, e);
	if (rc != 1)
		ask_changes_clear(ch);
	return rc;
}

void
ask_changes_clear(struct ask_changes *ch)
{
	drop_page(ch);
	ch->begun = ch->more = false;
}
