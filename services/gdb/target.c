/* See target.h. */
#include "services/gdb/target.h"
#include "services/gdb/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 40
#define TEXT_ROOM 16384
#define OUTCOME_ROOM 96
#define NO_THREAD 1 /* GDB's 0 is any thread */

struct target target = { .mem = -1, .wait = -1 };

static const char *const names[TARGET_REGISTERS] = { "rax", "rbx", "rcx", "rdx",    "rsi",    "rdi", "rbp",
						     "rsp", "r8",  "r9",  "r10",    "r11",    "r12", "r13",
						     "r14", "r15", "rip", "rflags", "fs_base" };

/* Between the thread that serves and the one that waits. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t asked;
	bool wanted, known;
	char text[OUTCOME_ROOM];
	struct event *raise;
} outcome = { .lock = PTHREAD_MUTEX_INITIALIZER, .asked = PTHREAD_COND_INITIALIZER };

static int open_file(const char *name, int flags)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof path, "/proc/%" PRIu64 "/%s", target.number, name);
	return open(path, flags);
}

static int write_file(const char *name, const char *text)
{
	int fd = open_file(name, O_WRONLY), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* --- what becomes of it --------------------------------------------------------------------------------- */

static void wait_once(void)
{
	char text[OUTCOME_ROOM];
	ssize_t n = read(target.wait, text, sizeof text - 1);

	if (n <= 0)
		n = snprintf(text, sizeof text, "gone\n");
	text[n] = '\0';
	pthread_mutex_lock(&outcome.lock);
	strcpy(outcome.text, text);
	outcome.wanted = false;
	outcome.known = true;
	pthread_mutex_unlock(&outcome.lock);
	event_signal(outcome.raise);
}

static void *waiter(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&outcome.lock);
		while (!outcome.wanted)
			pthread_cond_wait(&outcome.asked, &outcome.lock);
		pthread_mutex_unlock(&outcome.lock);
		wait_once();
	}
	return arg;
}

static void outcome_await(void)
{
	pthread_mutex_lock(&outcome.lock);
	outcome.wanted = true;
	outcome.known = false;
	pthread_cond_signal(&outcome.asked);
	pthread_mutex_unlock(&outcome.lock);
	target.running = true;
}

int target_init(struct event *stopped)
{
	pthread_t thread;

	outcome.raise = stopped;
	return pthread_create(&thread, NULL, waiter, NULL);
}

/* --- registers -------------------------------------------------------------------------------------------- */

void target_fpu_register(unsigned n, struct target_fpu_register *out)
{
	/* The tags in a place that FXSAVE uses in another way. */
	static const struct target_fpu_register words[] = {
		{ "fctrl", 0, 2 }, { "fstat", 2, 2 },  { "ftag", 4, 2 },   { "fiseg", 12, 2 },
		{ "fioff", 8, 4 }, { "foseg", 20, 2 }, { "fooff", 16, 4 }, { "fop", 6, 2 },
	};

	*out = (struct target_fpu_register){ "mxcsr", 24, 4 };
	if (n < 8) {
		*out = (struct target_fpu_register){ .at = (uint16_t)(32 + 16 * n), .bytes = 10 };
		snprintf(out->name, sizeof out->name, "st%u", n);
	} else if (n < 16) {
		*out = words[n - 8];
	} else if (n < 32) {
		*out = (struct target_fpu_register){ .at = (uint16_t)(160 + 16 * (n - 16)), .bytes = 16 };
		snprintf(out->name, sizeof out->name, "xmm%u", n - 16);
	}
}

/* A line "NAME VALUE" of the first thread: all digits, the highest first. */
static void fpu_line_take(const char *name, const char *digits)
{
	struct target_fpu_register r;
	unsigned n = 0;

	for (; n < TARGET_FPU_REGISTERS; n++) {
		target_fpu_register(n, &r);
		if (!strcmp(name, r.name) && strlen(digits) == 2u * r.bytes)
			break;
	}
	for (unsigned i = 0; n < TARGET_FPU_REGISTERS && i < r.bytes; i++)
		if (!hex_bytes_take(digits + 2 * (r.bytes - 1 - i), &target.fpu[r.at + i], 1))
			return;
	target.fpu_known |= n < TARGET_FPU_REGISTERS;
}

