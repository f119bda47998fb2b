/*
 * wait as BSD has it: with what the child used, which is not counted.
 */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

pid_t wait4(pid_t pid, int *status, int options, struct rusage *used)
{
	if (used)
		memset(used, 0, sizeof(*used));
	return waitpid(pid, status, options);
}

pid_t wait3(int *status, int options, struct rusage *used) { return wait4(-1, status, options, used); }
