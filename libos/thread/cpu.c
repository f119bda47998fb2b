/*
 * The cpus of a process: messages between them, idleness, work that moves.
 *
 * Each cpu's ready threads are its own; nobody else touches them, so the paths on one
 * cpu need no locked instruction.  A cpu that runs out asks another by a message, rings it, looks for the
 * answer for a while and sleeps; the other answers at the next point where it could switch.  A cpu with more than it
 * runs looks at one other cpu each time it switches, and gives work to one that sleeps.  Both are
 * bounded, and neither writes a line that all cpus read.
 */
#include "libos/thread/cpu_private.h"

#include "kernel/abi/error.h"
#include "libos/core/syscall.h"
#include "libos/core/vspace.h"
#include "libos/x86/context.h"

#define STEAL_LOOKS 4 /* at others before looking for messages; before sleeping at all of them */
#define IDLE_LOOKS 64 /* at the inbox before sleeping: about what a ring and a wake-up cost */

enum { ITEM_READY, ITEM_REQUEST };

/* One for each process that spans cores. */
struct cpus {
	struct wait_guard guards[WAIT_GUARDS];
	struct cpu *of[CORES_MAX];   /* by core; may be there before the member is */
	struct cpu *list[CORES_MAX]; /* the present ones, as they came */
	uint32_t count;
};
#define CPUS_BITS 15
_Static_assert(sizeof(struct cpus) <= SIZE_OF_BITS(CPUS_BITS), "cpus outgrew their frame");

static struct cpus *cpus; /* NULL: one cpu */
static struct mutex join_lock = MUTEX_INIT;

CORE_LOCAL struct cpu *cpu_self;
CORE_LOCAL bool cpu_due;
CORE_LOCAL uint32_t cpu_asked;
static CORE_LOCAL struct inbox_item *requests; /* come, and not answered */
static CORE_LOCAL uint32_t turn;               /* the cpu in the list that is looked at next */
static uint64_t closed[CORES_MAX / 64];        /* cores that the process has moved away from, or given back */

unsigned cpu_count(void) { return cpus ? mem_load32(&cpus->count) : 1; }

coreid_t cpu_current(void) { return dispatcher_core(); }

/* Acquire: pairs with the release in list_add, so what a number below it stands for is there. */
static uint32_t list_count(void) { return mem_load32_acquire(&cpus->count); }

static struct cpu *home(void) { return cpus->list[0]; }

struct cpu *cpu_of(const struct thread *t) { return t->cpu ? t->cpu : home(); }

struct cpu *cpu_maker(const struct thread *t) { return t->maker ? t->maker : home(); }

static bool is_closed(coreid_t core) { return mem_load64(&closed[core / 64]) >> core % 64 & 1; }

/* --- messages --------------------------------------------------------------------- */

static void cpu_send(struct cpu *to, struct inbox_item *item, uint64_t kind)
{
	item->kind = kind;
	if (inbox_put(&to->inbox, item))
		cpu_wake(to->core);
}

void cpu_give(struct thread *t, struct cpu *to)
{
	t->cpu = to;
	cpu_send(to, &t->item, ITEM_READY);
}

static struct thread *thread_of_item(struct inbox_item *item)
{
	return (struct thread *)((char *)item - offsetof(struct thread, item));
}

static struct cpu *cpu_of_request(struct inbox_item *item)
{
	return (struct cpu *)((char *)item - offsetof(struct cpu, request));
}

static void arrived(struct thread *t)
{
	bool woken = t->queued || t->deadline;

	if (t->urgent) {
		thread_make_ready(t);
		return;
	}
	if (t->deadline)
		sleep_remove(t);
	thread_policy->enqueue(t, woken ? READY_WOKEN : READY_NEW);
}

void cpu_drain_some(void)
{
	struct inbox_item *item, *next;

	inbox_look(&cpu_self->inbox);
	for (item = inbox_take(&cpu_self->inbox); item; item = next) {
		next = item->next;
		if (item->kind == ITEM_READY) {
			arrived(thread_of_item(item));
		} else {
			item->next = requests;
			requests = item;
		}
	}
}

void cpu_rung(void *unused)
{
	(void)unused;
	if (!cpu_self)
		return;
	cpu_drain();
	cpu_due = true;
	if (is_closed(cpu_self->core))
		thread_slice_end();
}

