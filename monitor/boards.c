/*
 * The table of the boards that processes of this core own or use, and what makes
 * and ends them.
 */
#include "monitor/caps/caps.h"
#include "monitor/boards.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/fabric/hint.h"
#include "monitor/shared_frame.h"

struct board {
	uint32_t process; /* number of the server that has it; 0: foreign, or given back */
	uint32_t users;   /* connections */
	bool foreign;     /* another core's */
	bool leaving;     /* it is being taken from the processes that had it */
	uint32_t leaver;  /* ... and this connection of the last of them waits for that; 0: none */
	cptr_t frame;     /* the monitor's own capability; 0: the entry is free */
	uint64_t base;
};

static struct board boards[BOARDS_MAX]; /* number n is entry n - 1 */

static uint32_t board_number(const struct board *b) { return (uint32_t)(b - boards) + 1; }

static struct board *board_find(uint64_t number)
{
	return number >= 1 && number <= BOARDS_MAX && boards[number - 1].frame ? &boards[number - 1] : NULL;
}

static struct board *board_of(uint32_t process, uint64_t number)
{
	struct board *b = board_find(number);

	return b && b->process == process ? b : NULL;
}

static struct board *board_new(void)
{
	for (unsigned i = 0; i < BOARDS_MAX; i++)
		if (!boards[i].frame)
			return &boards[i];
	return NULL;
}

static void foreign_withdrawn(uint64_t number, err_t err, uint64_t value)
{
	struct board *b = &boards[number - 1];
	struct connection *c = b->leaver ? connection_find(b->leaver) : NULL;

	(void)value;
	if (err) {
		/* Its owner is not told that we are done, and keeps it. */
		report("monitor %u: a board stays: error %u", monitor.core, (unsigned)err);
		return;
	}
	caps_unpin(b->frame);
	slot_delete(b->frame);
	b->frame = 0;
	if (c)
		connection_left(c);
	connections_board_again(b->base);
}

/* Nobody uses it any more. */
static void board_end(struct board *b)
{
	if (b->foreign) {
		b->leaving = true;
		caps_withdraw(b->frame, foreign_withdrawn, board_number(b));
		return;
	}
	shared_frame_free(b->frame);
	b->frame = 0;
}

static void board_settle(struct board *b)
{
	if (!b->process && !b->users)
		board_end(b);
}

/* --- the server's side ------------------------------------------------------------- */

static err_t board_open(struct process *p, uint64_t slot, uint64_t *number)
{
	struct board *b = p->boards < BOARDS_OF_PROCESS ? board_new() : NULL;
	cptr_t target;
	err_t err = process_slot(p, slot, &target);

	if (err)
		return err;
	if (!b)
		return ERR_NO_MEMORY;
	*b = (struct board){ .process = p->number };
	err = shared_frame_make(PAGE_BITS, &b->frame, &b->base);
	if (err)
		return err;
	err = cap_restrict(b->frame, target, RIGHT_READ | RIGHT_WRITE);
	if (err) {
		board_end(b);
		return err;
	}
	p->boards++;
	*number = board_number(b);
	return ERR_OK;
}

void board_make(struct request *r)
{
	uint64_t words[MON_PAYLOAD] = { 0 };
	err_t err = board_open(origin_process(r->from), r->m.word[0], &words[0]);

	request_reply(r, err, words);
}

static void board_leave(struct process *p, struct board *b)
{
	p->boards--;
	b->process = 0;
	board_settle(b);
}

void board_give_back(struct request *r)
{
	struct board *b = board_of(r->from.number, r->m.word[0]);

	if (b)
		board_leave(origin_process(r->from), b);
	request_reply(r, b ? ERR_OK : ERR_ARGUMENT, NULL);
}

void boards_process_gone(struct process *p)
{
	for (unsigned i = 0; i < BOARDS_MAX && p->boards; i++)
		if (boards[i].frame && boards[i].process == p->number)
			board_leave(p, &boards[i]);
}

err_t connection_board_lend(struct connection *c, uint32_t id, uint64_t hint)
{
	struct board *b = board_of(c->process, id);

	if (!b || hint >= HINT_BYTES)
		return ERR_ARGUMENT;
	b->users++;
	c->board = id;
	c->hint = (uint8_t)hint;
	return ERR_OK;
}

uint64_t connection_board_base(const struct connection *c)
{
	struct board *b = board_find(c->board);

	return b ? b->base : 0;
}

/* --- the client's side --------------------------------------------------------------- */

static struct board *foreign_find(uint64_t base)
{
	for (unsigned i = 0; i < BOARDS_MAX; i++)
		if (boards[i].frame && boards[i].foreign && boards[i].base == base)
			return &boards[i];
	return NULL;
}

static err_t foreign_make(uint64_t base, struct board **out)
{
	struct cap_info info = { .type = CAP_FRAME,
				 .rights = RIGHT_ALL, /* revoking it needs all */
				 .bits = PAGE_BITS,
				 .base = base };
	struct board *b = board_new();
	cptr_t slot;
	err_t err = b ? slot_alloc(&slot) : ERR_NO_MEMORY;

	if (err)
		return err;
	err = kernel_forge(TASK_KERNEL, &info, slot);
	if (err) {
		slot_free(slot);
		return err;
	}
	*b = (struct board){ .foreign = true, .frame = slot, .base = base };
	*out = b;
	return ERR_OK;
}

bool connection_board_leaves(uint64_t base)
{
	const struct board *b = foreign_find(base);

	return b && b->leaving;
}

err_t connection_board_take(struct connection *c, uint64_t base, uint64_t hint)
{
	struct process *p = process_table_find(&monitor.processes, c->process);
	struct board *b = foreign_find(base);
	cptr_t target;
	err_t err = process_alive(p) ? process_slot(p, c->offer.slot_board, &target) : ERR_CLOSED;

	if (!err && !b)
		err = foreign_make(base, &b);
	if (err)
		return err;
	caps_pin(b->frame, c->peer_core);
	b->users++;
	c->board = board_number(b);
	c->hint = (uint8_t)hint;
	/* Not to be handed on: it is for the clients. */
	err = cap_restrict(b->frame, target, RIGHT_READ | RIGHT_WRITE);
	if (err)
		connection_board_drop(c);
	return err;
}

void connection_board_leave(struct connection *c)
{
	struct board *b = board_find(c->board);

	if (!b || !b->foreign)
		return;
	if (b->users == 1) {
		b->leaver = c->id;
		c->leaving++;
	}
	connection_board_drop(c);
}

void connection_board_drop(struct connection *c)
{
	struct board *b = board_find(c->board);

	c->board = 0;
	if (!b)
		return;
	b->users--;
	board_settle(b);
}
