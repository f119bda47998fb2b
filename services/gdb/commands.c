/*
 * GDB's packets, as its manual has them ("Remote Serial Protocol", "Packets"), in extended mode: a session begins
 * without a process, and `attach N` chooses one.
 *
 * Breakpoints are GDB's own: it writes int3 into the text. What it may leave out is left out, with an empty answer.
 */
#include "services/gdb/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/gdb/target.h"

#define BYTES_MOST (PACKET_MOST / 2 - 32)
#define EXIT_SIGNAL (UINT64_C(1) << 32) /* in an exit status: libos/posix/children.h */

enum {
	GDB_SIGINT = 2,
	GDB_SIGILL = 4,
	GDB_SIGTRAP = 5,
	GDB_SIGFPE = 8,
	GDB_SIGKILL = 9,
	GDB_SIGSEGV = 11,
	GDB_SIGSTOP = 17
};

/*
 * In GDB's numbering: 24 registers of the core, 8 of the x87 with 10 bytes, 8 with 4, 16 XMM, mxcsr, fs_base,
 * gs_base.
 */
enum {
	GDB_RFLAGS = 17,
	GDB_SEGMENTS = 18,
	GDB_X87 = 24,
	GDB_X87_CONTROL = 32,
	GDB_XMM = 40,
	GDB_MXCSR = 56,
	GDB_FS_BASE = 57,
	GDB_REGISTERS = 59
};
/* cs and ss as user mode has them; the others mean nothing. */
static const uint32_t segments[] = { 0x23, 0x1b, 0x1b, 0x1b, 0, 0 };

static uint64_t chosen; /* thread that registers are asked of; 0: the first */
static bool interrupted;
static bool early;     /* Ctrl-C has come before what is to go on was told to */
static bool abandoned; /* it is an earlier session's, and is to stop */
static bool asked;     /* this session has asked what becomes of it */
static char last[80];  /* stop reply */

static void ok(char *to) { strcpy(to, "OK"); }
static void error_answer(char *to, int error) { sprintf(to, "E%02x", (unsigned)error & 0xff); }
static void result(char *to, int error)
{
	if (error)
		error_answer(to, error);
	else
		ok(to);
}

static struct target_thread *thread_chosen(void)
{
	struct target_thread *t = chosen ? target_thread_find(chosen) : NULL;

	return t ? t : target.threads ? &target.thread[0] : NULL;
}

/* --- stops ------------------------------------------------------------------------------------------ */

static void stop_reply(unsigned signal, char *to)
{
	const struct target_thread *t = target.threads ? &target.thread[0] : NULL;

	chosen = 0;
	if (t)
		snprintf(last, sizeof last, "T%02xthread:%" PRIx64 ";", signal, t->id);
	else
		snprintf(last, sizeof last, "S%02x", signal);
	strcpy(to, last);
}

static unsigned signal_of(unsigned vector)
{
	switch (vector) {
	case 1:
	case 3:
		return GDB_SIGTRAP;
	case 0:
	case 16:
	case 19:
		return GDB_SIGFPE;
	case 6:
		return GDB_SIGILL;
	default:
		return GDB_SIGSEGV;
	}
}

static void end_reply(const char *outcome, char *to)
{
	uint64_t status = 0;

	if (sscanf(outcome, "exited %" SCNu64, &status) == 1 && !(status & EXIT_SIGNAL))
		sprintf(to, "W%02x", (unsigned)status & 0xff);
	else if (status & EXIT_SIGNAL)
		sprintf(to, "X%02x", (unsigned)status & 0xff);
	else
		sprintf(to, "X%02x", strstr(outcome, "faulted") ? GDB_SIGSEGV : GDB_SIGKILL);
	strcpy(last, "W00");
}

/* From here on there is no process. Whether somebody waits for that. */
static bool abandon_done(char *to)
{
	bool answer = asked;

	target_forget();
	abandoned = asked = false;
	strcpy(to, "W00");
	return answer;
}

bool command_outcome(const char *outcome, char *to)
{
	unsigned vector;

	if (abandoned)
		return abandon_done(to);
	if (sscanf(outcome, "trapped %u", &vector) == 1)
		stop_reply(signal_of(vector), to);
	else if (!strncmp(outcome, "stopped", 7))
		stop_reply(interrupted ? GDB_SIGINT : GDB_SIGSTOP, to);
	else
		end_reply(outcome, to);
	interrupted = false;
	return true;
}

void command_interrupt(void)
{
	early = !target.running;
	if (early)
		return;
	interrupted = true;
	target_stop();
}

/* --- registers ---------------------------------------------------------------------------------------- */

