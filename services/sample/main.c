/*
 * sample [NAME]: the sample service under a name, "sample" if none is given, till it is told to stop.
 */
#include <stdio.h>

#include "libos/core/error_text.h"
#include "libos/fabric/metal.h"
#include "services/sample/sample.h"

static struct sample sample;

static err_t serve(const char *name)
{
	struct fabric *f;
	err_t err = fabric_metal(&f);

	if (!err)
		err = sample_init(&sample, f);
	if (!err)
		err = rpc_server_export(&sample.server, name);
	if (!err)
		err = rpc_serve(&sample.server);
	return err;
}

int main(int argc, char **argv)
{
	err_t err = serve(argc > 1 ? argv[1] : SAMPLE_NAME);

	if (!err) {
		rpc_server_destroy(&sample.server);
		return 0;
	}
	fprintf(stderr, "sample: %s\n", error_text(err));
	return 1;
}
