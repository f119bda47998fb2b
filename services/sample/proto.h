/*
 * The sample service: a method for each kind of parameter. It is what the tests of the stubs
 * call, and what to look at when writing a proto.h.
 */
#include "libos/rpc/annotate.h"
#include "services/sample/types.h"

rpc_interface(sample, 31);

/* Adds. */
rpc_idempotent err_t sample_add(rpc_in uint32_t a, rpc_in uint32_t b, rpc_out uint64_t *sum);
/* Adds to the sum of the statistics, and gives what it was before. Not idempotent. */
err_t sample_count(rpc_in uint64_t add, rpc_out uint64_t *before);
/* Six words, a whole line: adds them up. */
rpc_oneway void sample_note(rpc_in uint64_t a, rpc_in uint64_t b, rpc_in uint64_t c, rpc_in uint64_t d,
			    rpc_in uint64_t e, rpc_in uint64_t f);
/* The same in one struct. */
rpc_oneway void sample_block(rpc_in const struct sample_block *block);
/* The same, with an answer. */
rpc_idempotent err_t sample_line(rpc_in uint64_t a, rpc_in uint64_t b, rpc_in uint64_t c, rpc_in uint64_t d,
				 rpc_in uint64_t e, rpc_in uint64_t f, rpc_out uint64_t *sum);
rpc_idempotent err_t sample_stat(rpc_out struct sample_stat *stat);
/* The point of the two that is farther from zero, and whether that is the first. */
rpc_idempotent err_t sample_far(rpc_in struct sample_point a, rpc_in const struct sample_point *b,
				rpc_out struct sample_point *far, rpc_out bool *first);
/* Text backwards. */
rpc_idempotent err_t sample_reverse(rpc_in rpc_string rpc_max(SAMPLE_TEXT) const char *text,
				    rpc_out rpc_string rpc_max(SAMPLE_TEXT) char *reversed);
/* The sum of the bytes of a long buffer. */
rpc_idempotent err_t sample_sum(rpc_in rpc_sized(length) rpc_max(SAMPLE_BYTES) const void *data, rpc_in size_t length,
				rpc_out uint64_t *sum);
/* A buffer of the bytes first, first + 1, ...; as many as there is room for. */
rpc_idempotent err_t sample_fill(rpc_in uint8_t first, rpc_out rpc_sized(*length) rpc_max(SAMPLE_BYTES) void *data,
				 rpc_inout size_t *length);
/* Points mirrored; an array each way. */
rpc_idempotent err_t sample_mirror(rpc_in rpc_sized(count_in) rpc_max(SAMPLE_POINTS) const struct sample_point *in,
				   rpc_in uint32_t count_in,
				   rpc_out rpc_sized(*count_out) rpc_max(SAMPLE_POINTS) struct sample_point *out,
				   rpc_inout uint32_t *count_out);
/* Doubles it where it is. */
rpc_idempotent err_t sample_twice(rpc_inout uint64_t *number);
/* A list with each name in capitals. */
rpc_idempotent err_t sample_capitals(rpc_in rpc_serial(sample_list) const struct sample_list *list,
				     rpc_out rpc_serial(sample_list) struct sample_list *capitals);
/* Answered when sample_open comes, by whomever. */
err_t sample_wait(rpc_in uint64_t gate, rpc_out uint64_t *opener);
/* Lets those go on that wait at the gate; how many. */
err_t sample_open(rpc_in uint64_t gate, rpc_out uint64_t *count_out);
/* Asks another sample service, of that name, to add: a call out of a handler. */
rpc_idempotent err_t sample_relay(rpc_in rpc_string rpc_max(16) const char *name, rpc_in uint32_t a, rpc_in uint32_t b,
				  rpc_out uint64_t *sum);
/* Keeps a frame; gives the one that is kept. */
err_t sample_keep(rpc_in rpc_cap cptr_t frame);
err_t sample_kept(rpc_out rpc_cap cptr_t *frame);
/* The service ends. */
rpc_idempotent err_t sample_stop(void);
