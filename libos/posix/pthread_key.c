/*
 * Values of POSIX keys: an array in each thread that has set one.
 *
 * A value counts only with the key's own number of its use: that of a key that was deleted
 * and made again is gone without a walk over all threads.
 */
#include <stdlib.h>

#include "libos/posix/pthread_self.h"
#include "libos/x86/barrier.h"

struct key_value {
	const void *value;
	uint32_t use;
};

static struct {
	uint32_t use; /* odd: the key is in use */
	void (*destructor)(void *);
} keys[PTHREAD_KEYS_MAX];
static struct mutex lock = MUTEX_INIT;

static bool key_used(pthread_key_t k) { return k < PTHREAD_KEYS_MAX && mem_load32_acquire(&keys[k].use) % 2; }

int pthread_key_create(pthread_key_t *out, void (*destructor)(void *))
{
	pthread_key_t k = 0;

	mutex_lock(&lock);
	while (k < PTHREAD_KEYS_MAX && key_used(k))
		k++;
	if (k < PTHREAD_KEYS_MAX) {
		keys[k].destructor = destructor;
		mem_store32_release(&keys[k].use, keys[k].use + 1);
	}
	mutex_unlock(&lock);
	if (k == PTHREAD_KEYS_MAX)
		return EAGAIN;
	*out = k;
	return 0;
}

int pthread_key_delete(pthread_key_t k)
{
	int err = EINVAL;

	mutex_lock(&lock);
	if (key_used(k)) {
		mem_store32_release(&keys[k].use, keys[k].use + 1);
		err = 0;
	}
	mutex_unlock(&lock);
	return err;
}

int pthread_setspecific(pthread_key_t k, const void *value)
{
	struct posix_thread *p = posix_self();

	if (!key_used(k))
		return EINVAL;
	if (!p->values)
		p->values = calloc(PTHREAD_KEYS_MAX, sizeof(*p->values));
	if (!p->values)
		return ENOMEM;
	p->values[k] = (struct key_value){ value, mem_load32(&keys[k].use) };
	return 0;
}

void *pthread_getspecific(pthread_key_t k)
{
	struct posix_thread *p = posix_self();

	if (!p->values || !key_used(k) || p->values[k].use != mem_load32(&keys[k].use))
		return NULL;
	return (void *)(uintptr_t)p->values[k].value;
}

/* One round; true: a destructor ran. */
static bool destroy_values(void)
{
	bool any = false;

	for (pthread_key_t k = 0; k < PTHREAD_KEYS_MAX; k++) {
		void *value = pthread_getspecific(k);
		void (*destructor)(void *) = keys[k].destructor;

		if (!value || !destructor)
			continue;
		pthread_setspecific(k, NULL);
		destructor(value);
		any = true;
	}
	return any;
}

void pthread_keys_finish(struct posix_thread *p)
{
	if (!p->values)
		return;
	for (int i = 0; i < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_values(); i++)
		;
	free(p->values);
	p->values = NULL;
}
