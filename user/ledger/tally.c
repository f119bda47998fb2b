/*
 * The book of tally: clients add to counts. What each adds to which is drawn from its random generator, so by drawing
 * the same numbers it is known what every count must be.
 */
#include "libos/core/error_text.h"
#include "services/tally/tally_client.h"
#include "user/ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNTS 16
#define STOP "stop"

static uint64_t sums[COUNTS];

/* The next call of a client: which count, how much. */
static unsigned draw_call(struct draw *d, uint64_t *n)
{
	unsigned count = (unsigned)(draw(d) % COUNTS);

	*n = draw(d) % 1000 + 1;
	return count;
}

static void count_name(unsigned count, char name[16]) { snprintf(name, 16, "count %u", count); }

static bool told_to_stop(struct fleet_client *c)
{
	uint64_t n;

	return tally_read(&c->rpc, STOP, &n) != ERR_NOT_FOUND;
}

/* One call; what comes back is more than what came back before. */
static bool call(struct fleet_client *c, struct draw *d, uint64_t last[COUNTS], uint64_t *longest)
{
	cycles_t from = fabric_now(fabric), took;
	uint64_t n, sum = 0;
	unsigned count = draw_call(d, &n);
	char name[16];
	err_t err;

	count_name(count, name);
	err = tally_add(&c->rpc, name, n, &sum);
	took = fabric_now(fabric) - from;
	if (took > *longest)
		*longest = took;
	if (err || sum < last[count] + n) {
		printf("ledger: adding %" PRIu64 " to %s: %s, %" PRIu64 " after %" PRIu64 "\n", n, name,
		       error_text(err), sum, last[count]);
		return false;
	}
	last[count] = sum;
	return true;
}

/* Its status: calls, and above bit 32 the microseconds that the longest took. */
static uint64_t client(uint64_t seed, uint64_t number)
{
	uint64_t last[COUNTS] = { 0 }, calls = 0, longest = 0;
	struct draw d = draw_of(seed, number);
	struct fleet_client c;

	if (fleet_connect(&c, fabric, NULL, tally_book.fleet))
		return FAILED;
	for (;;) {
		if (calls % STOP_EVERY == 0 && told_to_stop(&c))
			return calls | longest * 1000 / ms << 32;
		if (!call(&c, &d, last, &longest))
			return FAILED;
		calls++;
	}
}

static err_t stop(struct fleet_client *c)
{
	uint64_t n;

	return tally_add(&c->rpc, STOP, 1, &n);
}

static void expect(uint64_t seed, uint64_t number, uint64_t calls)
{
	struct draw d = draw_of(seed, number);

	while (calls--) {
		uint64_t n;
		unsigned count = draw_call(&d, &n);

		sums[count] += n;
	}
}

static unsigned compare(struct fleet_client *c)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < COUNTS; i++) {
		uint64_t is = 0;
		char name[16];
		err_t err;

		count_name(i, name);
		err = tally_read(&c->rpc, name, &is);
		if (is == sums[i] && (!err || err == ERR_NOT_FOUND))
			continue;
		wrong++;
		printf("ledger: %s is %" PRIu64 ", not %" PRIu64 ": %s\n", name, is, sums[i],
		       err            ? error_text(err)
		       : is < sums[i] ? "lost"
				      : "doubled");
	}
	return wrong;
}

const struct book tally_book = {
	.fleet = "tally", .begin = true, .client = client, .stop = stop, .expect = expect, .compare = compare
};
