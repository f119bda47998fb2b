/*
 * The pool of process numbers: ids.h.
 */
#include "services/proc/ids.h"

#include "libos/fleet/dpool_fleet.h"
#include "services/proc/records.h"

#define SCHEME "bulk"

static struct dpool pool;

err_t ids_init(struct fleet *f)
{
	return dpool_fleet_open(&pool, f, dpool_scheme_find(SCHEME), sizeof(uint32_t), 0, 1);
}

err_t ids_start(struct fleet *f)
{
	err_t err = ERR_OK;

	/* The lowest are taken first. */
	for (uint32_t id = f->view.count == 1 ? PROC_ID_MAX : 0; id && !err; id--)
		err = dpool_restore(&pool, &id);
	return err;
}

void ids_changed(struct fleet *f, const struct fleet_view *old) { dpool_fleet_changed(&pool, f, old); }

static void missing(struct dpool *p, const void *held, uint32_t count)
{
	static uint64_t there[PROC_ID_MAX / 64 + 1];
	const uint32_t *id = held;
	struct record r;

	for (uint32_t i = 0; i <= PROC_ID_MAX / 64; i++)
		there[i] = 0;
	for (uint32_t i = 0; i < count; i++)
		if (id[i] <= PROC_ID_MAX)
			there[id[i] / 64] |= UINT64_C(1) << id[i] % 64;
	for (uint32_t i = PROC_ID_MAX; i; i--)
		if (!(there[i / 64] >> i % 64 & 1) && record_get(i, &r) == ERR_NOT_FOUND)
			dpool_restore(p, &i);
}

void ids_rebuild(void) { dpool_rebuild(&pool, missing); }

err_t id_take(uint32_t *id) { return dpool_hold(&pool, id) ? ERR_NO_MEMORY : ERR_OK; }

void id_settle(uint32_t id) { dpool_settle(&pool, &id); }

bool id_keep(uint32_t id) { return !dpool_keep(&pool, &id); }

void id_give(uint32_t id)
{
	dpool_give(&pool, &id);
	dpool_settle(&pool, &id);
}

uint32_t ids_free(void) { return pool.count; }
