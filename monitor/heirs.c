/* Estates and heirs: see heirs.h. The records are few, and a free one is searched for. */
#include "monitor/heirs.h"

#include "kernel/abi/error.h"

static struct estate estates[ESTATES_MAX];

static struct estate *estate_of(struct process *p)
{
	if (p->estate)
		return p->estate;
	for (unsigned i = 0; i < ESTATES_MAX; i++)
		if (!estates[i].heirs)
			return &estates[i];
	return NULL;
}

uint32_t heirs_of(const struct process *p) { return p->estate ? p->estate->heirs : 0; }

err_t heir_add(struct process *parent, struct process *child)
{
	struct estate *e;

	if (child->above)
		return child->above == parent->estate ? ERR_OK : ERR_DENIED;
	e = estate_of(parent);
	if (!e)
		return ERR_HEIRS;
	e->heirs++;
	e->of = parent;
	parent->estate = e;
	child->above = e;
	return ERR_OK;
}

/* One heir less. Where that was the last one of who has ended himself, it goes on with whose heir he was. */
static void heir_drop(struct estate *e)
{
	while (e && --e->heirs == 0) {
		struct estate *above = e->above;

		if (e->of)
			e->of->estate = NULL;
		else
			estate_release(e);
		*e = (struct estate){ 0 };
		e = above;
	}
}

struct estate *heirs_leave(struct process *p)
{
	struct estate *e = p->estate;

	if (!e)
		return NULL;
	p->estate = NULL;
	e->of = NULL;
	e->above = p->above;
	p->above = NULL;
	return e;
}

void heir_end(struct process *p)
{
	struct estate *above = p->above;

	p->above = NULL;
	heir_drop(above);
}

const struct extent *estate_extents(unsigned i) { return estates[i].extents; }
