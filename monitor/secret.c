/*
 * The key of this monitor's secrets: drawn at the first use.
 *
 * A processor without RDRAND has the cycle counter at that moment and the time that cores
 * took to start, which is less than 64 bits of chance (CAVEATS.md).
 */
#include "monitor/secret.h"
#include "libos/x86/context.h"
#include "libos/x86/random.h"
#include "monitor/monitor.h"

static uint64_t key[2];

static void key_draw(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (!random_word(&key[i]))
			key[i] = context_now() * UINT64_C(0x9e3779b97f4a7c15) + i + monitor.core;
}

uint64_t secret_of(uint32_t process, uint32_t service)
{
	uint64_t word = process | (uint64_t)service << 32;

	if (!key[0] && !key[1])
		key_draw();
	return secret_hash(key, &word, 1);
}