static void line_take(char *line)
{
	struct target_thread *t = &target.thread[target.threads - 1];
	char word[16], digits[40];
	uint64_t value;

	if (target.threads == 1 && sscanf(line, "%15s %39s", word, digits) == 2)
		fpu_line_take(word, digits);
	if (sscanf(line, "thread %" SCNx64, &value) == 1 && target.threads < TARGET_THREADS) {
		target.thread[target.threads++] = (struct target_thread){ .id = value ? value : NO_THREAD };
		return;
	}
	if (!target.threads || sscanf(line, "%15s %" SCNx64, word, &value) != 2)
		return;
	for (unsigned r = 0; r < TARGET_REGISTERS; r++)
		if (!strcmp(word, names[r])) {
			t->reg[r] = value;
			t->known |= 1u << r;
		}
}

static int registers_read(void)
{
	static char text[TEXT_ROOM + 1];
	int fd = open_file("regs", O_RDONLY);
	char *state = NULL, *line;
	ssize_t n = 0, some;

	if (fd < 0)
		return errno;
	while (n < TEXT_ROOM && (some = read(fd, text + n, (size_t)(TEXT_ROOM - n))) > 0)
		n += some;
	close(fd);
	text[n] = '\0';
	target.threads = 0;
	target.fpu_known = false;
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
		line_take(line);
	if (!target.threads)
		target.thread[target.threads++] = (struct target_thread){ .id = NO_THREAD };
	return 0;
}

struct target_thread *target_thread_find(uint64_t id)
{
	for (unsigned i = 0; i < target.threads; i++)
		if (target.thread[i].id == id)
			return &target.thread[i];
	return NULL;
}

int target_register_set(struct target_thread *t, unsigned reg, uint64_t value)
{
	char text[80];
	int error;

	snprintf(text, sizeof text, "%" PRIx64 " %s %" PRIx64, t->id == NO_THREAD ? 0 : t->id, names[reg], value);
	error = write_file("regs", text);
	if (!error)
		t->reg[reg] = value;
	return error;
}

int target_fpu_set(unsigned n, const uint8_t *value)
{
	struct target_fpu_register r;
	char text[80], *at;
	int error;

	target_fpu_register(n, &r);
	at = text +
	     sprintf(text, "%" PRIx64 " %s ", target.thread[0].id == NO_THREAD ? 0 : target.thread[0].id, r.name);
	for (unsigned i = r.bytes; i-- > 0;)
		at += sprintf(at, "%02x", value[i]);
	error = write_file("regs", text);
	if (!error)
		memcpy(target.fpu + r.at, value, r.bytes);
	return error;
}

/* --- control ---------------------------------------------------------------------------------------------- */

void target_forget(void)
{
	close(target.mem);
	close(target.wait);
	target.mem = target.wait = -1;
	target.number = 0;
	target.threads = 0;
}

int target_attach(uint64_t number)
{
	int error;

	target.number = number;
	target.mem = open_file("mem", O_RDWR);
	target.wait = open_file("wait", O_RDONLY);
	error = target.mem < 0 || target.wait < 0 ? errno : write_file("ctl", "attach");
	/* A debugger that went away without a word has left it so: it is stopped. */
	if (error == EEXIST)
		error = write_file("ctl", "stop");
	if (!error)
		error = registers_read();
	if (error)
		target_forget();
	return error;
}

int target_detach(bool kill)
{
	int error = write_file("ctl", kill ? "kill" : "detach");

	if (!target.running)
		target_forget();
	return error;
}

bool target_outcome(char *text, size_t room)
{
	bool known;

	pthread_mutex_lock(&outcome.lock);
	known = outcome.known;
	outcome.known = false;
	if (known)
		snprintf(text, room, "%s", outcome.text);
	pthread_mutex_unlock(&outcome.lock);
	if (!known)
		return false;
	target.running = false;
	if (registers_read())
		target_forget();
	return true;
}

int target_go(bool step)
{
	int error = write_file("ctl", step ? "step" : "start");

	/* Nothing is there to be stepped: all its threads wait. */
	if (error == EAGAIN)
		error = write_file("ctl", "start");
	if (!error)
		outcome_await();
	return error;
}

int target_stop(void) { return write_file("ctl", "stop"); }

/* --- memory ------------------------------------------------------------------------------------------------- */

int target_read(uint64_t at, void *to, size_t bytes, size_t *done)
{
	ssize_t n = pread(target.mem, to, bytes, (off_t)at);

	*done = n > 0 ? (size_t)n : 0;
	return n < 0 ? errno : 0;
}

int target_write(uint64_t at, const void *from, size_t bytes)
{
	ssize_t n = pwrite(target.mem, from, bytes, (off_t)at);

	return n < 0 ? errno : (size_t)n == bytes ? 0 : EIO;
}
