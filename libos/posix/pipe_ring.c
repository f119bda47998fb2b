/*
 * See pipe_ring.h.
 *
 * Who finds nothing to read, or no room, says in the memory that it sleeps, looks once more, and waits for its bell, a
 * notification that all pipes of the process share; every thread that wakes looks for itself. Others on this core have
 * a capability to the bell by way of the service, asked for when they first need it. Where that cannot be (another
 * core, or more users than there are bits) the service is asked to tell when there is something (Tready), and is
 * poked by who makes it so.
 */
#include "libos/posix/pipe_ring.h"

#include <errno.h>
#include <stdlib.h>

#include "libos/core/dispatcher.h"
#include "libos/core/fault.h"
#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/shared_cap.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "libos/fabric/metal.h"
#include "libos/pipe/ring.h"
#include "libos/posix/file_memory.h"
#include "libos/posix/interrupt.h"
#include "libos/posix/open_file.h"
#include "libos/posix/signals.h"
#include "libos/thread/control.h"

#define NO_BELL UINT64_MAX /* the service wakes that one */
#define LOOKS 64           /* at a lock that another user has, before others run */
#define YIELDS 1000        /* ... before it sleeps between looks: that one is stopped, or at a debugger */
#define RETRIES_PER_SECOND 1000

struct pipe_user {
	struct pipe_user *next;
	struct pipe_ring *ring; /* NULL: not mapped */
	cptr_t frame;
	bool own; /* the frame is ours: the service has taken its away */
	struct ninep_ring is;
	uint64_t peer[PIPE_RING_SLEEPERS]; /* bells by serial - 1; 0: not asked for */
};

static struct {
	struct mutex lock; /* of making it */
	cptr_t cap;        /* 0: not made */
	struct wait_set set;
	uint32_t rings;
} bell = { .lock = MUTEX_INIT };

/* --- the bell, in disabled mode ------------------------------------------------------------------------ */

static void sleepers_wake(void)
{
	struct thread_queue *q = bell.set.waiter;

	while (q->head)
		thread_wake(q);
}

static void bell_rings(void *arg)
{
	(void)arg;
	bell.rings++;
	sleepers_wake();
}

static err_t bell_make(struct fabric *f)
{
	err_t err = ERR_OK;

	mutex_lock(&bell.lock);
	/* The set is there so that its threads wake, too, when a channel ends. */
	if (!bell.cap && !bell.set.fabric)
		err = wait_set_init(&bell.set, f);
	if (!bell.cap && !err)
		err = notification_create(bell_rings, NULL, &bell.cap, NULL);
	mutex_unlock(&bell.lock);
	return err;
}

/* --- when the service dies, its memory goes ---------------------------------------------------------------- */

static struct pipe_user *users; /* whose memory is mapped; changed on the fabric's core */

static struct pipe_user **user_at(vaddr_t va)
{
	struct pipe_user **at = &users;

	while (*at && va - (vaddr_t)(*at)->ring >= sizeof(*(*at)->ring))
		at = &(*at)->next;
	return at;
}

/* In disabled mode, of a fault. One that is ours has no such. */
static bool is_lost(const struct fault_info *info)
{
	struct pipe_user *u = *user_at(info->address);

	return u && !u->own;
}

/*
 * Whoever was in the midst of it goes on with empty memory, and then sees that the service has gone. Without memory
 * for that the fault is taken for what it is.
 */
static void lost_mend(struct thread_saved *s)
{
	struct cap_info info;
	cptr_t frame;

	(void)s;
	for (struct pipe_user *u = users; u; u = u->next) {
		if (u->own || !cap_identify(u->frame, &info))
			continue;
		u->own = true;
		vspace_unmap((vaddr_t)u->ring);
		slot_free(u->frame);
		u->frame = 0;
		if (frame_alloc(PIPE_RING_BITS, &frame))
			continue;
		u->frame = frame;
		(void)vspace_map_at((vaddr_t)u->ring, frame, sizeof(*u->ring), 0, MAP_READ | MAP_WRITE);
	}
}

static struct signal_mender mender = { .lost = is_lost, .mend = lost_mend };

/* --- joining and leaving ---------------------------------------------------------------------------------- */

static void user_free(struct pipe_user *u)
{
	if (u->ring) {
		*user_at((vaddr_t)u->ring) = u->next;
		vspace_unmap((vaddr_t)u->ring);
		vspace_release((vaddr_t)u->ring, PIPE_RING_BITS);
	}
	if (u->frame && u->own)
		ram_free(u->frame);
	else if (u->frame)
		cap_of_peer_drop(u->frame);
	for (unsigned i = 0; i < PIPE_RING_SLEEPERS; i++)
		if (u->peer[i] && u->peer[i] != NO_BELL && u->peer[i] != bell.cap)
			cap_of_peer_drop(u->peer[i]);
	free(u);
}