bool thread_ring(struct thread *t)
{
	if (t == thread_current() || t->queued || t->deadline)
		return false;
	if (cpu_self && cpu_of(t) != cpu_self)
		cpu_wake(cpu_of(t)->core);
	return true;
}

/* --- work that moves ---------------------------------------------------------------- */

static bool affinity_allows(const struct thread *t, coreid_t core)
{
	return t->bound ? mem_load64(&t->affinity[core / 64]) >> core % 64 & 1 : !is_closed(core);
}

bool thread_may_leave(const struct thread *t, coreid_t core)
{
	/* The current one may be ready again while it still stands on its stack. */
	return !t->pins && t != thread_current() && affinity_allows(t, core);
}

bool cpu_must_leave(const struct thread *t) { return !t->pins && !affinity_allows(t, cpu_self->core); }

static bool is_idle(const struct cpu *c)
{
	uint32_t ring = mem_load32(&c->inbox.ring);

	/* Once it has been sent something it is not idle any more. */
	return (ring == RING_SEEKS || ring == RING_IDLE) && inbox_empty(&c->inbox);
}

/* The first of the cpus, from `turn` on, that is idle and allowed, or just allowed. */
static struct cpu *cpu_search(const struct thread *t, bool idle)
{
	uint32_t count = list_count();

	for (uint32_t i = 0; i < count; i++) {
		struct cpu *c = cpus->list[(turn + i) % count];

		if ((t ? !affinity_allows(t, c->core) : is_closed(c->core)) || (idle && (c == cpu_self || !is_idle(c))))
			continue;
		/*
		 * An idle one is found again when it is idle again: what it has touched is in its cache, others sleep.
		 */
		turn = (turn + i + !idle) % count;
		return c;
	}
	return NULL;
}

struct cpu *cpu_allowed(const struct thread *t)
{
	struct cpu *c = cpu_search(t, true);

	if (!c && !affinity_allows(t, cpu_self->core))
		c = cpu_search(t, false);
	return c ? c : cpu_self;
}

coreid_t thread_idle_core(void)
{
	struct cpu *c = cpus ? cpu_search(NULL, true) : NULL;

	return c ? c->core : dispatcher_core();
}

/* Those who asked get what there is, the others a no. */
static void requests_answer(bool surplus)
{
	while (requests) {
		struct cpu *c = cpu_of_request(requests);
		struct thread *t = surplus ? thread_policy->steal(c->core) : NULL;

		requests = requests->next;
		/* Release: the item is read before the other uses it again. */
		mem_store32_release(&c->asking, 0);
		if (t)
			cpu_give(t, c);
	}
}

/* Gives the next of the list, ourselves left out, a thread if it is idle. */
static void surplus_give(uint32_t count)
{
	struct cpu *c = cpus->list[turn++ % count];
	struct thread *t;

	if (c == cpu_self)
		c = cpus->list[turn++ % count];
	t = c != cpu_self && is_idle(c) ? thread_policy->steal(c->core) : NULL;
	if (t)
		cpu_give(t, c);
}

/*
 * Threads wait here: does another cpu sleep?  Only when that is new all are looked at, else one each time.
 * Store buffering: we wrote `surplus`, fence, read their `ring`; an idle cpu swaps `ring`, a
 * fence, and reads our `surplus`. So none sleeps on while there is work.
 */
static void surplus_share(void)
{
	uint32_t count = list_count(), looks = 1;

	if (!mem_load32(&cpu_self->surplus)) {
		mem_store32(&cpu_self->surplus, 1);
		mem_fence();
		looks = count;
	}
	for (uint32_t i = 0; i < looks && thread_policy->waiting(); i++)
		surplus_give(count);
}

/* One who has more than it runs, among the next `looks` of the list; NULL: nobody. */
static struct cpu *surplus_find(uint32_t looks)
{
	uint32_t count = list_count(), at = turn;

	for (uint32_t i = 0; i < looks; i++) {
		struct cpu *c;

		at = at + 1 < count ? at + 1 : 0;
		c = cpus->list[at];
		if (!mem_load32(&c->surplus) || c == cpu_self)
			continue;
		turn = at;
		return c;
	}
	turn = at;
	return NULL;
}

