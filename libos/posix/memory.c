/*
 * newlib's memory: malloc grows over the self-paging heap by sbrk.
 *
 * Addresses are handed out at once and memory comes at the first touch.  A heap
 * that would outgrow its addresses, its slots, or the memory that the monitor has
 * left, is ENOMEM; should what was there at that time be gone at the touch, the
 * program is stopped with a report.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "libos/core/vspace.h"

void *sbrk(ptrdiff_t bytes)
{
	vaddr_t end = heap_extend(bytes);

	if (end)
		return (void *)end;
	errno = ENOMEM;
	return (void *)-1;
}

/* newlib's aligned_alloc calls it, and newlib does not have it. */
int posix_memalign(void **out, size_t alignment, size_t bytes)
{
	void *p;

	if (alignment < sizeof(void *) || (alignment & (alignment - 1)))
		return EINVAL;
	p = memalign(alignment, bytes);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}