static size_t register_bytes(unsigned n)
{
	return n < GDB_RFLAGS        ? 8
	       : n < GDB_X87         ? 4
	       : n < GDB_X87_CONTROL ? 10
	       : n < GDB_XMM         ? 4
	       : n < GDB_MXCSR       ? 16
	       : n == GDB_MXCSR      ? 4
				     : 8;
}

/* Which of ours it is; TARGET_REGISTERS: none. */
static unsigned register_ours(unsigned n)
{
	return n <= GDB_RFLAGS ? n : n == GDB_FS_BASE ? REG_FS_BASE : TARGET_REGISTERS;
}

/* Into 16 bytes; false: it is none of the FPU's, or not known. */
static bool fpu_register_take(const struct target_thread *t, unsigned n, uint8_t *to)
{
	struct target_fpu_register r;

	if (n < GDB_X87 || n > GDB_MXCSR || t != &target.thread[0] || !target.fpu_known)
		return false;
	target_fpu_register(n - GDB_X87, &r);
	memset(to, 0, 16);
	memcpy(to, target.fpu + r.at, r.bytes);
	return true;
}

/* "xx" for what is not known. */
static void register_put(const struct target_thread *t, unsigned n, char *to)
{
	unsigned ours = register_ours(n);
	size_t bytes = register_bytes(n);
	uint8_t fpu[16];

	if (fpu_register_take(t, n, fpu)) {
		hex_bytes_put(to, fpu, bytes);
	} else if (ours < TARGET_REGISTERS && t->known >> ours & 1) {
		hex_bytes_put(to, &t->reg[ours], bytes);
	} else if (n >= GDB_SEGMENTS && n < GDB_X87) {
		hex_bytes_put(to, &segments[n - GDB_SEGMENTS], bytes);
	} else {
		memset(to, 'x', 2 * bytes);
		to[2 * bytes] = '\0';
	}
}

static void registers_read(char *to)
{
	const struct target_thread *t = thread_chosen();

	if (!t) {
		error_answer(to, 1);
		return;
	}
	for (unsigned n = 0; n < GDB_X87; n++) {
		register_put(t, n, to);
		to += 2 * register_bytes(n);
	}
}

/* What is not known is left as it is. */
static int fpu_register_set(const struct target_thread *t, unsigned n, const char *digits)
{
	uint8_t before[16], value[16] = { 0 };

	if (!hex_bytes_take(digits, value, register_bytes(n)))
		return 1;
	if (!fpu_register_take(t, n, before) || !memcmp(before, value, sizeof value))
		return 0;
	return target_fpu_set(n - GDB_X87, value);
}

static int register_set(struct target_thread *t, unsigned n, const char *digits)
{
	unsigned ours = register_ours(n);
	uint64_t value = 0;

	if (n >= GDB_X87 && n <= GDB_MXCSR)
		return fpu_register_set(t, n, digits);
	if (ours == REG_FS_BASE || !hex_bytes_take(digits, &value, register_bytes(n)))
		return 1;
	if (ours == TARGET_REGISTERS || (t->known >> ours & 1 && t->reg[ours] == value))
		return 0;
	return t->known >> ours & 1 ? target_register_set(t, ours, value) : 1;
}

static void registers_write(const char *digits, char *to)
{
	struct target_thread *t = thread_chosen();
	int error = t ? 0 : 1;

	for (unsigned n = 0; n < GDB_X87 && !error && strlen(digits) >= 2 * register_bytes(n); n++) {
		if (*digits != 'x')
			error = register_set(t, n, digits);
		digits += 2 * register_bytes(n);
	}
	result(to, error);
}

static void register_read(const char *at, char *to)
{
	const struct target_thread *t = thread_chosen();
	uint64_t n;

	if (t && hex_take(&at, &n) && n < GDB_REGISTERS)
		register_put(t, (unsigned)n, to);
	else
		error_answer(to, 1);
}

static void register_write(const char *at, char *to)
{
	struct target_thread *t = thread_chosen();
	uint64_t n;

	if (t && hex_take(&at, &n) && *at == '=' && n < GDB_REGISTERS)
		result(to, register_set(t, (unsigned)n, at + 1));
	else
		error_answer(to, 1);
}

/* --- memory ----------------------------------------------------------------------------------------------- */

static bool range_take(const char **at, uint64_t *address, uint64_t *bytes)
{
	return hex_take(at, address) && *(*at)++ == ',' && hex_take(at, bytes) && *bytes <= BYTES_MOST;
}

static void memory_read(const char *at, char *to)
{
	static uint8_t data[BYTES_MOST];
	uint64_t address, bytes;
	size_t done;
	int error = range_take(&at, &address, &bytes) ? 0 : 1;

	if (!error)
		error = target_read(address, data, bytes, &done);
	if (error)
		error_answer(to, error);
	else
		hex_bytes_put(to, data, done);
}