/* Asks for work, once there is an answer to the last request. */
static void work_ask(struct cpu *c)
{
	if (mem_load32_acquire(&cpu_self->asking))
		return;
	mem_store32(&cpu_self->asking, 1);
	/* It runs something, perhaps for long: rung whether it wants to be or not. */
	cpu_send(c, &cpu_self->request, ITEM_REQUEST);
	cpu_wake(c->core);
}

/* --- what runs next ------------------------------------------------------------------- */

static void surplus_say(uint32_t surplus)
{
	if (mem_load32(&cpu_self->surplus) != surplus)
		mem_store32(&cpu_self->surplus, surplus);
}

void cpu_settle(void)
{
	if (!cpu_self)
		return;
	cpu_due = false;
	/* A single thread loses the processor to what comes only if that rings. */
	while (thread_preemptive && !thread_policy->waiting()) {
		if (mem_load32(&cpu_self->inbox.ring) == RING_ALONE || inbox_listen(&cpu_self->inbox, RING_ALONE))
			break;
		cpu_drain();
	}
	if (thread_policy->waiting()) {
		inbox_look(&cpu_self->inbox);
		surplus_share();
	} else if (!thread_preemptive) {
		inbox_look(&cpu_self->inbox);
	}
	if (requests)
		requests_answer(true);
	surplus_say(thread_policy->waiting());
}

/* Nobody is ready. True: something may have come; false: nothing has, and who sends something rings. */
static bool idle_look(void)
{
	const volatile uint64_t *events = &dispatcher_page()->events;
	bool seeks = !is_closed(cpu_self->core);
	unsigned looks = IDLE_LOOKS;
	struct cpu *c;

	inbox_seek(&cpu_self->inbox);
	surplus_say(0);
	if (requests)
		requests_answer(false);
	/* Who is to answer us runs on this core, perhaps now: it is let run. */
	if (cpu_asked && sys_runnable() > 1)
		looks = 0;
	/* An answer may be on its way: only when the first look was in vain another is asked for work. */
	if (looks && inbox_empty(&cpu_self->inbox))
		cpu_pause();
	c = seeks && inbox_empty(&cpu_self->inbox) ? surplus_find(STEAL_LOOKS) : NULL;
	if (c)
		work_ask(c);
	for (unsigned i = 0; i < looks && !*events; i++) {
		if (!inbox_empty(&cpu_self->inbox))
			return true;
		cpu_pause();
	}
	if (!inbox_listen(&cpu_self->inbox, RING_IDLE))
		return true;
	/*
	 * Pairs with the fence in surplus_share. Who has been asked answers, or has refused us. Preemptive threads do
	 * without: at the end of a slice a surplus is shared in any case.
	 */
	seeks = seeks && !thread_preemptive && !mem_load32_acquire(&cpu_self->asking);
	c = seeks ? surplus_find(list_count()) : NULL;
	if (c)
		work_ask(c);
	return false;
}

static struct thread *next_of_cpus(void)
{
	for (;;) {
		struct thread *t;

		cpu_drain();
		sleep_expire();
		t = thread_policy->dequeue();
		if (t && cpu_must_leave(t) && t != thread_current() && cpu_allowed(t) != cpu_self) {
			cpu_give(t, cpu_allowed(t));
			continue;
		}
		if (t) {
			cpu_settle();
			return t;
		}
		if (!idle_look())
			return NULL;
	}
}

struct thread *cpu_next(void)
{
	if (thread_has_cpus())
		return next_of_cpus();
	sleep_expire();
	return thread_policy->dequeue();
}

/* --- members ------------------------------------------------------------------------- */

static err_t cpu_make(coreid_t core)
{
	vaddr_t page;
	err_t err;

	if (cpus->of[core])
		return ERR_OK;
	err = frame_alloc_map(PAGE_BITS, NULL, &page);
	if (err)
		return err;
	((struct cpu *)page)->core = core;
	__atomic_store_n(&cpus->of[core], (struct cpu *)page, __ATOMIC_RELEASE);
	return ERR_OK;
}

static void list_add(struct cpu *c)
{
	mem_store32(&c->listed, 1);
	cpus->list[cpus->count] = c;
	mem_store32_release(&cpus->count, cpus->count + 1); /* pairs with list_count */
}

