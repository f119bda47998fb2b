/*
 * What the files of the program share: random numbers, the fleet that is looked at, and a book for each
 * service: what its clients do, and how it is known afterwards that all was done once.
 */
#pragma once

#include "libos/fleet/fleet_client.h"
#include "libos/fleet/survey.h"

#define CLIENTS_MAX 64
#define STOP_EVERY 16     /* calls between two looks at whether to stop */
#define FAILED UINT64_MAX /* exit status of a client that found something wrong */

struct book {
	const char *fleet;
	bool begin; /* nobody has started it */
	/* The process of a client: its status is its calls, and above bit 32 the microseconds that the longest took. */
	uint64_t (*client)(uint64_t seed, uint64_t number);
	/* Clients shall end. */
	err_t (*stop)(struct fleet_client *c);
	/* A client has made so many calls. */
	void (*expect)(uint64_t seed, uint64_t number, uint64_t calls);
	/* How many entries are not what they must be, when all clients have ended. */
	unsigned (*compare)(struct fleet_client *c);
};

extern const struct book tally_book, name_book, files_book;

extern struct fabric *fabric;
extern uint64_t ms; /* of fabric time */

struct draw {
	uint64_t state;
};

uint64_t draw(struct draw *d);
struct draw draw_of(uint64_t seed, uint64_t client);

/* --- kills.c ------------------------------------------------------------------------ */

/* Waits till `members` serve and nothing is under way. */
bool fleet_await(struct fleet_client *c, struct fleet_survey *now, unsigned members);
/* Kills any member at some moment, mostly when `members` serve, sometimes when two do. */
bool fleet_kill_one(struct fleet_client *c, struct draw *d, unsigned members);
