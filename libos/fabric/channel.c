/*
 * What all channels have in common: opening, waiting for room, waiting for an
 * answer.  Portable; threads of any kind.
 */
#include "libos/fabric/fabric.h"

static const struct channel_options no_options;

err_t channel_open(struct fabric *f, const char *name, const struct channel_options *o, struct channel *c)
{
	uint32_t back = fabric_enter(f);
	err_t err;

	*c = (struct channel){ .fabric = f };
	err = f->ops->open(f, name, o ? o : &no_options, c);
	if (err)
		c->ops = NULL;
	fabric_leave(f, back);
	return err;
}

err_t channel_open_at(struct fabric *f, const struct mailbox *at, const struct channel_options *o, struct channel *c)
{
	uint32_t back = fabric_enter(f);
	err_t err;

	*c = (struct channel){ .fabric = f };
	err = f->ops->open_at(f, at, o ? o : &no_options, c);
	if (err)
		c->ops = NULL;
	fabric_leave(f, back);
	return err;
}

err_t channel_lookup(struct fabric *f, const char *name, struct mailbox *out)
{
	uint32_t back;
	err_t err;

	if (!f->ops->lookup)
		return ERR_UNSUPPORTED;
	back = fabric_enter(f);
	err = f->ops->lookup(f, name, out);
	fabric_leave(f, back);
	return err;
}

void channel_close(struct channel *c)
{
	uint32_t back;

	if (!c->ops)
		return;
	back = fabric_enter(c->fabric);
	wait_set_remove(c);
	if (c->alone.fabric)
		wait_set_destroy(&c->alone);
	c->ops->close(c);
	c->ops = NULL;
	fabric_leave(c->fabric, back);
}

err_t service_export_as(struct fabric *f, const char *name, unsigned flags, struct service *s)
{
	uint32_t back = fabric_enter(f);
	err_t err;

	*s = (struct service){ .fabric = f };
	err = f->ops->export(f, name, flags, s);
	fabric_leave(f, back);
	return err;
}

err_t service_name(struct service *s, const char *name, unsigned flags)
{
	uint32_t back = fabric_enter(s->fabric);
	err_t err = s->mailbox.pid && name ? s->fabric->ops->export(s->fabric, name, flags, s) : ERR_ARGUMENT;

	fabric_leave(s->fabric, back);
	return err;
}

err_t service_export(struct fabric *f, const char *name, struct service *s) { return service_export_as(f, name, 0, s); }

err_t service_accept(struct service *s, const struct channel_options *o, struct channel *c)
{
	uint32_t back = fabric_enter(s->fabric);
	err_t err;

	*c = (struct channel){ .fabric = s->fabric, .side = 1 };
	err = s->fabric->ops->accept(s, o ? o : &no_options, c);
	if (err)
		c->ops = NULL;
	fabric_leave(s->fabric, back);
	return err;
}

static bool deadline_passed(struct fabric *f, cycles_t deadline) { return deadline && fabric_now(f) >= deadline; }

/*
 * Sleeps until there may be room. Store buffering: we write `starved`, fence, read
 * the peer's position; the receiver writes its position and, with a fence in
 * between when it is about to sleep, reads `starved`.
 */
static err_t room_sleep(struct channel *c, cycles_t deadline)
{
	struct wait_set w;
	err_t err = wait_set_init(&w, c->fabric);

	if (err)
		return err;
	c->ops->starve(c, true);
	mem_fence();
	if (!c->ops->room(c))
		c->fabric->ops->block(&w, deadline);
	c->ops->starve(c, false);
	wait_set_destroy(&w);
	return ERR_OK;
}

static err_t room_wait(struct channel *c, cycles_t deadline)
{
	for (uint32_t look = 0; look < c->fabric->looks; look++) {
		if (c->ops->room(c))
			return ERR_OK;
		c->fabric->ops->relax(c->fabric);
	}
	while (!c->ops->room(c)) {
		err_t err = deadline_passed(c->fabric, deadline) ? ERR_TIMEOUT : room_sleep(c, deadline);

		if (err)
			return err;
	}
	return ERR_OK;
}

