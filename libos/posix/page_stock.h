/*
 * Pages of the page service for who takes many, each by itself: a few are granted ahead by one call, and taken from
 * there without a message. What is at hand counts in the process's quota.
 */
#pragma once

#include "libos/rpc/rpc.h"

struct page_stock {
	struct rpc_client *page; /* a client of the service, or of one member */
	cptr_t next;             /* the frames at hand, in slots that follow each other */
	unsigned left;
};

/* A cleared frame of 4 KiB of this core's memory, in a slot of its own. Errors as of page_take. May block. */
err_t page_stock_take(struct page_stock *s, cptr_t *frame);
/* Gives one back, to the service. */
err_t page_stock_give(cptr_t frame);
/* Gives back what is at hand. */
void page_stock_close(struct page_stock *s);
