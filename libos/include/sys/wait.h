/*
 * Waiting for children. A status is, as in newlib's own: exit code << 8; a signal that ended it; 0x7f and a signal << 8
 * that stopped it; 0xffff: it goes on.
 */
#ifndef _SYS_WAIT_H
#define _SYS_WAIT_H

#include <signal.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WNOHANG 1
#define WUNTRACED 2
#define WSTOPPED WUNTRACED
#define WEXITED 4
#define WCONTINUED 8
#define WNOWAIT 16

#define WIFEXITED(w) (((w)&0xff) == 0)
#define WIFSIGNALED(w) (((w)&0x7f) > 0 && ((w)&0x7f) < 0x7f)
#define WIFSTOPPED(w) (((w)&0xff) == 0x7f)
#define WIFCONTINUED(w) ((w) == 0xffff)
#define WEXITSTATUS(w) (((w) >> 8) & 0xff)
#define WTERMSIG(w) ((w)&0x7f)
#define WSTOPSIG(w) WEXITSTATUS(w)
#define WCOREDUMP(w) 0

typedef enum { P_ALL, P_PID, P_PGID } idtype_t;

pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
int waitid(idtype_t, id_t, siginfo_t *, int);

struct rusage;
pid_t wait3(int *, int, struct rusage *);
pid_t wait4(pid_t, int *, int, struct rusage *);

#ifdef __cplusplus
}
#endif

#endif
