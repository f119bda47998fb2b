/* See monitor_debug.h. */
#include "libos/core/monitor_debug.h"

#include <string.h>

#include "kernel/abi/error.h"
#include "libos/core/monitor_client.h"

static err_t look(coreid_t core, uint64_t pid, enum mon_debug what, struct mon_message *m)
{
	m->word[0] = core;
	m->word[1] = pid;
	m->word[2] |= what;
	return mon_call(MON_DEBUG, m);
}

err_t mon_debug_state(coreid_t core, uint64_t pid, struct mon_debug_state *out)
{
	struct mon_message m = { 0 };
	err_t err = look(core, pid, MON_DEBUG_STATE, &m);

	if (!err)
		mon_debug_state_unpack(out, m.word);
	return err;
}

err_t mon_debug_cores(uint64_t pid, uint64_t cores[4])
{
	struct mon_message m = { 0 };
	err_t err = look((coreid_t)(pid >> 32), pid, MON_DEBUG_CORES, &m);

	memcpy(cores, m.word, 4 * sizeof(*cores));
	return err;
}

/* What goes into one message: within one page, so that it is there as a whole or not at all. */
static size_t part_of(vaddr_t at, size_t bytes, size_t most)
{
	size_t room = PAGE_SIZE - at % PAGE_SIZE;

	bytes = bytes < most ? bytes : most;
	return bytes < room ? bytes : room;
}

err_t mon_debug_read(coreid_t core, uint64_t pid, vaddr_t at, void *to, size_t bytes, size_t *done)
{
	err_t err = ERR_OK;

	for (*done = 0; *done < bytes && !err;) {
		size_t part = part_of(at + *done, bytes - *done, MON_DEBUG_READ_MOST);
		struct mon_message m = { .word = { 0, 0, part << 8, at + *done } };

		err = look(core, pid, MON_DEBUG_READ, &m);
		if (!err) {
			memcpy((char *)to + *done, m.word, part);
			*done += part;
		}
	}
	return *done ? ERR_OK : err;
}

err_t mon_debug_write(coreid_t core, uint64_t pid, vaddr_t at, const void *from, size_t bytes, size_t *done)
{
	err_t err = ERR_OK;

	for (*done = 0; *done < bytes && !err;) {
		size_t part = part_of(at + *done, bytes - *done, MON_DEBUG_WRITE_MOST);
		struct mon_message m = { .word = { 0, 0, part << 8, at + *done } };

		memcpy(&m.word[4], (const char *)from + *done, part);
		err = look(core, pid, MON_DEBUG_WRITE, &m);
		if (!err)
			*done += part;
	}
	return *done ? ERR_OK : err;
}

err_t mon_debug_attach(uint64_t pid)
{
	struct mon_message m = { 0 };

	return look((coreid_t)(pid >> 32), pid, MON_DEBUG_ATTACH, &m);
}

err_t mon_debug_detach(uint64_t pid)
{
	struct mon_message m = { 0 };

	return look((coreid_t)(pid >> 32), pid, MON_DEBUG_DETACH, &m);
}
