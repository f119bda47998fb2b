/* See shared_frame.h. */
#include "monitor/shared_frame.h"

#include "libos/core/invoke.h"
#include "libos/core/ram.h"
#include "libos/core/vspace.h"
#include "monitor/caps/caps.h"
#include "monitor/monitor.h"

err_t shared_frame_make(unsigned bits, cptr_t *frame, paddr_t *base)
{
	struct cap_info info;
	cptr_t cap;
	err_t err = block_frame(bits, &cap);

	if (err)
		return err;
	err = cap_identify(cap, &info);
	if (!err)
		err = kernel_share(TASK_KERNEL, cap, true);
	if (err) {
		ram_free(cap);
		return err;
	}
	caps_pin(cap, monitor.core);
	*frame = cap;
	*base = info.base;
	return ERR_OK;
}

err_t shared_frame_make_here(unsigned bits, cptr_t *frame, paddr_t *base, vaddr_t *here)
{
	cptr_t cap;
	err_t err = shared_frame_make(bits, &cap, base);

	if (err)
		return err;
	err = vspace_map_frame(cap, bits, MAP_READ | MAP_WRITE, here);
	if (err)
		shared_frame_free(cap);
	else
		*frame = cap;
	return err;
}

void shared_frame_free(cptr_t frame)
{
	caps_unpin(frame);
	kernel_share(TASK_KERNEL, frame, false);
	frame_free(frame);
}
