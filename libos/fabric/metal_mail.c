/*
 * Channels that monitors carry: mail.
 *
 * Nothing is set up: the opener has a number for answers and sends lines to a
 * mailbox, one after the other, each when the one before has arrived.  At the serving side lines wait in
 * the order in which they came; those of a sender that is not known yet wait for service_accept, which makes a
 * channel of them like any other.  There may be ACCEPTED_MAX of those, then the one longest silent is closed.
 *
 * All that came is in one array of as many lines as the monitor lets be untaken.  It and the list of links are changed
 * in disabled mode, where lines, answers and ends of peers come.
 */
#include "libos/fabric/metal.h"

#include "libos/core/dispatcher.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPTED_MAX 64

struct metal_mail {
	struct mon_letter letter; /* first: what `delivered` gets */
	struct metal_mail *next;
	struct channel *channel;
	struct mon_address to;
	uint32_t service;   /* of ours, that the peer sends to */
	bool opened;        /* a line was sent, or one came */
	bool sending;       /* a line is under way */
	bool gone;          /* the peer has said that it is done, or has ended */
	err_t refused;      /* why the last line did not arrive, until somebody has asked */
	uint32_t waiting;   /* lines in the array */
	uint64_t last_used; /* turn */
};

static struct metal_mail *links;
static struct mon_mail lines[MON_MAIL_UNTAKEN]; /* in the order in which they came */
static uint32_t count;
static uint32_t unclaimed; /* of those, of senders without a channel */
static uint32_t accepted;
static uint64_t turn;

/* --- the lines; in disabled mode ----------------------------------------------------------- */

static bool line_is(const struct mon_mail *m, const struct metal_mail *link)
{
	return m->service == link->service && m->at.pid == link->to.pid && m->at.service == link->to.service;
}

static struct metal_mail *link_of_line(const struct mon_mail *m)
{
	struct metal_mail *link = links;

	while (link && !line_is(m, link))
		link = link->next;
	return link;
}

static void line_remove(uint32_t at)
{
	memmove(&lines[at], &lines[at + 1], (--count - at) * sizeof lines[0]);
	mon_mail_taken(1);
}

static void peer_gone(struct metal_mail *link)
{
	link->gone = true;
	mem_store32_release(&link->channel->closed, 1); /* pairs with the load in mail_receive */
}

/* Who waits for something on it, or (NULL) for senders that are not known. */
static void channel_wake(struct metal_mail *link)
{
	if (link && link->channel->set)
		metal_wake(link->channel->set);
	else
		metal_wake_all(NULL);
}

void metal_mail_arrived(const struct mon_mail *m)
{
	struct metal_mail *link = link_of_line(m);

	/* Who sent it knows nobody that waits for it, unless it is for a service; and the monitor has lost count. */
	if ((!link && m->service & MON_MAIL_ANSWERS) || count == MON_MAIL_UNTAKEN) {
		mon_mail_taken(1);
		return;
	}
	if (link && !m->words) {
		peer_gone(link); /* what it has sent before is received before */
		mon_mail_taken(1);
		channel_wake(link);
		return;
	}
	lines[count++] = *m;
	if (link)
		link->waiting++;
	else
		mem_store32(&unclaimed, unclaimed + 1);
	channel_wake(link);
}

void metal_mail_gone(uint64_t pid)
{
	for (struct metal_mail *link = links; link; link = link->next)
		if (link->to.pid == pid || (!(uint32_t)pid && link->to.pid >> 32 == pid >> 32))
			peer_gone(link);
	metal_wake_all(NULL);
}

static void delivered(struct mon_letter *letter, err_t err)
{
	struct metal_mail *link = (struct metal_mail *)letter;

	link->sending = false;
	link->refused = err;
	metal_wake_all(NULL);
}

/* --- the channel ----------------------------------------------------------------------------- */

static err_t mail_send(struct channel *c, const struct urpc_message *m)
{
	struct metal_mail *link = c->link;
	struct mon_mail mail = { .at = link->to, .service = link->service, .words = URPC_WORDS };
	err_t err;

	if (link->sending)
		return ERR_AGAIN;
	if (mem_load32(&c->closed) || link->refused)
		return ERR_CLOSED;
	memcpy(mail.word, m->word, sizeof mail.word);
	while (mail.words > 1 && !mail.word[mail.words - 1])
		mail.words--;
	mail.opens = !link->opened;
	link->opened = link->sending = true;
	link->last_used = ++turn;
	err = mon_mail(&link->letter, &mail);
	if (err) {
		link->sending = false;
		c->closed = 1;
	}
	return err ? ERR_CLOSED : ERR_OK;
}

static err_t mail_settled(struct channel *c)
{
	struct metal_mail *link = c->link;
	err_t err = link->sending ? ERR_AGAIN : link->refused;

	if (err == ERR_CLOSED)
		peer_gone(link);
	if (!link->sending)
		link->refused = ERR_OK;
	return err;
}

/* The first line for it; false: there is none. Disabled mode. */
static bool line_take(struct metal_mail *link, struct mon_mail *out)
{
	uint32_t at = 0;

	if (!link->waiting)
		return false;
	while (!line_is(&lines[at], link))
		at++;
	*out = lines[at];
	line_remove(at);
	link->waiting--;
	return true;
}

