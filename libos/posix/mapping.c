/*
 * See mapping.h.
 *
 * The list is looked at by faults, in disabled mode and without the lock. So what is in it stays in it: one that is
 * not used has no bytes. What concerns capabilities is done on the core of the file's fabric, and with the lock of its
 * server, for when that has died all pieces go at once: nobody shall see what was while others go on at the heir.
 */
#include "libos/posix/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "libos/core/fault.h"
#include "libos/core/vspace.h"
#include "libos/ninep/head.h"
#include "libos/posix/file_memory.h"
#include "libos/posix/file_server.h"
#include "libos/posix/inherit.h"
#include "libos/posix/open_file.h"
#include "libos/posix/process.h"
#include "libos/posix/signals.h"
#include "libos/thread/control.h"

#define PIECE_BYTES SIZE_OF_BITS(NINEP_EXTENT_BITS)
#define MAPPINGS 8192 /* of a process; then ENOMEM */
#define TRIES 4
#define PF_PRESENT 1

struct piece {
	cptr_t frame;   /* 0: not here */
	uint64_t pages; /* mapped, up to the file's end at that time */
	uint64_t heirs; /* that the server had had then */
};

struct mapping {
	struct mapping *next;
	struct file_server *server;
	struct open_file *file; /* held */
	vaddr_t va;
	uint64_t bytes, offset; /* bytes 0: it is not used */
	uint8_t access;
	bool stores; /* a piece of it was there to be written: something may be to be settled */
	bool lost;   /* with a server that has died: perhaps something was stored since it was last settled */
	struct piece *piece;
};

struct mutex mapping_lock = MUTEX_INIT;
static struct mapping *mappings;
static unsigned nodes, used; /* of the list */

static bool holds(const struct mapping *m, vaddr_t va)
{
	return va - m->va < __atomic_load_n(&m->bytes, __ATOMIC_RELAXED);
}

static struct mapping *mapping_of(vaddr_t va)
{
	struct mapping *m = mappings;

	while (m && !holds(m, va))
		m = m->next;
	return m;
}

static bool overlaps(const struct mapping *m, vaddr_t va, vaddr_t end)
{
	return m->bytes && va < m->va + m->bytes && end > m->va;
}

/* --- pieces: by the number of their frame in the file, counted from the mapping's first one -------------------- */

static uint64_t piece_count(const struct mapping *m)
{
	return ((m->offset + m->bytes - 1) >> NINEP_EXTENT_BITS) - (m->offset >> NINEP_EXTENT_BITS) + 1;
}

static uint64_t piece_of(const struct mapping *m, vaddr_t va)
{
	return ((m->offset + (va - m->va)) >> NINEP_EXTENT_BITS) - (m->offset >> NINEP_EXTENT_BITS);
}

/* Where in the file what is mapped of it begins. */
static uint64_t piece_offset(const struct mapping *m, uint64_t k)
{
	return k ? ((m->offset >> NINEP_EXTENT_BITS) + k) << NINEP_EXTENT_BITS : m->offset;
}

static vaddr_t piece_va(const struct mapping *m, uint64_t k) { return m->va + (piece_offset(m, k) - m->offset); }

static void piece_drop(struct mapping *m, uint64_t k)
{
	struct piece *p = &m->piece[k];

	if (!p->frame)
		return;
	(void)vspace_unmap(piece_va(m, k));
	cap_of_peer_drop(p->frame);
	*p = (struct piece){ 0 };
}

