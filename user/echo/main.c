/*
 * Prints its arguments; without any, the lines that are typed, until the end of input (^D).
 */
#include <stdio.h>

static int echo_input(void)
{
	char line[512];

	while (fgets(line, sizeof(line), stdin))
		fputs(line, stdout);
	return ferror(stdin) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return echo_input();
	for (int i = 1; i < argc; i++)
		printf("%s%s", i > 1 ? " " : "", argv[i]);
	printf("\n");
	return 0;
}
