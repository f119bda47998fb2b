/*
 * Watching processes: who asked is told when one ends.
 *
 * Unlike MON_WAIT it keeps no request open and takes no status away: each process has a bit for each of the few
 * who watch anything on this core (services, that is), so a watch costs nothing and any number of
 * processes may be watched.  Told is a process of any core, through its monitor; the word comes when the process is
 * stopped and does nothing any more, before its memory is back.
 *
 * A watcher that ends is forgotten on all cores (MON_UNWATCH), one whose core is lost with the core; and who watches
 * anything is told of every core that is lost.
 */
#include "monitor/monitor.h"

#define WATCHERS_MAX 64  /* bits of process.watchers */
#define WATCHERS_MAIL 48 /* of those, that senders of mail may get; services watch more, and are fewer */

static struct watcher {
	struct origin who; /* number 0: free */
} watchers[WATCHERS_MAX];

/*
 * The bit of who watches, made if need be; WATCHERS_MAX when there is none left. Mail, which asks with every line, gets
 * the first that is free, others the last: so it is found soon, and those that only others may have are taken first.
 */
static unsigned watcher_free(bool mail)
{
	if (mail) {
		for (unsigned i = 0; i < WATCHERS_MAIL; i++)
			if (!watchers[i].who.number)
				return i;
		return WATCHERS_MAX;
	}
	for (unsigned i = WATCHERS_MAX; i-- > 0;)
		if (!watchers[i].who.number)
			return i;
	return WATCHERS_MAX;
}

static unsigned watcher_bit(struct origin who, bool mail)
{
	unsigned bit;

	for (unsigned i = 0; i < WATCHERS_MAX; i++)
		if (origin_same(watchers[i].who, who))
			return i;
	bit = watcher_free(mail);
	if (bit < WATCHERS_MAX)
		watchers[bit].who = who;
	return bit;
}

static void watcher_drop(unsigned bit)
{
	watchers[bit].who.number = 0;
	for (unsigned i = 0; i < PROCESS_MAX; i++)
		monitor.processes.entry[i].watchers &= ~(UINT64_C(1) << bit);
}

static err_t watch_set(struct origin who, struct process *p, bool mail)
{
	unsigned bit = watcher_bit(who, mail);

	if (bit == WATCHERS_MAX)
		return ERR_WATCHERS;
	p->watchers |= UINT64_C(1) << bit;
	return ERR_OK;
}

err_t watch_mail(struct origin who, struct process *p) { return watch_set(who, p, true); }

static err_t watch_here(struct origin who, uint64_t pid)
{
	struct process *p = process_table_find(&monitor.processes, (uint32_t)pid);

	return process_alive(p) && p->pid == pid ? watch_set(who, p, false) : ERR_NO_PROCESS;
}

static void watcher_tell(struct origin who, struct mon_message *m);

static struct mon_message begun_message(const struct process *p)
{
	return (struct mon_message){ .header = mon_header(MON_STATE, 0, 0, 0),
				     .word = { p->pid, MON_STATE_BEGUN | p->beginning } };
}

static struct mon_message state_message(const struct process *p, unsigned signal)
{
	return (struct mon_message){ .header = mon_header(MON_STATE, 0, 0, 0), .word = { p->pid, signal } };
}

/* Who comes late hears what the others have heard, though it be over. */
static void late_tell(struct origin who, uint64_t pid)
{
	const struct process *p = process_table_find(&monitor.processes, (uint32_t)pid);
	struct mon_message m;

	if (!p || p->pid != pid)
		return;
	m = begun_message(p);
	if (p->begun)
		watcher_tell(who, &m);
	m = state_message(p, p->shown);
	if (process_alive(p) && p->stopped)
		watcher_tell(who, &m);
}

