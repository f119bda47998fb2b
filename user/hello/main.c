/*
 * The first program: says where it runs and what it was given.
 */
#include <stdio.h>

#include "libos/core/dispatcher.h"

int main(int argc, char **argv)
{
	printf("Hello from core %u", dispatcher_core());
	for (int i = 1; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	return 0;
}