static err_t lines_send(struct channel *c, const struct urpc_message *m, unsigned lines, cycles_t deadline,
			unsigned *sent)
{
	unsigned done = 0;
	err_t err = ERR_OK;

	while (done < lines && !err) {
		err = c->ops->send(c, &m[done]);
		if (!err) {
			done++;
			continue;
		}
		if (err != ERR_AGAIN)
			break;
		c->ops->flush(c); /* the receiver must be awake to make room */
		err = deadline_passed(c->fabric, deadline) ? ERR_TIMEOUT : room_wait(c, deadline);
	}
	if (done)
		c->ops->flush(c);
	if (sent)
		*sent = done;
	return err;
}

err_t channel_send_lines(struct channel *c, const struct urpc_message *m, unsigned lines, cycles_t deadline,
			 unsigned *sent)
{
	uint32_t back = fabric_enter(c->fabric);
	err_t err = lines_send(c, m, lines, deadline, sent);

	fabric_leave(c->fabric, back);
	return err;
}

err_t channel_settle(struct channel *c)
{
	uint32_t back;
	err_t err;

	if (!c->ops->settled)
		return ERR_OK;
	back = fabric_enter(c->fabric);
	while ((err = c->ops->settled(c)) == ERR_AGAIN && !(err = room_sleep(c, 0)))
		;
	fabric_leave(c->fabric, back);
	return err;
}

/* Waits in set `w`, which c is in, for this one channel. */
static err_t receive_sleeping(struct channel *c, struct urpc_message *m, struct wait_set *w, cycles_t deadline)
{
	err_t err;

	while ((err = channel_receive(c, m)) == ERR_AGAIN && !deadline_passed(c->fabric, deadline)) {
		c->ops->sleep(c, true);
		mem_fence(); /* pairs with that in urpc_kick */
		if (!c->ops->tend(c))
			c->fabric->ops->block(w, deadline);
		c->ops->sleep(c, false);
	}
	return err == ERR_AGAIN ? ERR_TIMEOUT : err;
}

/* Gives a channel that is in no set one of its own. */
static err_t set_alone(struct channel *c)
{
	err_t err = c->alone.fabric ? ERR_OK : wait_set_init(&c->alone, c->fabric);

	if (err)
		c->alone.fabric = NULL;
	else
		wait_set_add(&c->alone, c);
	return err;
}

err_t channel_prepare(struct channel *c) { return c->set ? ERR_OK : set_alone(c); }

static err_t line_wait(struct channel *c, struct urpc_message *m, cycles_t deadline)
{
	uint32_t looks = c->ops->near ? 0 : c->fabric->looks;
	err_t err = channel_receive(c, m);

	for (uint32_t look = 0; err == ERR_AGAIN && look < looks; look++) {
		c->fabric->ops->relax(c->fabric);
		if (channel_ready(c))
			err = channel_receive(c, m);
	}
	if (err != ERR_AGAIN)
		return err;
	err = channel_prepare(c);
	return err ? err : receive_sleeping(c, m, c->set, deadline);
}

err_t channel_receive_wait(struct channel *c, struct urpc_message *m, cycles_t deadline)
{
	uint32_t back = fabric_enter(c->fabric);
	err_t err = line_wait(c, m, deadline);

	fabric_leave(c->fabric, back);
	return err;
}

static err_t request_answer(struct channel *c, const struct urpc_message *request, struct urpc_message *reply)
{
	err_t err;

	if (c->ops->call && (!c->set || c->set == &c->alone))
		return c->ops->call(c, request, reply);
	err = lines_send(c, request, 1, 0, NULL);
	return err ? err : line_wait(c, reply, 0);
}

err_t channel_call(struct channel *c, const struct urpc_message *request, struct urpc_message *reply)
{
	uint32_t back = fabric_enter(c->fabric);
	err_t err = request_answer(c, request, reply);

	fabric_leave(c->fabric, back);
	return err;
}
