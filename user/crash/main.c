/* Reads where nothing is: for looking at a fault report, and at everything else going on. */
#include <stdio.h>

int main(void)
{
	volatile int *nowhere = NULL;

	printf("crash: about to read address 0\n");
	return *nowhere;
}
