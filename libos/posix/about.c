/* See about.h. */
#include "libos/posix/about.h"

#include <unistd.h>

#include "libos/core/dispatcher.h"

static struct about about;

void about_tell(char *const *const *argv)
{
	about = (struct about){ .mark = ABOUT_MARK,
				.thread_bytes = sizeof(struct thread),
				.posix_bytes = sizeof(struct posix_thread),
				.file_bytes = sizeof(struct open_file),
				.point_bytes = sizeof(struct ns_point),
				.threads = signal_threads_at,
				.argv = argv,
				.environment = (char *const *const *)&environ,
				.cwd = cwd_at,
				.files = fd_table_at,
				.namespace = namespace_at };
	dispatcher_page()->libos[1] = (uint64_t)&about;
}