static unsigned memory_take(struct ninep_client *c, struct pipe_user *u)
{
	vaddr_t at;

	if (cap_of_peer_take(c, u->is.ticket, &u->frame) || vspace_reserve(PIPE_RING_BITS, &at))
		return NINEP_ENOMEM;
	if (vspace_map_at(at, u->frame, sizeof(*u->ring), 0, MAP_READ | MAP_WRITE)) {
		vspace_release(at, PIPE_RING_BITS);
		return NINEP_ENOMEM;
	}
	u->ring = (struct pipe_ring *)at;
	u->next = users;
	users = u;
	signal_mender_add(&mender);
	return 0;
}

static unsigned join(struct open_file *f, struct ninep_client *c, struct pipe_user *u)
{
	uint64_t ticket = 0;
	unsigned error;

	if (bell_make(c->channel.fabric))
		return NINEP_ENOMEM;
	/* Another core's service cannot have it: then it is woken by the service's answers. */
	if (channel_send_cap(&c->channel, bell.cap, RIGHT_WRITE | RIGHT_GRANT, &ticket))
		ticket = 0;
	error = ninep_ring(c, f->ninep.fid, ticket, &u->is);
	if (error)
		return error;
	if (u->is.direct && u->is.serial - 1 < PIPE_RING_SLEEPERS)
		u->peer[u->is.serial - 1] = bell.cap;
	else
		u->is.direct = false;
	return memory_take(c, u);
}

static int user_of(struct open_file *f, struct pipe_user **out)
{
	struct ninep_client *c;
	struct pipe_user *u;
	uint32_t back;
	unsigned error;

	*out = f->ninep.user;
	if (*out)
		return 0;
	mutex_lock(&f->lock);
	*out = u = f->ninep.user ? f->ninep.user : calloc(1, sizeof(*u));
	if (!u || f->ninep.user) {
		mutex_unlock(&f->lock);
		return u ? 0 : ENOMEM;
	}
	c = file_enter(f, &back);
	error = c ? join(f, c, u) : NINEP_EIO;
	if (error)
		user_free(u);
	if (c)
		file_leave(f, back);
	if (!error)
		__atomic_store_n(&f->ninep.user, u, __ATOMIC_RELEASE);
	mutex_unlock(&f->lock);
	return errno_from_ninep(error);
}

void pipe_ring_leave(struct open_file *f)
{
	uint32_t back;

	if (!f->ninep.user)
		return;
	back = fabric_enter(f->ninep.server->fabric);
	user_free(f->ninep.user);
	fabric_leave(f->ninep.server->fabric, back);
	f->ninep.user = NULL;
}

/* --- waiting ---------------------------------------------------------------------------------------------- */

static bool has_gone(const struct open_file *f)
{
	const struct file_server *s = f->ninep.server;

	return s->generation != f->ninep.generation || mem_load32(&s->client.channel.closed);
}

/* May it go on: are there bytes, or room for so many, or is nobody at the other end? */
static bool may_go_on(const struct pipe_ring *r, enum pipe_end end, uint32_t room)
{
	return mem_load32(&r->side[!end].gone) ||
	       (end == PIPE_READERS ? pipe_ring_fill(r) : pipe_ring_space(r)) >= room;
}

static void wait_break(struct interruptible *i)
{
	(void)i;
	dispatcher_disable();
	sleepers_wake();
	dispatcher_enable();
}

static int bell_wait(struct open_file *f, const struct pipe_user *u, enum pipe_end end, uint32_t room)
{
	uint32_t seen = mem_load32(&bell.rings);
	struct interruptible call;

	pipe_side_sleep(&u->ring->side[end], UINT64_C(1) << (u->is.serial - 1));
	if (may_go_on(u->ring, end, room))
		return 0;
	interrupt_begin(&call, wait_break, NULL);
	dispatcher_disable();
	while (bell.rings == seen && !call.interrupted && !has_gone(f))
		thread_block(bell.set.waiter, 0);
	dispatcher_enable();
	interrupt_end(&call);
	return call.interrupted && !may_go_on(u->ring, end, room) ? EINTR : 0;
}

static int service_wait(struct open_file *f, enum pipe_end end)
{
	struct ninep_request r = { .m.type = NINEP_TREADY };
	uint32_t back;
	unsigned error;

	if (!file_enter(f, &back))
		return EIO;
	r.m.tready.fid = f->ninep.fid;
	r.m.tready.events = end == PIPE_READERS ? NINEP_READY_IN : NINEP_READY_OUT;
	error = file_server_request(f->ninep.server, &r);
	file_leave(f, back);
	return errno_from_ninep(error);
}

static int wait(struct open_file *f, const struct pipe_user *u, enum pipe_end end, uint32_t room)
{
	if (mem_load32(&u->ring->side[end].nonblock))
		return EAGAIN;
	return u->is.direct ? bell_wait(f, u, end, room) : service_wait(f, end);
}

/* --- waking ------------------------------------------------------------------------------------------------- */

static void peer_find(struct open_file *f, struct pipe_user *u, unsigned number)
{
	uint32_t back;
	struct ninep_client *c = file_enter(f, &back);
	uint64_t ticket;
	cptr_t cap;

	u->peer[number] = NO_BELL;
	if (!c)
		return;
	if (!ninep_peer(c, f->ninep.fid, number + 1, &ticket) && !cap_of_peer_take(c, ticket, &cap))
		u->peer[number] = cap;
	file_leave(f, back);
}

