/* Requests by name: libos/ninep's own, for the table in serve_change.c. */
#pragma once

#include "libos/ninep/server.h"

ninep_serve_t ninep_serve_version, ninep_serve_auth, ninep_serve_attach, ninep_serve_flush, ninep_serve_clunk;
ninep_serve_t ninep_serve_remove, ninep_serve_walk, ninep_serve_lopen, ninep_serve_open, ninep_serve_lcreate;
ninep_serve_t ninep_serve_create, ninep_serve_readdir, ninep_serve_read, ninep_serve_write, ninep_serve_getattr;
ninep_serve_t ninep_serve_setattr, ninep_serve_stat, ninep_serve_wstat, ninep_serve_statfs, ninep_serve_xattrwalk;
ninep_serve_t ninep_serve_ready, ninep_serve_pass, ninep_serve_take, ninep_serve_seek, ninep_serve_flags;
ninep_serve_t ninep_serve_ring, ninep_serve_peer, ninep_serve_poke, ninep_serve_map, ninep_serve_settle;
ninep_serve_t ninep_serve_walkopen, ninep_serve_walkattr, ninep_serve_drop, ninep_serve_session;

/* A file's qid, as its attributes say. */
unsigned ninep_file_qid(const struct ninep_call *c, const struct ninep_file *f, struct ninep_qid *qid);
/* Clunks one that another request takes along, if there is such. */
void ninep_fid_drop(struct ninep_call *c, uint32_t fid);
/* All of the way or nothing: ENOENT only where a directory does not have it, ENOTDIR behind what is none (a link). */
unsigned ninep_walk_whole(const struct ninep_call *c, uint32_t from, const struct ninep_names *names,
			  struct ninep_file *at);
/* Writes its 9P2000 stat record; *used is 0 when it does not fit. */
unsigned ninep_plain_stat(const struct ninep_call *c, const struct ninep_file *f, const char *name, void *out,
			  uint32_t room, uint32_t *used);
