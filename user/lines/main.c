/*
 * Prints many lines, in pieces: lines [count]. Run on all cores at once it shows
 * that the console puts whole lines together.
 */
#include <stdio.h>
#include <stdlib.h>

#include "libos/core/dispatcher.h"

#define COUNT 20
#define PIECES 5

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : COUNT;
	unsigned core = dispatcher_core();

	for (int i = 1; i <= count; i++) {
		printf("core %u line %d:", core, i);
		for (int piece = 0; piece < PIECES; piece++) {
			printf(" %u", core);
			fflush(stdout); /* a piece of a line goes out, and must not be seen alone */
		}
		printf(" end\n");
	}
	return 0;
}