/* From a process, w0 = pid; from its monitor with its number in w1. */
void watch_request(struct request *r)
{
	struct pending pending = { .origin = r->from,
				   .origin_sequence = mon_sequence(r->m.header),
				   .deadline = request_deadline() };
	coreid_t core = (coreid_t)(r->m.word[0] >> 32);
	struct origin who = r->from;
	err_t err;

	if (origin_is_monitor(who)) {
		who.number = (uint32_t)r->m.word[1];
	} else {
		r->m.word[1] = who.number;
		origin_process(who)->watches = true;
		if (core != monitor.core) {
			err = core < monitor.info->cores ? request_forward(core, &r->m, NULL, &pending)
							 : ERR_NO_PROCESS;
			if (err)
				request_reply(r, err, NULL);
			return;
		}
	}
	err = who.number ? watch_here(who, r->m.word[0]) : ERR_MESSAGE;
	request_reply(r, err, NULL);
	late_tell(who, r->m.word[0]);
}

err_t watch_heir(struct process *parent, struct process *child)
{
	struct origin who = { monitor.core, parent->number };
	err_t err = watch_set(who, child, false);

	parent->watches = true;
	if (!err)
		late_tell(who, child->pid);
	return err;
}

/* --- telling ------------------------------------------------------------------------- */

/* w3 is the watcher's number, for its monitor. */
static void watcher_tell(struct origin who, struct mon_message *m)
{
	struct process *p;

	m->word[3] = who.number;
	if (who.core != monitor.core) {
		link_send(who.core, m);
		return;
	}
	p = origin_process(who);
	if (process_alive(p))
		process_send(p, m);
}

static void watchers_tell(const struct process *p, struct mon_message *m)
{
	for (uint64_t left = p->watchers; left; left &= left - 1)
		watcher_tell(watchers[__builtin_ctzll(left)].who, m);
}

static void gone_tell(const struct process *gone, unsigned cause, uint64_t status)
{
	uint64_t member = (uint64_t)monitor.core << 32 | gone->number;
	struct mon_message m = { .header = mon_header(MON_GONE, 0, 0, 0),
				 .word = { gone->pid, cause, status, 0, member } };

	watchers_tell(gone, &m);
}

void watch_move(struct process *from, struct process *to)
{
	gone_tell(from, MON_EXITED, MON_REPLACED | to->pid);
	to->watchers |= from->watchers;
	from->watchers = 0;
}

void watch_process_state(struct process *p, unsigned signal)
{
	struct mon_message m = state_message(p, signal);

	watchers_tell(p, &m);
}

void watch_begun(struct request *r)
{
	struct process *p = origin_process(r->from);
	struct mon_message m;

	p->begun = true;
	p->beginning = (uint32_t)r->m.word[0];
	m = begun_message(p);
	watchers_tell(p, &m);
}

void watch_state(struct request *r) { watch_gone(r); }

void watch_gone(struct request *r)
{
	struct process *p = process_table_find(&monitor.processes, (uint32_t)r->m.word[3]);

	if (process_alive(p) && p->watches)
		process_send(p, &r->m);
}

void watch_process_gone(struct process *p)
{
	struct mon_message m = { .header = mon_header(MON_UNWATCH, 0, 0, 0), .word = { p->number } };
	struct origin self = { monitor.core, p->number };

	gone_tell(p, p->cause, p->status);
	p->watchers = 0;
	if (!p->watches)
		return;
	for (unsigned bit = 0; bit < WATCHERS_MAX; bit++)
		if (origin_same(watchers[bit].who, self))
			watcher_drop(bit);
	links_send_others(monitor.core, &m);
}

void watch_forget(struct request *r)
{
	struct origin who = { r->from.core, (uint32_t)r->m.word[0] };

	for (unsigned bit = 0; bit < WATCHERS_MAX && who.number; bit++)
		if (origin_same(watchers[bit].who, who))
			watcher_drop(bit);
}

void watch_core_gone(coreid_t core)
{
	struct mon_message m = { .header = mon_header(MON_GONE, 0, 0, 0),
				 .word = { (uint64_t)core << 32, MON_KILLED, ERR_CORE_TIMEOUT } };
	struct process *p;

	for (unsigned bit = 0; bit < WATCHERS_MAX; bit++)
		if (watchers[bit].who.number && watchers[bit].who.core == core)
			watcher_drop(bit);
	for (unsigned i = 0; (p = process_table_live(&monitor.processes, i)); i++)
		if (p->watches)
			process_send(p, &m);
}
