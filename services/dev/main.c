/* dev [NAME]: serves null, zero, random, time over 9P under a name, "dev" if none is given. */
#include <stdio.h>

#include "libos/core/error_text.h"
#include "services/dev/tree.h"

static err_t serve(const char *name)
{
	struct fabric *f;
	err_t err = fabric_here(&f);

	return err ? err : ninep_serve_tree(f, &dev_root, name);
}

int main(int argc, char **argv)
{
	err_t err = serve(argc > 1 ? argv[1] : "dev");

	if (!err)
		return 0;
	fprintf(stderr, "dev: %s\n", error_text(err));
	return 1;
}
