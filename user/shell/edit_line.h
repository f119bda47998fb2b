/* Between edit.c, which knows keys, and edit_line.c, which knows the line and how it is drawn. */
#pragma once

#include "user/shell/edit.h"

#define DRAW_COLUMNS (EDIT_COLUMNS - 3) /* leaves room for the cursor, and for ^C */

/* Columns that prompt and line take. */
size_t line_columns(const struct edit *e);
void line_draw(struct edit *e, const char *text);

/* The place one character before or behind; the same place at the line's ends. */
size_t line_back(const struct edit *e, size_t at);
size_t line_on(const struct edit *e, size_t at);
/* From the cursor on: the word's start, the word's end. */
size_t line_word_back(const struct edit *e);
size_t line_word_on(const struct edit *e);

/* Changes; none of them draws. */
void line_set(struct edit *e, const char *text);
/* At the cursor. False when the line has no room: nothing is inserted. */
bool line_insert(struct edit *e, const char *text, size_t n);
void line_erase(struct edit *e, size_t from, size_t to);
/* Exchanges the characters around the cursor, or the last two. */
void line_transpose(struct edit *e);
