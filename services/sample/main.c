/*
 * sample [NAME [PATH]]: the sample service under a name of the monitors', "sample" if none is given, till it is told to
 * stop; and under a path of the name service's.
 */
#include <stdio.h>

#include "libos/core/error_text.h"
#include "libos/fabric/metal.h"
#include "libos/name/name.h"
#include "services/name/name_client.h"
#include "services/sample/sample.h"

static struct sample sample;

/* Before it serves: nothing is under way yet. */
static err_t name_tell(struct fabric *f, const char *path)
{
	struct mailbox at = service_mailbox(&sample.server.service);
	struct name_client names;
	err_t err;

	name_client_init(&names, f, NULL);
	err = name_register(&names.rpc, path, &at, 0);
	name_client_close(&names);
	return err;
}

static err_t serve(const char *name, const char *path)
{
	struct fabric *f;
	err_t err = fabric_metal(&f);

	if (!err)
		err = sample_init(&sample, f);
	if (!err)
		err = rpc_server_export(&sample.server, name);
	if (!err && path)
		err = name_tell(f, path);
	if (!err)
		err = rpc_serve(&sample.server);
	return err;
}

int main(int argc, char **argv)
{
	err_t err = serve(argc > 1 ? argv[1] : SAMPLE_NAME, argc > 2 ? argv[2] : NULL);

	if (!err) {
		rpc_server_destroy(&sample.server);
		return 0;
	}
	fprintf(stderr, "sample: %s\n", error_text(err));
	return 1;
}
