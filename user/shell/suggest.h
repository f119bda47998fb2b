/* What a mistyped word may have been. */
#pragma once

#include <stddef.h>

#define SUGGEST_LENGTH 32 /* longer words are not compared */

/*
 * Number of characters to insert, delete, replace or exchange with their neighbour
 * to make b of a, no piece being changed twice; SUGGEST_LENGTH + 1 when a word is too long.
 */
unsigned suggest_distance(const char *a, const char *b);
/* Is `word` near enough to `known` to be it mistyped? A third of its length may differ, and it may be a beginning. */
int suggest_near(const char *word, const char *known);
