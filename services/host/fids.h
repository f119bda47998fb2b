/*
 * Fids of many clients on one session with the device: each client's number stands for a number of the device's.
 *
 * A fid is COMING while the request that makes it is with the device, HERE when the device knows it, and
 * GOING while it is being clunked; only one that is HERE may be used. Who asked may end in the meantime: then a fid
 * without an owner stays with its request, or waits to be clunked.
 */
#pragma once

#include <stdbool.h>

#include "kernel/abi/types.h"

#define FID_BUCKETS 64

enum fid_state { FID_COMING, FID_HERE, FID_GOING };

struct fid {
	struct fid *next; /* in its bucket, or among those to be clunked */
	struct fid_table *owner;
	uint32_t number, device;
	enum fid_state state;
};

struct fid_table {
	struct fid *bucket[FID_BUCKETS];
	uint32_t count;
};

/* NULL: there is none. */
struct fid *fid_find(const struct fid_table *t, uint32_t number);
/* A new one, COMING, with a number for the device. 0, EBADF: it is in use, EMFILE, ENOMEM. */
unsigned fid_new(struct fid_table *t, uint32_t number, struct fid **out);
/* It has no owner any more. */
void fid_disown(struct fid *f);
/* The device knows it no more: forgotten on both sides. */
void fid_free(struct fid *f);
/* The owner ends: those that are HERE are to be clunked, the others are with their requests. */
void fids_end(struct fid_table *t);
/* It has no owner, and the device knows it: to be clunked. */
void fid_orphan(struct fid *f);
/* The next one to be clunked, taken off the list, GOING; NULL: there is none. */
struct fid *fid_next_orphan(void);
/* How many the device knows or may know. */
uint32_t fids_known(void);
