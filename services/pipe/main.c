/* pipe [NAME]: serves pipes over 9P under a name, "pipe" if none is given. */
#include <stdio.h>

#include "libos/core/error_text.h"
#include "services/pipe/tree.h"

static err_t serve(const char *name)
{
	struct fabric *f;
	err_t err = fabric_here(&f);

	return err ? err : ninep_serve_tree(f, &pipe_root, name);
}

int main(int argc, char **argv)
{
	err_t err = serve(argc > 1 ? argv[1] : "pipe");

	if (!err)
		return 0;
	fprintf(stderr, "pipe: %s\n", error_text(err));
	return 1;
}
