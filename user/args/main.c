/*
 * Shows what a program is given: its arguments, one a line, between marks; after --count only how many, as its status.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--count"))
		return argc % 256;
	for (int i = 0; i < argc; i++)
		printf("%d: [%s]\n", i, argv[i]);
	return 0;
}
