/*
 * Replacing this core's CPU driver, while all that runs on the core goes on.
 *
 * The new one's text lies in RAM that the monitor gives for good.  All is checked
 * first; a refusal leaves everything as it was.  Then what runs is saved, the record
 * (handover.h) written, and the new text entered; it starts with fresh private data,
 * takes the record, and goes on with whoever is to run next: the monitor, which sees
 * its invocation succeed.
 */
#include "handover.h"
#include "../x86/arch.h"
#include "cap_ops.h"
#include "mdb.h"

static void hand_over(struct handover *h, bool take)
{
	if (!take)
		cap_delete_hand_over(h,
				     take); /* takes a capability out of the tree, so before it, and behind it below */
	HAND_OVER(take, h->tree, mdb_root);
	HAND_OVER(take, h->caps, cap_count);
	if (take)
		cap_delete_hand_over(h, take);
	cap_map_hand_over(h, take);
	cap_share_hand_over(h, take);
	schedule_hand_over(h, take);
	notify_hand_over(h, take);
	irq_hand_over(h, take);
	island_hand_over(h, take);
}

static err_t update_check(const struct cap *ram, void **record)
{
	if (!ram)
		return ERR_CAP_LOOKUP;
	if (ram->type != CAP_RAM)
		return ERR_CAP_TYPE;
	if (ram->flags & CAP_FLAG_FOREIGN)
		return ERR_CAP_REMOTE;
	if (ram->rights != RIGHT_ALL)
		return ERR_CAP_RIGHTS;
	return arch_update_check(ram->base, SIZE_OF_BITS(ram->bits), sizeof(struct handover), record);
}

err_t kernel_update(struct cap *ram)
{
	void *record;
	paddr_t image = ram ? ram->base : 0;
	err_t err = update_check(ram, &record);

	if (!err)
		err = cap_give(ram);
	if (err)
		return err;
	/* Nothing fails from here on. */
	arch_frame()->rax = arch_frame()->rdx = 0;
	dispatcher_save();
	schedule_rest();
	kernel_count[STAT_UPDATES]++;
	hand_over(record, false);
	arch_update(image, record, schedule_root());
}

void kernel_take_over(void *record)
{
	hand_over(record, true);
	kernel_resume(false);
}
