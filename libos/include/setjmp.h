/* newlib's, and the jumps that keep the mask of signals. */
#ifndef _SKERRY_SETJMP_H
#define _SKERRY_SETJMP_H

#include_next <setjmp.h>

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
	jmp_buf _registers;
	sigset_t _mask;
	int _saved;
} sigjmp_buf[1];

/* setjmp is to return into the caller's own frame. */
#define sigsetjmp(env, save)                                                                                  \
	((env)[0]._saved = (save), (void)((env)[0]._saved && pthread_sigmask(SIG_BLOCK, 0, &(env)[0]._mask)), \
	 setjmp((env)[0]._registers))

void siglongjmp(sigjmp_buf, int) __attribute__((__noreturn__));

#define _setjmp(env) setjmp(env)
#define _longjmp(env, value) longjmp(env, value)

#ifdef __cplusplus
}
#endif

#endif
