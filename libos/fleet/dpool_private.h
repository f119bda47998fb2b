/* What the files of a pool share: dpool.c, dpool_rebuild.c. */
#pragma once

#include "libos/fleet/dpool.h"

/* Messages; the elements of some of them follow. */
enum { ASK_ONE, ASK_HALF, ELEMENTS, FREEZE, TELL, HELD, THAW };

static inline bool dpool_frozen(const struct dpool *p) { return p->frozen_by != DPOOL_NOBODY; }
/* Elements that one message has room for. */
static inline uint32_t dpool_batch_max(const struct dpool *p) { return DPOOL_BATCH / p->bytes; }

/* --- dpool.c ------------------------------------------------------------------------------------ */

/* A message with elements, at most dpool_batch_max. ERR_CLOSED: that member is gone; what it says. */
err_t dpool_tell(struct dpool *p, uint32_t member, uint32_t what, const void *elements, uint32_t count);
/* Waits till something of `changed` has. With the lock. */
void dpool_changed_await(struct dpool *p);
/* Waits till nobody rebuilds. */
void dpool_thaw_await(struct dpool *p);
/* The pool's thread works if a mark is passed. */
void dpool_work_wake(struct dpool *p);

/* --- dpool_rebuild.c ------------------------------------------------------------------------------ */

/* A message that has to do with a rebuild: FREEZE, TELL, HELD, THAW; ERR_MESSAGE: it is none. */
err_t dpool_rebuild_told(struct dpool *p, uint32_t from, uint32_t what, const uint8_t *elements, uint32_t count);
