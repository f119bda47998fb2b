/*
 * sys: what the system is doing, over 9P, under the name "sys": processes, cores, fleets, names (tree.h).
 */
#include <stdio.h>

#include "libos/core/error_text.h"
#include "services/sys/proc.h"

int main(void)
{
	static struct ninep_server server;
	struct fabric *f;
	err_t err = fabric_here(&f);

	if (!err)
		err = ninep_server_init(&server, f, &sys_root);
	if (!err)
		debug_init(&server);
	if (!err)
		err = ninep_server_export(&server, "sys");
	if (!err)
		err = ninep_serve(&server);
	fprintf(stderr, "sys: %s\n", error_text(err));
	return 1;
}