/* What of it is before the file's end: pages. */
static uint64_t pages_before(const struct mapping *m, uint64_t k, uint64_t size)
{
	uint64_t from = piece_offset(m, k), end = (from | (PIECE_BYTES - 1)) + 1;

	if (end > m->offset + m->bytes)
		end = m->offset + m->bytes;
	size = (size + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	end = end < size ? end : size;
	return end > from ? (end - from) >> PAGE_BITS : 0;
}

static int piece_make(struct mapping *m, struct ninep_client *c, uint64_t k)
{
	uint64_t from = piece_offset(m, k), size, pages;
	uint32_t how = m->access & PROT_WRITE ? NINEP_MAP_READ | NINEP_MAP_WRITE : NINEP_MAP_READ;
	cptr_t frame;
	int error = file_memory(m->file, c, from, how, &frame, &size);

	if (error)
		return error;
	pages = frame ? pages_before(m, k, size) : 0;
	if (!pages)
		error = ENXIO;
	else if (vspace_map_at(piece_va(m, k), frame, pages << PAGE_BITS, from & (PIECE_BYTES - 1),
			       m->access | MAP_READ))
		error = cap_of_peer_there(frame) ? ENOMEM : EAGAIN; /* it has been taken away just now */
	m->stores |= !error && m->access & PROT_WRITE;
	if (!error)
		m->piece[k] = (struct piece){ frame, pages, c->resumed };
	else if (frame)
		cap_of_peer_drop(frame);
	return error;
}

static bool piece_has(const struct mapping *m, uint64_t k, vaddr_t va)
{
	return va - piece_va(m, k) < m->piece[k].pages << PAGE_BITS;
}

/* Brings the page there; it may be there by now. ENXIO: it is behind the file's end. */
static int page_bring(struct mapping *m, vaddr_t va)
{
	uint64_t k = piece_of(m, va), heirs;
	uint32_t back;
	struct ninep_client *c;
	int error = 0;

	/* Whoever was in the midst of a request to that server cannot make another. */
	if (mutex_held(&m->server->lock))
		return EDEADLK;
	c = file_enter(m->file, &back);
	if (!c)
		return EIO;
	heirs = m->piece[k].frame ? m->piece[k].heirs : c->resumed;
	if (!cap_of_peer_there(m->piece[k].frame) || !piece_has(m, k, va))
		piece_drop(m, k);
	for (unsigned i = 0; !m->piece[k].frame && (!i || (error == EAGAIN && i < TRIES)); i++)
		error = piece_make(m, c, k);
	if (!error && !piece_has(m, k, va))
		error = ENXIO;
	m->lost |= c->resumed != heirs && m->access & PROT_WRITE;
	file_leave(m->file, back);
	return error;
}

/* From now on it has so many bytes. */
static void mapping_shorten(struct mapping *m, uint64_t bytes)
{
	uint32_t back;

	(void)file_server_enter(m->server, &back);
	for (uint64_t k = 0, count = piece_count(m); k < count; k++)
		piece_drop(m, k);
	__atomic_store_n(&m->bytes, bytes, __ATOMIC_RELEASE);
	file_server_leave(m->server, back);
}

static void pieces_drop(struct mapping *m) { mapping_shorten(m, m->bytes); }

/* In the midst of a request. */
static void server_lost(struct file_server *s)
{
	for (struct mapping *m = mappings; m; m = m->next)
		for (uint64_t k = 0, count = m->bytes && m->server == s ? piece_count(m) : 0; k < count; k++) {
			m->lost |= m->piece[k].frame && m->access & PROT_WRITE;
			piece_drop(m, k);
		}
}

/* --- faults ------------------------------------------------------------------------------------------------- */

static bool is_lost(const struct fault_info *info)
{
	const struct mapping *m = info->error & PF_PRESENT ? NULL : mapping_of(info->address);

	return m && m->access;
}

static void lost_mend(struct thread_saved *s)
{
	const vaddr_t address = s->fault.address;
	struct mapping *m;
	int error = errno, failed = EDEADLK;

	if (!mutex_held(&mapping_lock)) {
		mutex_lock(&mapping_lock);
		m = mapping_of(address);
		failed = m && m->access ? page_bring(m, address) : EFAULT;
		mutex_unlock(&mapping_lock);
	}
	if (failed)
		signal_fault(failed == EFAULT ? SIGSEGV : SIGBUS, s);
	errno = error;
}

static struct signal_mender mender = { .lost = is_lost, .mend = lost_mend };

/* --- mappings ----------------------------------------------------------------------------------------------- */

static bool is_foreign(vaddr_t va, uint64_t bytes)
{
	for (const struct mapping *m = mappings; m; m = m->next)
		if (overlaps(m, va, va + bytes))
			return true;
	return false;
}

static void all_settle(void)
{
	/* Another thread that is at it is stopped in the midst of that. */
	if (!mutex_try(&mapping_lock))
		return;
	(void)mapping_settle(0, UINT64_MAX);
	mutex_unlock(&mapping_lock);
}

/* A new one, of which nothing is mapped. */
static int mapping_make(const struct mapping *what, struct mapping **out)
{
	struct mapping *m = used < nodes ? mappings : NULL;
	struct piece *piece = used < MAPPINGS ? calloc(piece_count(what), sizeof(*piece)) : NULL;

	while (m && m->bytes)
		m = m->next;
	if (!m && piece && (m = calloc(1, sizeof(*m)))) {
		m->next = mappings;
		mappings = m;
		nodes++;
	}
	if (!m || !piece) {
		free(piece);
		return ENOMEM;
	}
	file_hold(what->file);
	m->file = what->file;
	m->server = what->file->ninep.server;
	m->va = what->va;
	m->offset = what->offset;
	m->access = what->access;
	m->stores = what->stores;
	m->lost = what->lost;
	m->piece = piece;
	__atomic_store_n(&m->bytes, what->bytes, __ATOMIC_RELEASE);
	used++;
	*out = m;
	signal_mender_add(&mender);
	file_memory_foreign = is_foreign;
	file_server_lost_mappings = server_lost;
	if (!process_mappings_end)
		process_mappings_end = all_settle;
	return 0;
}

static void mapping_free(struct mapping *m)
{
	mapping_shorten(m, 0);
	used--;
	free(m->piece);
	file_drop(m->file);
}

/* Nothing is there before it is touched; but whether its server gives any must be known now. */
int mapping_add(struct open_file *f, vaddr_t va, uint64_t bytes, uint64_t offset, uint8_t access)
{
	const struct mapping what = { .file = f, .va = va, .bytes = bytes, .offset = offset, .access = PROT_READ };
	struct mapping *m;
	int error;

	if (f->ops != &file_ninep_ops || f->ninep.blocks)
		return EOPNOTSUPP;
	error = mapping_make(&what, &m);
	if (error)
		return error;
	if (!m->server->lends)
		error = page_bring(m, va);
	if (error && error != ENXIO) {
		mapping_free(m);
		return error;
	}
	if (m->access != access)
		pieces_drop(m);
	m->access = access;
	return 0;
}

int mapping_again(const struct mapping_range *r)
{
	const struct mapping what = {
		.file = r->file, .va = r->va, .bytes = r->bytes, .offset = r->offset, .access = r->access
	};
	struct mapping *m;

	return mapping_make(&what, &m);
}

bool mapping_get(unsigned n, struct mapping_range *out)
{
	const struct mapping *m = mappings;

	while (m && (!m->bytes || n--))
		m = m->next;
	if (m)
		*out = (struct mapping_range){ m->file, m->va, m->bytes, m->offset, m->access };
	return m;
}

static const struct inherit_mappings inherited = { mapping_pack, mapping_unpack, mapping_pack_undo };
const struct inherit_mappings *inherit_mappings = &inherited;

/* So that one begins at `at`, if it is in the midst of one. */
static int mapping_split(vaddr_t at)
{
	struct mapping *m = mapping_of(at), *right;
	struct mapping what;
	int error;

	if (!m || m->va == at)
		return 0;
	what = (struct mapping){ .file = m->file,
				 .va = at,
				 .bytes = m->va + m->bytes - at,
				 .offset = m->offset + (at - m->va),
				 .access = m->access,
				 .stores = m->stores,
				 .lost = m->lost };
	error = mapping_make(&what, &right);
	if (error)
		return error;
	mapping_shorten(m, at - m->va);
	return 0;
}

static int range_split(vaddr_t va, uint64_t bytes)
{
	int error = mapping_split(va);

	return error ? error : mapping_split(va + bytes);
}

int mapping_cut(vaddr_t va, uint64_t bytes)
{
	int error = range_split(va, bytes);

	if (error)
		return error;
	(void)mapping_settle(va, bytes);
	for (struct mapping *m = mappings; m; m = m->next)
		if (overlaps(m, va, va + bytes))
			mapping_free(m);
	return 0;
}

int mapping_access(vaddr_t va, uint64_t bytes, uint8_t access)
{
	struct mapping *m;
	int error;

	for (m = mappings; m; m = m->next)
		if (overlaps(m, va, va + bytes) && access & PROT_WRITE && (m->file->flags & O_ACCMODE) != O_RDWR)
			return EACCES;
	error = range_split(va, bytes);
	for (m = mappings; m && !error; m = m->next)
		if (overlaps(m, va, va + bytes) && m->access != access) {
			pieces_drop(m);
			m->access = access;
		}
	return error;
}

/* EIO, once: what was stored before may have died with a server. */
static int settle(struct mapping *m, vaddr_t from, vaddr_t end)
{
	uint32_t back;
	struct ninep_client *c;
	unsigned error;

	if (!m->stores)
		return 0;
	c = file_enter(m->file, &back);
	if (!c)
		return EIO;
	error = ninep_settle(c, m->file->ninep.fid, m->offset + (from - m->va), end - from);
	if (!error && m->lost)
		error = NINEP_EIO;
	m->lost = false;
	file_leave(m->file, back);
	return errno_from_ninep(error);
}

int mapping_settle(vaddr_t va, uint64_t bytes)
{
	vaddr_t end = va + bytes;
	int error = 0, one;

	for (struct mapping *m = mappings; m; m = m->next)
		if (overlaps(m, va, end)) {
			one = settle(m, va > m->va ? va : m->va, end < m->va + m->bytes ? end : m->va + m->bytes);
			error = error ? error : one;
		}
	return error;
}

bool mapping_next(vaddr_t va, vaddr_t end, vaddr_t *from, vaddr_t *to)
{
	bool found = false;

	for (const struct mapping *m = mappings; m; m = m->next)
		if (overlaps(m, va, end) && (!found || m->va < *from)) {
			*from = m->va > va ? m->va : va;
			*to = m->va + m->bytes < end ? m->va + m->bytes : end;
			found = true;
		}
	return found;
}
