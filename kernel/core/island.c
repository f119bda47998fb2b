/*
 * Islands that share a processor: a stopped core's goes on, unchanged, on another's.
 *
 * All of an island's state is in its own slice and objects, and lies at the same
 * addresses on every core; so its kernel page table root is all that another
 * processor needs to go on with it (arch_island_enter).  A processor's home island
 * has guests: a list that only the islands on that processor write.  An island is
 * at rest, with its root in its line, or it runs, with 0 there.  Who runs hands
 * over when it has nothing to do, when an event comes for another, and after a
 * slice; to the next in the list that has something to do.
 *
 * These words are the one exception, with the doorbells whose line they fill, from
 * the rule that islands share none.  None needs an atomic instruction: islands on
 * one processor never run at the same time, and of the words that another
 * processor may look at each has one writer at a time.
 *
 * No doorbell is lost when island N moves between processors.  Its bits stay in its
 * page, wherever its IPIs go, and are looked at after each arrival (schedule_resume),
 * with this processor's APIC on.  While some send to one processor and some to the
 * other, N is in the list of the host, M, and each IPI that M gets for one of its
 * guests that is elsewhere goes on to that one's processor.  Either N takes the
 * bits there; or it has left, and then its root was written before its own IPI to
 * M (stop) or before its look (start), so that one of them comes after the bits.
 */
#include "../abi/syscall.h"
#include "../x86/arch.h"
#include "dispatch.h"
#include "handover.h"

/* Words of the line that begins with the doorbell's summary. */
enum island_word {
	SUMMARY,
	ROOT,   /* of its kernel's page tables; 0: it runs, or has not begun */
	DUE,    /* at rest: as schedule_rest() */
	FIRST,  /* 1 + the first guest on this core's processor, or 0 */
	NEXT,   /* 1 + the guest after this one, or 0 */
	APIC,   /* id of the processor that it runs on */
	HOME,   /* ... that it began on */
	VECTOR, /* of a device interrupt that came while another island ran; 0: none; FENCED */
	WORDS
};
#define FENCED UINT64_MAX  /* it shall never run again */
#define FENCE_PER_SECOND 4 /* for that long a guest that runs is waited for */

bool island_shared;
static coreid_t host;      /* whose processor we are on */
static uint64_t left_apic; /* 1 + the processor that we have left, which does nothing any more */

static volatile uint64_t *word(coreid_t core, enum island_word w) { return arch_doorbell(core) + w; }

static coreid_t self(void) { return arch_start.info.core; }

void island_begin(void)
{
	host = self();
	*word(host, APIC) = *word(host, HOME) = arch_apic_id();
}

/* Only who runs on this processor changes the list. */
static void list_seen(void) { island_shared = *word(host, FIRST) != 0; }

/* Where the list has the guest after `core`. */
static volatile uint64_t *link_after(coreid_t core) { return word(core, core == host ? FIRST : NEXT); }

static coreid_t after(coreid_t core)
{
	uint64_t next = *link_after(core);

	return next ? (coreid_t)(next - 1) : host;
}

/* Where the list of our host, or of `to`, has `core`; NULL: nowhere. */
static volatile uint64_t *link_find(coreid_t to, coreid_t core)
{
	volatile uint64_t *l = word(to, FIRST);

	while (*l && *l != core + UINT64_C(1))
		l = word((coreid_t)(*l - 1), NEXT);
	return *l ? l : NULL;
}

/* Its root if it may be entered, else 0. */
static paddr_t at_rest(coreid_t core) { return *word(core, VECTOR) == FENCED ? 0 : *word(core, ROOT); }

/* --- taking turns ----------------------------------------------------------------- */

static bool has_event(coreid_t core, cycles_t now)
{
	uint64_t due = *word(core, DUE);

	return at_rest(core) && (*word(core, SUMMARY) || (due > 1 && due <= now));
}

static bool has_work(coreid_t core, cycles_t now)
{
	return has_event(core, now) || (at_rest(core) && *word(core, DUE) == 1);
}

cycles_t island_timer(cycles_t due, cycles_t turn)
{
	for (coreid_t c = after(self()); c != self(); c = after(c)) {
		cycles_t at = has_work(c, 0) ? turn : *word(c, DUE);

		if (at_rest(c) && at && (due == 0 || at < due))
			due = at;
	}
	return due;
}

static void __attribute__((noreturn)) hand_over(coreid_t to)
{
	if (current)
		dispatcher_save();
	*word(self(), DUE) = schedule_rest();
	*word(self(), ROOT) = schedule_root();
	arch_island_enter(*word(to, ROOT), ARRIVE_TURN);
}

/* To the next in order, even if the event is another's: two that wake each other would keep the rest waiting. */
void island_yield(cycles_t now, bool over)
{
	coreid_t next = self();

	if (*word(self(), VECTOR) == FENCED)
		hand_over(host);
	for (coreid_t c = after(self()); c != self(); c = after(c)) {
		over |= has_event(c, now);
		if (next == self() && has_work(c, now))
			next = c;
	}
	if (over && next != self())
		hand_over(next);
}

