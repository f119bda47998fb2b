/*
 * Views: who is in a fleet, as all its members are told.
 *
 * A view is made by the coordinator alone, which is the living member of the lowest
 * number, and has a version; each member goes from view to view in the order of
 * versions. Members are in the order of their numbers. Pure data: nothing here sends.
 */
#pragma once

#include "kernel/abi/error.h"
#include "libos/fleet/types.h"

struct fleet_view {
	struct fleet_head head;
	uint32_t count;
	struct fleet_member member[FLEET_MEMBERS];
};

/* The member of that number, or NULL. */
struct fleet_member *view_find(struct fleet_view *v, uint32_t number);
const struct fleet_member *view_get(const struct fleet_view *v, uint32_t number);
/* The member that is that process, or NULL. */
struct fleet_member *view_find_pid(struct fleet_view *v, uint64_t pid);
/* A copy of *m, in its place by number. ERR_EXISTS: the number is taken. ERR_NO_MEMORY: the fleet is full. */
err_t view_add(struct fleet_view *v, const struct fleet_member *m);
/* ERR_NOT_FOUND. */
err_t view_remove(struct fleet_view *v, uint32_t number);
/* The view's coordinator: its first member. NULL: it has none. */
const struct fleet_member *view_coordinator(const struct fleet_view *v);
/* How many members come before this number: 0 is the coordinator, 1 the one that follows it. */
unsigned view_rank(const struct fleet_view *v, uint32_t number);
/* Who takes over what a lost member had: the next higher number, after the highest the lowest. NULL: nobody is left. */
const struct fleet_member *view_heir(const struct fleet_view *v, uint32_t number);
/* The version of the next view, made by `coordinator` out of one of version `last`. */
uint64_t view_next_version(uint64_t last, uint32_t coordinator);
/* Members in that state. */
unsigned view_count(const struct fleet_view *v, enum fleet_state state);
/* Mean load of the serving members, permille. */
uint32_t view_load(const struct fleet_view *v);

/* --- partition: rendezvous hashing over the members that do not leave --------------------- */

/* A key's hash; any bytes. */
uint64_t view_hash(const void *key, size_t bytes);
/*
 * The first `most` choices for a key of that hash, up to FLEET_MIRRORS + 1, as far as there are members; how many.
 * When a member goes, the choices after it move up and no other key moves; when one comes, it takes its share and no
 * other key moves.
 */
unsigned view_choose(const struct fleet_view *v, uint64_t hash, const struct fleet_member **choice, unsigned most);
