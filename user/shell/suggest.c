/* Edit distance, the "optimal string alignment" variant, in three rows. Portable. */
#include "user/shell/suggest.h"

#include <string.h>

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned suggest_distance(const char *a, const char *b)
{
	unsigned row[3][SUGGEST_LENGTH + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > SUGGEST_LENGTH || lb > SUGGEST_LENGTH)
		return SUGGEST_LENGTH + 1;
	for (unsigned j = 0; j <= lb; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

		now[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			now[j] = least(before[j - 1] + (a[i - 1] != b[j - 1]), least(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], earlier[j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

int suggest_near(const char *word, const char *known)
{
	size_t n = strlen(word);

	if (n >= 2 && strncmp(word, known, n) == 0)
		return 1;
	return suggest_distance(word, known) <= (n + 2) / 3;
}
