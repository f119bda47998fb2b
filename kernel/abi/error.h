/*
 * The one error table of the system: code, name, text.
 *
 * System calls, services and the libOS return these codes; users see the text.
 * Codes are dense and never renumbered; new ones go at the end.
 */
#pragma once

#define ERROR_TABLE(X)                                                         \
	X(0, OK, "success")                                                    \
	X(1, SYSCALL, "no such system call")                                   \
	X(2, CAP_LOOKUP, "no capability at this address")                      \
	X(3, CAP_TYPE, "capability is of the wrong type for this operation")   \
	X(4, CAP_RIGHTS, "capability lacks the right for this operation")      \
	X(5, CAP_OP, "no such operation on this type of capability")           \
	X(6, SLOT_LOOKUP, "destination slot does not exist")                   \
	X(7, SLOT_OCCUPIED, "destination slot is not empty")                   \
	X(8, RETYPE_TYPE, "this type cannot be made from that one")            \
	X(9, RETYPE_SIZE, "object size does not fit the type or the source")   \
	X(10, RETYPE_OVERLAP, "range is already in use by a descendant")       \
	X(11, CAP_REMOTE, "capability is shared with another core")            \
	X(12, CAP_BUSY, "object is in use")                                    \
	X(13, MAP_LEVEL, "page table is of the wrong level")                   \
	X(14, MAP_RANGE, "index, count or offset is out of range")             \
	X(15, MAP_OCCUPIED, "page table entry is in use")                      \
	X(16, MAP_MAPPED, "capability is mapped already; copy it first")       \
	X(17, MAP_UNMAPPED, "capability is not mapped")                        \
	X(18, DISP_INCOMPLETE, "dispatcher is not set up")                     \
	X(19, DISP_FRAME, "dispatcher frame is too small or not mappable")     \
	X(20, DISP_STATE, "dispatcher is in the wrong state for this")         \
	X(21, EP_UNBOUND, "endpoint has no buffer")                            \
	X(22, EP_FULL, "endpoint's queue is full")                             \
	X(23, EP_NO_SLOT, "receiver offers no empty slot for a capability")    \
	X(24, EP_RANGE, "endpoint buffer is out of range")                     \
	X(25, NTFN_UNBOUND, "notification is not bound")                       \
	X(26, NTFN_EXHAUSTED, "no free remote notification number")            \
	X(27, CORE_ID, "no such core")                                         \
	X(28, CORE_STATE, "core is running already")                           \
	X(29, CORE_TIMEOUT, "core does not answer")                            \
	X(30, IRQ_RANGE, "no such interrupt")                                  \
	X(31, IO_RANGE, "port is outside the capability")                      \
	X(32, ARGUMENT, "invalid argument")                                    \
	X(33, NO_MEMORY, "out of memory")                                      \
	X(34, NO_SLOTS, "capability space is full")                            \
	X(35, NOT_FOUND, "no such name")                                       \
	X(36, EXISTS, "name exists already")                                   \
	X(37, CLOSED, "channel is closed")                                     \
	X(38, AGAIN, "would block")                                            \
	X(39, TIMEOUT, "timed out")                                            \
	X(40, ELF_FORMAT, "not an ELF executable for this machine")            \
	X(41, ELF_RANGE, "ELF segment lies outside the file or address space") \
	X(42, NO_PROCESS, "no such process")                                   \
	X(43, DENIED, "not permitted")                                         \
	X(44, MESSAGE, "malformed message")                                    \
	X(45, TOO_LONG, "argument is too long")                                \
	X(46, UNSUPPORTED, "not supported")                                    \
	X(47, KILLED, "killed")                                                \
	X(48, FAULTED, "stopped by a fault")                                   \
	X(49, CORE_BOOT, "the boot core cannot be stopped")                    \
	X(50, CORE_STOPPED, "core is stopped already")                         \
	X(51, CORE_DOWN, "core is not up")                                     \
	X(52, CORE_HOSTS, "core runs islands of others; start those first")    \
	X(53, CORE_HOST, "that core cannot take in another")                   \
	X(54, UPDATE_IMAGE, "not a CPU driver that can take over")             \
	X(55, UPDATE_SIZE, "CPU driver is too large to take over")             \
	X(56, REDIRECT, "another member serves this call")                     \
	X(57, WATCHERS, "too many processes watch others on that core")        \
	X(58, NAME_WATCHES, "a client waits for changes of too many names")    \
	X(59, STALE, "changed by another meanwhile")                           \
	X(60, QUOTA, "memory quota is used up")                                \
	X(61, REGIONS, "too many regions of that core's memory")               \
	X(62, MAILBOX_FULL, "mailbox is full: its owner does not read")        \
	X(63, PROCESSES, "too many processes")                                 \
	X(64, HEIRS, "too many processes share memory with their children")

enum error_code {
#define ERROR_ENUM(code, name, text) ERR_##name = code,
	ERROR_TABLE(ERROR_ENUM)
#undef ERROR_ENUM
		ERROR_COUNT
};
