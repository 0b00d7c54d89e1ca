/* SPDX-License-Identifier: ISC */
/*
 * A connection that outlives its carrier: how it parts from one, waits, and
 * goes on over another, with what is kept for that.
 */
#include "config.h"

#include "orthrus/base/loop.h"

#include "connection_state.h"

void
connection_bequeath(struct connection *c, const struct connection_heir *heir,
    void *arg)
{
	c->heir = heir;
	c->heir_arg = arg;
}

bool
connection_is_asked(struct connection *c, const uint8_t *name, size_t len,
    struct wire *w, bool *ok)
{
	return c->heir != NULL && c->heir->asked(c->heir_arg, name, len, w, ok);
}

bool
connection_is_parted(const struct connection *c)
{
	return c->state == RUNNING && c->carrier.transport == NULL;
}

bool
connection_part(struct connection *c, const char *text)
{
	if (c->state != RUNNING || c->heir == NULL ||
	    c->carrier.transport == NULL ||
	    !c->heir->parted(c->heir_arg, text))
		return false;
	carrier_part(&c->carrier);
	return true;
}

void
connection_rejoin(struct connection *c, struct transport *t,
    uint64_t received, uint64_t doubled)
{
	carrier_part(&c->carrier);
	packet_rewind(c->tap, received);
	connection_acknowledged(c, received);
	carrier_join(&c->carrier, c->base, t, c->dead_ms, doubled,
	    connection_on_ready, c);
	c->heard_at = clock_awake_ms();
	c->out.unhindered = 0;
	carrier_watch(&c->carrier, true, true);
}

void
connection_keep(struct connection *c, bool keep, struct budget *memory)
{
	if (keep)
		output_keep(&c->out, memory);
	else
		output_keep_no_more(&c->out);
}

bool
connection_acknowledged(struct connection *c, uint64_t position)
{
	bool ok = packet_acknowledged(c->tap, position);

	output_note_kept(&c->out);
	return ok;
}

bool
connection_has(const struct connection *c, uint64_t position)
{
	return packet_has(c->tap, position);
}

uint64_t
connection_position(const struct connection *c)
{
	return packet_position(c->tap);
}
