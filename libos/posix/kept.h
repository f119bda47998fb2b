/*
 * Files that a program opens again and again are kept open in between: the next open needs no message.
 *
 * What is kept was opened to be read and closed several times under one path, which was seen to lead to it. Its
 * head (libos/ninep/head.h) tells when that may be so no more, by whomever; then it is closed, and opened like any
 * other. For its server it stays open meanwhile: a file that another process removes takes its room till this one
 * opens, removes or renames something, or ends. Locks go when a file is closed: a process that has any keeps nothing.
 */
#pragma once

#include <stdbool.h>

struct open_file;

/* The file at that absolute path, to be read from its beginning, with one reference; NULL: it is not kept. */
struct open_file *kept_open(const char *path);
/* The last reference has gone: is it kept? Else it is to be closed. */
bool kept_close(struct open_file *f);
/* Those are closed that their paths may not lead to any more; all. */
void kept_sweep(void);
void kept_clear(void);
/* All, and none is kept from now on, since this process takes a lock; has it? */
void kept_end(void);
bool kept_has_ended(void);
