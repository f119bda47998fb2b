/*
 * Keeps a processor busy: for the given number of seconds, or until it is killed.
 */
#include <stdlib.h>
#include <time.h>

static time_t now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int main(int argc, char **argv)
{
	time_t seconds = argc > 1 ? atoi(argv[1]) : 0, end = now() + seconds;

	while (!seconds || now() < end)
		;
	return 0;
}
