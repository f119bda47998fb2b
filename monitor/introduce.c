/*
 * How two monitors that have no link get one: through monitor 0, to which every
 * monitor has one.
 *
 * The one that asks makes the frame, counts it as shared, and sends its address
 * its doorbell's number and its board's address with MON_INTRODUCE; monitor 0 passes that on and the
 * answer back.  When both ask at the same time the request of the lower core
 * wins: the lower refuses with ERR_EXISTS, and the higher takes the lower's frame
 * when that comes.
 */
#include "monitor/caps/caps.h"
#include "libos/core/invoke.h"
#include "libos/core/slot.h"
#include "libos/core/vspace.h"
#include "monitor/links.h"
#include "monitor/shared_frame.h"

/* Gives back the frame of an attempt of ours that came to nothing. */
static void frame_drop(struct link *l)
{
	if (!l->frame)
		return;
	if (l->memory)
		vspace_unmap(l->memory);
	shared_frame_free(l->frame);
	l->frame = 0;
	l->memory = 0;
}

static err_t frame_make(struct link *l, paddr_t *base)
{
	vaddr_t memory;
	err_t err = shared_frame_make_here(LINK_BITS, &l->frame, base, &memory);

	return err ? err : link_attach(l, memory, SIZE_OF_BITS(LINK_BITS), 0);
}

static void introduced(struct pending *p, const struct mon_message *reply)
{
	struct link *l = link_find((coreid_t)p->context);
	err_t err = (err_t)mon_aux(reply->header);

	/* Up already, or ERR_EXISTS: the peer's own request was the one that counts. */
	if (!l || l->state == LINK_UP || err == ERR_EXISTS)
		return;
	if (!err)
		err = link_open(l, reply->word[0], reply->word[1]);
	if (err) {
		/* A core that does not answer may have mapped the frame already, or will: nobody else must get it. */
		if (err != ERR_CORE_TIMEOUT)
			frame_drop(l);
		link_fail(l, err);
	}
}

err_t link_request(coreid_t peer, struct link **out)
{
	struct pending pending = { .done = introduced, .context = peer };
	struct mon_message m = { .header = mon_header(MON_INTRODUCE, 0, 0, 0) };
	struct link *l;
	paddr_t base;
	err_t err;

	/* Monitor 0 has a link to whoever is up. */
	if (monitor.core == 0 || peer == monitor.core || peer >= monitor.info->cores)
		return ERR_CORE_ID;
	err = link_new(peer, &l);
	if (err)
		return err;
	err = frame_make(l, &base);
	if (!err) {
		m.word[0] = peer;
		m.word[1] = base;
		m.word[2] = LINK_BITS;
		m.word[3] = links_doorbell();
		m.word[5] = links_board();
		err = request_forward(0, &m, NULL, &pending);
	}
	if (err) {
		frame_drop(l);
		link_fail(l, err);
		return err;
	}
	*out = l;
	return ERR_OK;
}

/* --- at the core that is asked for ------------------------------------------------------ */

static err_t foreign_frame_map(uint64_t base, unsigned bits, cptr_t *frame, vaddr_t *memory)
{
	struct cap_info info = {
		.type = CAP_FRAME, .rights = RIGHT_READ | RIGHT_WRITE, .bits = (uint8_t)bits, .base = base
	};
	err_t err = slot_alloc(frame);

	if (err)
		return err;
	err = kernel_forge(TASK_KERNEL, &info, *frame);
	if (!err)
		err = vspace_map_frame(*frame, bits, MAP_READ | MAP_WRITE, memory);
	return err;
}

static err_t introduction_accept(struct request *r)
{
	coreid_t peer = (coreid_t)r->m.word[4];
	struct link *l = link_find(peer);
	vaddr_t memory;
	cptr_t frame;
	err_t err;

	if (peer >= monitor.info->cores || peer == monitor.core || r->m.word[2] != LINK_BITS)
		return ERR_ARGUMENT;
	if (l && (l->state == LINK_UP || monitor.core < peer))
		return ERR_EXISTS;
	err = foreign_frame_map(r->m.word[1], LINK_BITS, &frame, &memory);
	if (!err)
		caps_pin(frame, peer);
	if (!err && l)
		frame_drop(l);
	else if (!err)
		err = link_new(peer, &l);
	if (!err)
		err = link_attach(l, memory, SIZE_OF_BITS(LINK_BITS), 1);
	return err ? err : link_open(l, r->m.word[3], r->m.word[5]);
}

void link_introduce(struct request *r)
{
	struct pending pending = { .origin = r->from, .origin_sequence = mon_sequence(r->m.header) };
	uint64_t words[MON_PAYLOAD] = { links_doorbell(), links_board() };
	uint64_t target = r->m.word[0];
	err_t err;

	if (target == monitor.core && monitor.core != 0) {
		request_reply(r, introduction_accept(r), words);
		return;
	}
	err = ERR_CORE_ID;
	if (monitor.core == 0 && target < monitor.info->cores && core_is_up((coreid_t)target)) {
		r->m.word[4] = r->from.core;
		err = request_forward((coreid_t)target, &r->m, NULL, &pending);
	}
	if (err)
		request_reply(r, err, NULL);
}
