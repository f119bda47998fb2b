/*
 * large: a program with more bss than a page table covers. Exit status 0 if all of it
 * was zero and holds what is written to it.
 */
#include <stddef.h>

#define BYTES ((size_t)3 << 20)
#define STEP 1024

static volatile unsigned char data[BYTES];

int main(void)
{
	for (size_t i = 0; i < BYTES; i += STEP) {
		if (data[i])
			return 1;
		data[i] = (unsigned char)(i / STEP);
	}
	for (size_t i = 0; i < BYTES; i += STEP)
		if (data[i] != (unsigned char)(i / STEP))
			return 2;
	return 0;
}
