/*
 * When the clients have done all: were their last calls spread over the members by the policy in the name service? By
 * load: none has more than twice its part; by nearness: one has nearly all. After deaths it says nothing.
 */
#include "services/name/types.h"
#include "tools/sim/fleet/host.h"

int main(void)
{
	uint64_t members = host_option("members"), policy = host_option("policy"), most = 0, sum = 0;

	for (uint64_t i = 0; i < members; i++) {
		uint64_t n = host_tally("answers", i, 0);

		sum += n;
		most = n > most ? n : most;
	}
	if (host_option("kills") || !policy)
		return 0;
	if (!sum)
		host_violation("no member has answered");
	if (policy == NAME_NEAR ? most < sum * 3 / 4 : most * members > 2 * sum)
		host_violation("of %lu answers %lu are one member's of %lu", sum, most, members);
	return 0;
}
