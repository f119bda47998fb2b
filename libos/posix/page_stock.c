/*
 * See page_stock.h. Where there is not as much as is asked for ahead, or the quota does not allow it, it is one page
 * at a time.
 */
#include "libos/posix/page_stock.h"

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/core/slot.h"
#include "services/page/page_client.h"

static void slots_free(cptr_t first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		slot_free(first + i);
}

static err_t frames_take(struct page_stock *s, unsigned count)
{
	coreid_t core = dispatcher_core();
	uint64_t base;
	cptr_t first;
	err_t err = slot_alloc_run(count, &first);

	if (err)
		return err;
	if (count > 1)
		err = page_take_frames(s->page, count, first, core, &base);
	else
		err = page_take(s->page, PAGE_BITS, PAGE_FRAME, first, core, &base);
	if (err) {
		slots_free(first, count);
		return err;
	}
	s->next = first;
	s->left = count;
	return ERR_OK;
}

err_t page_stock_take(struct page_stock *s, cptr_t *frame)
{
	err_t err = s->left ? ERR_OK : frames_take(s, PAGE_FRAMES_MOST);

	if (err == ERR_NO_MEMORY || err == ERR_QUOTA || err == ERR_NO_SLOTS)
		err = frames_take(s, 1);
	if (err)
		return err;
	*frame = s->next++;
	s->left--;
	return ERR_OK;
}

err_t page_stock_give(cptr_t frame)
{
	err_t err = mon_ram_free(frame);

	if (!err)
		slot_free(frame);
	return err;
}

void page_stock_close(struct page_stock *s)
{
	for (; s->left; s->left--)
		page_stock_give(s->next++);
}
