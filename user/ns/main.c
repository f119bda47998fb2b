/*
 * ns: prints this program's namespace, by lines that make the same when they are replayed.
 */
#include <skerry/namespace.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *text = skerry_namespace();

	if (!text) {
		perror("ns");
		return 1;
	}
	fputs(text, stdout);
	free(text);
	return 0;
}
