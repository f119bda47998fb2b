/*
 * The pool of process numbers: ids.h. Each member's books are the records that it keeps.
 */
#include "services/proc/ids.h"

#include "libos/fleet/dpool_whole.h"
#include "services/proc/records.h"

#include <string.h>

#define SCHEME "bulk"

static struct dpool_whole ids;

static uint32_t books(struct dpool *p, void *room_for, uint32_t room)
{
	(void)p;
	return records_ids(room_for, room);
}

static bool missing(struct dpool_whole *w, const void *held, uint32_t count)
{
	static uint64_t there[PROC_ID_MAX / 64 + 1];
	const uint32_t *id = held;
	bool all = true;

	memset(there, 0, sizeof there);
	for (uint32_t i = 0; i < count; i++)
		if (id[i] <= PROC_ID_MAX)
			there[id[i] / 64] |= UINT64_C(1) << id[i] % 64;
	for (uint32_t i = PROC_ID_MAX; i; i--)
		if (!(there[i / 64] >> i % 64 & 1))
			all &= !dpool_restore(&w->pool, &i);
	return all;
}

err_t ids_init(struct fleet *f)
{
	return dpool_whole_open(&ids, f, dpool_scheme_find(SCHEME), sizeof(uint32_t), 0, 1, books, missing);
}

/* All that no record has; the lowest are taken first. */
static err_t fill(void)
{
	static uint64_t used[PROC_ID_MAX / 64 + 1];
	static uint32_t have[PROC_ID_MAX];
	uint32_t count = records_ids(have, PROC_ID_MAX);
	err_t err = ERR_OK;

	for (uint32_t i = 0; i < count; i++)
		if (have[i] <= PROC_ID_MAX)
			used[have[i] / 64] |= UINT64_C(1) << have[i] % 64;
	for (uint32_t id = PROC_ID_MAX; id && !err; id--)
		if (!(used[id / 64] >> id % 64 & 1))
			err = dpool_restore(&ids.pool, &id);
	return err;
}

err_t ids_start(struct fleet *f)
{
	err_t err = dpool_whole_start(&ids);

	return err || f->view.count > 1 ? err : fill();
}

void ids_changed(const struct fleet_view *old) { dpool_whole_changed(&ids, old); }

err_t id_take(uint32_t *id) { return dpool_whole_hold(&ids, id) ? ERR_NO_MEMORY : ERR_OK; }

void id_settle(uint32_t id) { dpool_settle(&ids.pool, &id); }

bool id_keep(uint32_t id) { return !dpool_keep(&ids.pool, &id); }

void id_give(uint32_t id)
{
	dpool_give(&ids.pool, &id);
	dpool_settle(&ids.pool, &id);
}

uint32_t ids_free(void) { return ids.pool.count; }