static void memory_write(const char *at, char *to)
{
	static uint8_t data[BYTES_MOST];
	uint64_t address, bytes;

	if (!range_take(&at, &address, &bytes) || *at != ':' || !hex_bytes_take(at + 1, data, bytes))
		error_answer(to, 1);
	else
		result(to, bytes ? target_write(address, data, bytes) : 0);
}

/* --- going on, processes, threads ---------------------------------------------------------------------------- */

/* With an address, or with a signal, which is nobody's affair here. `stop`: it is to stop again at once. */
static bool go(const char *text, bool stop, char *to)
{
	const char *at = text[0] == 'C' || text[0] == 'S' ? strchr(text, ';') : text;
	int error = target.number ? 0 : 1;
	uint64_t address;

	if (!error && at && at[1]) {
		at++;
		error = hex_take(&at, &address) ? target_register_set(&target.thread[0], REG_RIP, address) : 1;
	}
	if (!error)
		error = target_go(text[0] == 's' || text[0] == 'S');
	if (error)
		error_answer(to, error);
	else if (stop)
		command_interrupt();
	return error;
}

static void attach(const char *at, char *to)
{
	uint64_t number;
	int error = hex_take(&at, &number) && !target.number ? target_attach(number) : 1;

	if (error)
		error_answer(to, error);
	else
		stop_reply(GDB_SIGTRAP, to);
}

static void end(bool kill, char *to) { result(to, target.number ? target_detach(kill) : 0); }

/*
 * A session begins. A process that one before it has left without a word stays stopped, or is stopped: breakpoints may
 * be in its text.
 */
static void session_begin(void)
{
	chosen = 0;
	asked = false;
	abandoned = target.number && target.running;
	if (abandoned)
		target_stop();
	else if (target.number)
		target_forget();
}

/* '?': the last answer, or, once an earlier session's process has stopped, that there is none. */
static bool halted(char *to)
{
	asked = target.running;
	if (target.running)
		return false;
	strcpy(to, target.number ? last : "W00");
	return true;
}

static void threads_list(char *to)
{
	*to++ = 'm';
	for (unsigned i = 0; i < target.threads; i++)
		to += sprintf(to, "%s%" PRIx64, i ? "," : "", target.thread[i].id);
	if (!target.threads)
		strcpy(to - 1, "l");
}

static void thread_choose(const char *at, char *to)
{
	uint64_t id = 0;

	if (*at == 'g' && at[1] != '-') {
		at++;
		chosen = hex_take(&at, &id) ? id : 0;
	}
	ok(to);
}

static void thread_alive(const char *at, char *to)
{
	uint64_t id;

	result(to, hex_take(&at, &id) && target_thread_find(id) ? 0 : 1);
}

static bool begins(const char *text, const char *with) { return !strncmp(text, with, strlen(with)); }

static void query(const char *text, char *to)
{
	if (begins(text, "qSupported")) {
		session_begin();
		sprintf(to, "PacketSize=%x;QStartNoAckMode+", PACKET_MOST);
	} else if (begins(text, "qfThreadInfo")) {
		threads_list(to);
	} else if (begins(text, "qsThreadInfo")) {
		strcpy(to, "l");
	} else if (begins(text, "qAttached")) {
		strcpy(to, "1");
	} else if (!strcmp(text, "qC") && target.threads) {
		sprintf(to, "QC%" PRIx64, target.thread[0].id);
	} else if (begins(text, "QStartNoAckMode")) {
		ok(to);
	}
}

bool command_answer(const char *text, char *to)
{
	bool stop = early;

	/* Of who asks for something else first it was meant for a process that has stopped meanwhile by itself. */
	early = stop && *text == 'H';
	*to = '\0';
	switch (*text) {
	case '!':
		ok(to);
		break;
	case '?':
		return halted(to);
	case 'g':
		registers_read(to);
		break;
	case 'G':
		registers_write(text + 1, to);
		break;
	case 'p':
		register_read(text + 1, to);
		break;
	case 'P':
		register_write(text + 1, to);
		break;
	case 'm':
		memory_read(text + 1, to);
		break;
	case 'M':
		memory_write(text + 1, to);
		break;
	case 'c':
	case 's':
	case 'C':
	case 'S':
		return go(text, stop, to);
	case 'H':
		thread_choose(text + 1, to);
		break;
	case 'T':
		thread_alive(text + 1, to);
		break;
	case 'D':
		end(false, to);
		break;
	case 'k':
		end(true, to);
		return false;
	case 'q':
	case 'Q':
		query(text, to);
		break;
	case 'v':
		if (begins(text, "vAttach;"))
			attach(text + 8, to);
		else if (begins(text, "vKill;"))
			end(true, to);
		break;
	default:
		break;
	}
	return true;
}
