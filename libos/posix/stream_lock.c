/*
 * flockfile and its kin: a stream's own lock, which newlib takes for each call on it.
 */
#include <stdio.h>
#include <sys/lock.h>

void flockfile(FILE *f) { __retarget_lock_acquire_recursive(f->_lock); }
int ftrylockfile(FILE *f) { return !__retarget_lock_try_acquire_recursive(f->_lock); }
void funlockfile(FILE *f) { __retarget_lock_release_recursive(f->_lock); }
