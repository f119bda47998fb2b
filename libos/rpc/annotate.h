/*
 * The annotations of a service's proto.h, which tools/rpcgen reads.
 *
 * A proto.h includes this header and headers of plain C types (the same that its users
 * include), names its interface, and declares its methods as functions.  Under rpcgen the
 * macros become attributes of the parsed declarations; for any other compiler they are
 * nothing.  A proto.h is for rpcgen alone: programs include the generated X_client.h or
 * X_server.h, whose functions have a client or a call as first parameter.
 *
 *     rpc_interface(page, 2);
 *     // comment, copied into the generated headers (block comments)
 *     rpc_idempotent err_t page_take(rpc_in uint32_t bits, rpc_out uint64_t *base);
 *
 * docs/rpc.md tells what each allows.
 */
#pragma once

#include "kernel/abi/error.h"
#include "kernel/abi/types.h"

#ifdef SKERRY_RPCGEN
#define rpc_mark(text) __attribute__((annotate("rpc:" text)))
#define rpc_interface(name, number) enum { rpc_interface_##name = (number) }
#else
#define rpc_mark(text)
#define rpc_interface(name, number) _Static_assert((number) > 0, "interface " #name " has no number")
#endif

/* --- the interface: rpc_interface(name, number), once, the number 1 to RPC_INTERFACES - 1, its own in the system -- */

/* --- methods: NAME_method(...), err_t, in this order on the wire: new ones go at the end --- */

#define rpc_idempotent rpc_mark("idempotent") /* may be done twice: repeated at another member without asking */
#define rpc_oneway rpc_mark("oneway")         /* void; no answer is sent, so no outputs */

/* --- parameters: one direction each --- */

#define rpc_in rpc_mark("in")       /* by value, or by pointer to const */
#define rpc_out rpc_mark("out")     /* by pointer; written when the answer is ERR_OK only */
#define rpc_inout rpc_mark("inout") /* by pointer */
/* NUL-terminated text, const char * (in) or char * (out), at most rpc_max bytes without the NUL (3,000 if not said). */
#define rpc_string rpc_mark("string")
/*
 * An array, its number of elements (bytes for void) in another parameter: rpc_sized(length) of an rpc_in scalar,
 * or rpc_sized(*length) of an rpc_inout one, which says how many there is room for, then how many there are.
 */
#define rpc_sized(expression) rpc_mark("sized:" #expression)
/* The most elements (bytes for void and strings) that can go along: a constant expression. 3,000 bytes if not said. */
#define rpc_max(constant) rpc_mark("max:" #constant)
/* A cptr_t (in) or cptr_t * (out): the capability goes along; who receives it owns it, in a fresh slot. */
#define rpc_cap rpc_mark("cap")
/*
 * A struct that is not plain data goes by serialisers of the user's (declared in a header that proto.h includes):
 *     size_t fn_put(const struct x *x, void *to, size_t room);   bytes written, 0: does not fit
 *     bool fn_get(struct x *x, const void *from, size_t bytes);  false: malformed
 * What fn_get allocates is freed by fn_free(struct x *), which is called after the handler for an rpc_in. rpc_max
 * bounds its bytes.
 */
#define rpc_serial(fn) rpc_mark("serial:" #fn)