static err_t mail_receive(struct channel *c, struct urpc_message *m)
{
	struct metal_mail *link = c->link;
	/* Read first: what was sent before the end is in the array by then. */
	uint32_t closed = __atomic_load_n(&c->closed, __ATOMIC_ACQUIRE);
	struct mon_mail mail;
	bool taken;

	dispatcher_disable();
	taken = line_take(link, &mail);
	dispatcher_enable();
	if (!taken)
		return link->refused ? link->refused : closed ? ERR_CLOSED : ERR_AGAIN;
	link->last_used = ++turn;
	if (!mail.words) {
		peer_gone(link);
		return ERR_CLOSED;
	}
	link->to.secret = mail.at.secret;
	memcpy(m->word, mail.word, sizeof m->word);
	return ERR_OK;
}

static bool mail_ready(struct channel *c)
{
	const struct metal_mail *link = c->link;

	return link->waiting || link->refused || mem_load32(&c->closed);
}

static bool mail_room(struct channel *c)
{
	const struct metal_mail *link = c->link;

	return !link->sending;
}

static void mail_flush(struct channel *c) { (void)c; }
static void mail_mark(struct channel *c, bool on) { (void)c, (void)on; }

static void mail_close(struct channel *c)
{
	struct metal_mail *link = c->link, **at = &links;
	struct mon_mail last = { .at = link->to, .service = link->service }, dropped;
	bool tell = !link->gone && !link->refused && link->opened;

	dispatcher_disable();
	while (line_take(link, &dropped))
		tell &= dropped.words != 0;
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	accepted -= c->side;
	dispatcher_enable();
	mon_mail_forget(&link->letter);
	/* If it gets lost there, the peer finds out when it sends. */
	if (tell)
		mon_mail(NULL, &last);
	free(link);
}

static const struct channel_ops metal_mail_ops = {
	.name = "mail",
	.send = mail_send,
	.receive = mail_receive,
	.flush = mail_flush,
	.ready = mail_ready,
	.tend = mail_ready,
	.sleep = mail_mark,
	.starve = mail_mark,
	.room = mail_room,
	.settled = mail_settled,
	.close = mail_close,
	.near = true, /* nothing is to be polled for */
};

/* --- making them ------------------------------------------------------------------------------- */

static err_t link_make(struct channel *c, struct metal_mail **out)
{
	struct metal_mail *link = calloc(1, sizeof *link);

	if (!link)
		return ERR_NO_MEMORY;
	link->letter.done = delivered;
	link->channel = c;
	c->link = link;
	c->ops = &metal_mail_ops;
	*out = link;
	return ERR_OK;
}

err_t metal_mail_open(const struct mailbox *at, uint32_t number, struct channel *c)
{
	struct metal_mail *link;
	err_t err = link_make(c, &link);

	if (err)
		return err;
	link->to = (struct mon_address){ .pid = at->pid, .service = at->service, .secret = at->secret };
	link->service = number | MON_MAIL_ANSWERS;
	c->peer = at->pid;
	dispatcher_disable();
	link->next = links;
	links = link;
	dispatcher_enable();
	return ERR_OK;
}

/* The channel that was used longest ago is closed, to make room for another. */
static void oldest_end(void)
{
	struct metal_mail *oldest = NULL;

	for (struct metal_mail *link = links; link; link = link->next)
		if (link->channel->side && !link->channel->closed && !link->waiting &&
		    (!oldest || link->last_used < oldest->last_used))
			oldest = link;
	if (!oldest)
		return;
	oldest->channel->closed = 1;
	if (oldest->channel->set)
		metal_wake(oldest->channel->set);
}

/* Its place in the array of lines; `count` if there is none. Disabled mode. */
static uint32_t unclaimed_find(uint32_t service)
{
	uint32_t at = 0;

	while (at < count && (lines[at].service != service || link_of_line(&lines[at])))
		at++;
	return at;
}

bool metal_mail_incoming(uint32_t service)
{
	bool found;

	if (!mem_load32(&unclaimed))
		return false;
	dispatcher_disable();
	found = unclaimed_find(service) < count;
	dispatcher_enable();
	return found;
}

/*
 * A sender whose channel was closed here, and who has not heard of it yet, hears of it again: what it sends would have
 * been sent to another channel.
 */
err_t metal_mail_accept(uint32_t service, struct channel *c)
{
	struct metal_mail *link;
	err_t err = link_make(c, &link);
	uint32_t at;
	bool opens;

	if (err)
		return err;
	dispatcher_disable();
	at = unclaimed_find(service);
	if (at == count) {
		dispatcher_enable();
		free(link);
		return ERR_AGAIN;
	}
	link->to = lines[at].at;
	link->service = service;
	link->last_used = ++turn;
	link->opened = true;
	opens = lines[at].opens;
	c->peer = link->to.pid;
	c->opener = link->to.service & ~MON_MAIL_ANSWERS;
	for (; at < count; at++)
		link->waiting += line_is(&lines[at], link);
	mem_store32(&unclaimed, unclaimed - link->waiting);
	link->next = links;
	links = link;
	if (++accepted > ACCEPTED_MAX)
		oldest_end();
	dispatcher_enable();
	if (opens)
		return ERR_OK;
	mail_close(c);
	return ERR_AGAIN;
}

/* A channel of its own must not overtake what its opener has mailed before. */
bool metal_mail_waits(uint32_t service, uint64_t peer)
{
	bool found = false;

	if (!count)
		return false;
	dispatcher_disable();
	for (uint32_t i = 0; i < count; i++)
		found |= lines[i].service == service && lines[i].at.pid == peer;
	dispatcher_enable();
	return found;
}
