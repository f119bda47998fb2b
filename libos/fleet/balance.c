/*
 * Clients are spread by load, where their fleet has a policy that looks at it.
 *
 * A member tells the name service its load when it has changed.  While it has much more to do than the
 * mean, which comes with the heartbeat, it has one client after the other ask anew which member is its own:
 * one at a time, so that they do not all go to the same.  Where none goes, as with a policy that does not look
 * at loads, the next one is asked after twice as long.
 */
#include "libos/fleet/private.h"

#define LOOK_MS 100 /* as often as loads are measured */
#define UNEVEN 150  /* permille above the mean */
#define VAIN_MOST 6

void balance_look(struct fleet_self *s, cycles_t now)
{
	bool uneven = s->load > s->mean + UNEVEN;
	unsigned clients;

	if (now - s->balance_at < (LOOK_MS * s->ms) << (uneven ? s->balance_vain : 0))
		return;
	s->balance_at = now;
	if (!announce_load(s->fleet, s->load) || s->fleet->view.count < 2)
		return;
	if (!uneven) {
		s->balance_vain = 0;
		return;
	}
	clients = rpc_server_look_one(&s->fleet->server, s->balance_turn++);
	if (clients != s->balance_clients)
		s->balance_vain = 0;
	else if (s->balance_vain < VAIN_MOST)
		s->balance_vain++;
	s->balance_clients = clients;
}