void island_forward(void)
{
	for (coreid_t c = after(self()); c != self(); c = after(c))
		if (*word(c, ROOT) == 0 && *word(c, SUMMARY))
			arch_ipi_apic((uint32_t)*word(c, APIC));
}

bool island_interrupt(unsigned vector)
{
	if (self() == 0 || host != 0)
		return false;
	*word(0, VECTOR) = vector;
	hand_over(0);
}

void kernel_resume(bool arrived)
{
	uint64_t vector = *word(self(), VECTOR);

	*word(self(), ROOT) = 0;
	/* Who was fenced while it was entered leaves with the next interrupt. */
	if (vector == FENCED)
		vector = 0;
	else if (vector)
		*word(self(), VECTOR) = 0;
	if (arrived || left_apic)
		*word(self(), APIC) = arch_apic_id();
	if (arrived)
		host = self();
	/* It does nothing more; so it can only be started anew. */
	if (left_apic)
		arch_apic_init((uint32_t)(left_apic - 1));
	left_apic = 0;
	list_seen();
	schedule_resume();
	if (vector)
		arch_interrupt((unsigned)vector);
	schedule();
}

/* --- coming and going ---------------------------------------------------------------- */

/* Its doorbell IPIs may come to this processor from now on. */
static err_t guest_add(coreid_t core)
{
	if (host != self() || core == self() || link_find(host, core))
		return ERR_CORE_STATE;
	*word(core, NEXT) = *word(host, FIRST);
	*word(host, FIRST) = core + UINT64_C(1);
	list_seen();
	return ERR_OK;
}

/* They do not any more. */
static err_t guest_remove(coreid_t core)
{
	volatile uint64_t *l = host == self() ? link_find(host, core) : NULL;

	if (!l || *word(core, ROOT))
		return ERR_CORE_STATE;
	*l = *word(core, NEXT);
	list_seen();
	return ERR_OK;
}

/* To processor `to`, which has us as a guest. This one stops: what it stored before is there when we arrive. */
static err_t island_move(coreid_t to)
{
	if (host != self() || *word(self(), FIRST) || !link_find(to, self()))
		return ERR_CORE_STATE;
	arch_frame()->rax = arch_frame()->rdx = 0;
	dispatcher_save();
	*word(self(), DUE) = schedule_rest();
	left_apic = UINT64_C(1) + arch_apic_id();
	host = to;
	arch_root_load(schedule_root());
	arch_park((uint64_t *)word(self(), ROOT), schedule_root(), (uint32_t)*word(to, APIC));
}

/* A guest's own processor takes it up again. */
static struct sys_result guest_wake(coreid_t core)
{
	uint64_t apic = *word(core, HOME), root = at_rest(core);
	err_t err;

	if (host != self() || !link_find(host, core) || !root)
		return SYS_ERROR(ERR_CORE_STATE);
	*word(core, ROOT) = 0;
	err = arch_processor_start((uint32_t)apic, root);
	if (err)
		*word(core, ROOT) = root;
	return err ? SYS_ERROR(err) : SYS_OK(apic);
}

/* A guest's processor goes on with the others: they do not enter it any more, and it leaves when it is told to. */
static err_t guest_fence(coreid_t core)
{
	cycles_t late = arch_now() + arch_tsc_hz() / FENCE_PER_SECOND;

	*word(core, VECTOR) = FENCED;
	arch_ipi_apic((uint32_t)*word(core, APIC));
	while (*word(core, ROOT) == 0)
		if (arch_now() > late)
			return ERR_CORE_TIMEOUT;
	return ERR_OK;
}

static err_t island_fence(coreid_t core)
{
	if (core == self() || core == host)
		return ERR_CORE_ID;
	if (*word(core, APIC) != *word(core, HOME))
		return guest_fence(core);
	arch_apic_init((uint32_t)*word(core, HOME));
	return ERR_OK;
}

struct sys_result island_invoke(uint64_t op, uint64_t core, uint64_t apic)
{
	if (core >= arch_start.info.cores)
		return SYS_ERROR(ERR_CORE_ID);
	switch (op >> 8 & 0xff) {
	case ISLAND_AT:
		arch_start.info.apic_id[core] = (uint32_t)apic;
		return SYS_OK(0);
	case ISLAND_GUEST_ADD:
		return SYS_ERROR(guest_add((coreid_t)core));
	case ISLAND_GUEST_REMOVE:
		return SYS_ERROR(guest_remove((coreid_t)core));
	case ISLAND_GUEST_WAKE:
		return guest_wake((coreid_t)core);
	case ISLAND_MOVE:
		return SYS_ERROR(island_move((coreid_t)core));
	case ISLAND_HOME:
		return SYS_OK(*word((coreid_t)core, HOME));
	case ISLAND_HOST:
		return SYS_OK(host);
	case ISLAND_FENCE:
		return SYS_ERROR(island_fence((coreid_t)core));
	default:
		return SYS_ERROR(ERR_CAP_OP);
	}
}

void island_hand_over(struct handover *h, bool take) { HAND_OVER(take, h->host, host); }