static void peers_wake(struct open_file *f, struct pipe_user *u, uint64_t sleepers)
{
	uint64_t rest = sleepers & PIPE_RING_SERVICE;
	struct ninep_client *c;
	uint32_t back;

	for (sleepers &= ~rest; sleepers; sleepers &= sleepers - 1) {
		unsigned number = (unsigned)__builtin_ctzll(sleepers);

		if (!u->peer[number])
			peer_find(f, u, number);
		/* It fails only when that one has ended. */
		if (u->peer[number] == NO_BELL)
			rest |= UINT64_C(1) << number;
		else
			ntfn_signal(u->peer[number]);
	}
	if (!rest || !(c = file_enter(f, &back)))
		return;
	ninep_poke(c, f->ninep.fid, rest);
	file_leave(f, back);
}

/* --- moving bytes --------------------------------------------------------------------------------------------- */

static void lock_wait(unsigned tries)
{
	if (tries < LOOKS)
		cpu_pause();
	else if (thread_others())
		thread_yield();
	else if (tries < YIELDS)
		dispatcher_yield();
	else
		thread_sleep_until(context_now() + dispatcher_tsc_hz() / RETRIES_PER_SECOND);
}

static void side_lock(struct pipe_side *s, const struct pipe_user *u)
{
	for (unsigned tries = 0; !pipe_side_try(s, u->is.serial); tries++)
		lock_wait(tries);
}

static uint32_t at_most(size_t bytes) { return bytes < PIPE_RING_BYTES ? (uint32_t)bytes : PIPE_RING_BYTES; }

static uint32_t some_get(struct open_file *f, struct pipe_user *u, void *to, size_t bytes)
{
	struct pipe_side *side = u->ring->side;
	uint64_t sleepers = 0;
	uint32_t some;

	if (!pipe_ring_fill(u->ring))
		return 0;
	side_lock(&side[PIPE_READERS], u);
	some = pipe_ring_get(u->ring, to, at_most(bytes));
	pipe_side_unlock(&side[PIPE_READERS]);
	if (mem_load64(&side[PIPE_WRITERS].asleep) && pipe_ring_space(u->ring) >= PIPE_RING_ATOMIC)
		sleepers = pipe_side_wake(&side[PIPE_WRITERS]);
	if (sleepers)
		peers_wake(f, u, sleepers);
	return some;
}

static uint32_t some_put(struct open_file *f, struct pipe_user *u, const void *from, size_t bytes)
{
	struct pipe_side *side = u->ring->side;
	uint64_t sleepers;
	uint32_t some;

	side_lock(&side[PIPE_WRITERS], u);
	some = pipe_ring_put(u->ring, from, at_most(bytes));
	pipe_side_unlock(&side[PIPE_WRITERS]);
	sleepers = some ? pipe_side_wake(&side[PIPE_READERS]) : 0;
	if (sleepers)
		peers_wake(f, u, sleepers);
	return some;
}

static int read_some(struct open_file *f, struct pipe_user *u, void *to, size_t bytes, size_t *done)
{
	const uint32_t *gone = &u->ring->side[PIPE_WRITERS].gone;
	bool alone;
	int error = 0;

	for (;;) {
		/* First: what a writer wrote before it went is there then. */
		alone = mem_load32_acquire(gone);
		*done = some_get(f, u, to, bytes);
		if (*done || alone)
			return 0;
		error = has_gone(f) ? EIO : wait(f, u, PIPE_READERS, 1);
		if (error)
			return error;
	}
}

static int write_all(struct open_file *f, struct pipe_user *u, const void *from, size_t bytes, size_t *done)
{
	const uint32_t *gone = &u->ring->side[PIPE_READERS].gone;
	int error = 0;

	while (*done < bytes && !error) {
		size_t left;

		if (has_gone(f))
			error = EIO;
		else if (mem_load32_acquire(gone))
			error = EPIPE;
		else
			*done += some_put(f, u, (const char *)from + *done, bytes - *done);
		left = bytes - *done;
		if (left && !error)
			error = wait(f, u, PIPE_WRITERS, left < PIPE_RING_ATOMIC ? (uint32_t)left : PIPE_RING_ATOMIC);
	}
	return *done ? 0 : error;
}

int pipe_ring_read(struct open_file *f, void *to, size_t bytes, size_t *done)
{
	struct pipe_user *u;
	uint32_t back;
	int error = user_of(f, &u);

	*done = 0;
	if (error)
		return error;
	back = fabric_enter(f->ninep.server->fabric);
	error = read_some(f, u, to, bytes, done);
	fabric_leave(f->ninep.server->fabric, back);
	return error;
}

int pipe_ring_write(struct open_file *f, const void *from, size_t bytes, size_t *done)
{
	struct pipe_user *u;
	uint32_t back;
	int error = user_of(f, &u);

	*done = 0;
	if (error)
		return error;
	back = fabric_enter(f->ninep.server->fabric);
	error = write_all(f, u, from, bytes, done);
	fabric_leave(f->ninep.server->fabric, back);
	return error;
}
