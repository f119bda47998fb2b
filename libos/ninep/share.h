/* Open files that several clients share, and the tokens of them: libos/ninep's own. See share.c. */
#pragma once

#include "libos/ninep/server.h"

struct ninep_shared {
	uint32_t references; /* fids and tokens */
	uint32_t flags;
	uint64_t offset;
	struct ninep_file file;
	char *text;
	size_t text_length;
	uint32_t saved; /* the number by which log.h's records name it; 0: none has yet */
};

struct ninep_token {
	struct ninep_token *next;
	struct ninep_connection *of;
	struct ninep_shared *shared;
	uint64_t word[2];
};

/* A description of an open file that has one reference, the caller's. NULL: no memory. */
struct ninep_shared *ninep_shared_make(const struct ninep_file *file, uint32_t flags, uint64_t offset);
/* One more token of it, of that connection. EMFILE, ENOMEM. */
unsigned ninep_token_add(struct ninep_connection *n, struct ninep_shared *s, const uint64_t word[2]);
/* A number that nobody guesses. */
uint64_t ninep_token_word(void);
/* The fid, which is not open, is open for what others have, too. */
void ninep_fid_share(struct ninep_fid *f, struct ninep_shared *s);