/* From one cpu to several: the one that there is becomes the first of them. */
static err_t cpus_make(void)
{
	vaddr_t room;
	err_t err = frame_alloc_map(CPUS_BITS, NULL, &room);

	if (err)
		return err;
	cpus = (struct cpus *)room;
	err = cpu_make(dispatcher_core());
	if (err) {
		cpus = NULL;
		return err;
	}
	/* Nobody else is in the middle of anything that would have been different. */
	dispatcher_disable();
	list_add(cpus->of[dispatcher_core()]);
	wait_guards = cpus->guards;
	cpu_self = home();
	thread_special |= SPECIAL_CPUS;
	dispatcher_enable();
	return ERR_OK;
}

static bool is_listed(coreid_t core)
{
	const struct cpu *c = core < CORES_MAX ? __atomic_load_n(&cpus->of[core], __ATOMIC_ACQUIRE) : NULL;

	return c && mem_load32(&c->listed);
}

err_t cpu_join(coreid_t core)
{
	err_t err = ERR_OK;

	if (core >= CORES_MAX)
		return ERR_CORE_ID;
	mutex_lock(&join_lock);
	if (!cpus)
		err = core == dispatcher_core() ? ERR_EXISTS : cpus_make();
	if (!err && is_listed(core))
		err = ERR_EXISTS;
	if (!err)
		err = cpu_make(core);
	if (!err)
		err = cpu_add(core);
	if (!err)
		list_add(cpus->of[core]);
	mutex_unlock(&join_lock);
	return err;
}

void cpu_wake_others(void)
{
	for (uint32_t i = 0; cpus && i < list_count(); i++)
		if (cpus->list[i] != cpu_self)
			cpu_wake(cpus->list[i]->core);
}

struct cpu *cpu_at(coreid_t core) { return is_listed(core) ? cpus->of[core] : cpu_self; }

bool cpu_is_member(coreid_t core) { return cpus ? is_listed(core) : core == dispatcher_core(); }

coreid_t cpu_listed(unsigned n) { return cpus ? cpus->list[n]->core : dispatcher_core(); }

void cpu_init(struct thread *first)
{
	dispatcher_page()->libos[0] = (uint64_t)first;
	context_set_thread_pointer(first);
	if (!cpus)
		return;
	cpu_self = cpus->of[dispatcher_core()];
	first->cpu = first->maker = cpu_self;
}

void cpu_begin(void *unused)
{
	thread_detach(thread_current());
	thread_exit(unused);
}

/* --- cores given back ---------------------------------------------------------------- */

static void close_say(coreid_t core, bool close)
{
	if (close)
		__atomic_fetch_or(&closed[core / 64], UINT64_C(1) << core % 64, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&closed[core / 64], ~(UINT64_C(1) << core % 64), __ATOMIC_RELAXED);
}

/* Is there another one that is open? */
static bool open_besides(coreid_t core)
{
	for (uint32_t i = 0; i < list_count(); i++)
		if (cpus->list[i]->core != core && !is_closed(cpus->list[i]->core))
			return true;
	return false;
}

err_t cpu_move(coreid_t core)
{
	err_t err = cpu_join(core);

	if ((err && err != ERR_EXISTS) || !cpus)
		return err == ERR_EXISTS ? ERR_OK : err;
	mutex_lock(&join_lock);
	close_say(core, false);
	for (uint32_t i = 0; i < list_count(); i++)
		if (cpus->list[i]->core != core)
			close_say(cpus->list[i]->core, true);
	mutex_unlock(&join_lock);
	cpu_wake_others();
	return ERR_OK;
}

err_t cpu_close(coreid_t core)
{
	err_t err = ERR_OK;

	if (!cpu_is_member(core))
		return ERR_CORE_ID;
	mutex_lock(&join_lock);
	if (cpus && open_besides(core))
		close_say(core, true);
	else
		err = ERR_DENIED;
	mutex_unlock(&join_lock);
	if (err)
		return err;
	cpu_wake_others();
	dispatcher_disable();
	cpu_leave(thread_current());
	dispatcher_enable();
	return ERR_OK;
}

err_t cpu_open(coreid_t core)
{
	if (!cpu_is_member(core))
		return ERR_CORE_ID;
	mutex_lock(&join_lock);
	close_say(core, false);
	mutex_unlock(&join_lock);
	return ERR_OK;
}
