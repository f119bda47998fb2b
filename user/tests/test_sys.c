/*
 * /proc, /core, /fleet, /name: what the sys service says is held against what the monitors and services say
 * themselves, and what is written to a ctl is seen to happen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
#include "libos/ninep/client.h"
#include "user/tests/child.h"
#include "user/tests/tap.h"

/* The value of a line "name value" in a file; "" when there is none. */
static const char *value_of(const char *path, const char *name)
{
	static char line[200];
	FILE *f = fopen(path, "r");
	bool found = false;

	while (f && !found && fgets(line, sizeof line, f))
		found = !strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ';
	if (f)
		fclose(f);
	if (!found)
		return "";
	line[strcspn(line, "\n")] = '\0';
	return line + strlen(name) + 1;
}

static bool listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d)))
		found = !strcmp(e->d_name, name);
	if (d)
		closedir(d);
	return found;
}

/* 0, or what the write said. */
static int command(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), error;

	if (fd < 0)
		return errno;
	errno = 0;
	error = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
	close(fd);
	return error;
}

static bool self_shown(void)
{
	char name[16], path[64], number[16];

	snprintf(name, sizeof name, "%d", (int)getpid());
	snprintf(path, sizeof path, "/proc/%s/status", name);
	EXPECT(!strcmp(value_of(path, "name"), "tests"));
	snprintf(number, sizeof number, "%u", (unsigned)process_self_core());
	EXPECT(!strcmp(value_of(path, "core"), number));
	EXPECT(process_self_id() == 0 || listed("/proc", name));
	EXPECT(access("/proc/123456789/status", F_OK) == -1 && errno == ENOENT);
	EXPECT(access("/proc/nobody", F_OK) == -1 && errno == ENOENT);
	return true;
}

/* Does /proc/self lead to ours? */
static bool self_found(void)
{
	char target[16], number[16];
	ssize_t n = readlink("/proc/self", target, sizeof target - 1);

	snprintf(number, sizeof number, "%d", (int)getpid());
	target[n > 0 ? n : 0] = '\0';
	/* One that has no number of the process service is core.number there. */
	return n > 0 && (strchr(target, '.') ? !process_self_id() : !strcmp(target, number)) &&
	       !strcmp(value_of("/proc/self/status", "name"), "tests");
}

static bool self_is_the_readers(void)
{
	struct stat st;
	int status;
	pid_t pid;

	EXPECT(lstat("/proc/self", &st) == 0 && S_ISLNK(st.st_mode));
	EXPECT(stat("/proc/self", &st) == 0 && S_ISDIR(st.st_mode));
	EXPECT(listed("/proc", "self") && listed("/proc/self", "status"));
	EXPECT(self_found());
	pid = fork();
	if (pid == 0)
		_exit(self_found() ? 42 : 1);
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42);
	EXPECT(access("/proc/self/nothing", F_OK) == -1 && errno == ENOENT);
	EXPECT(unlink("/proc/self") == -1);
	return true;
}

static bool others_controlled(void)
{
	char *argv[] = { (char *)"dev", (char *)"tests.sys", NULL }, path[64];
	int status;
	pid_t pid;

	EXPECT(posix_spawn(&pid, "/boot/dev", NULL, NULL, argv, NULL) == 0);
	snprintf(path, sizeof path, "/proc/%d/ctl", (int)pid);
	EXPECT(command(path, "dance") == EINVAL && command(path, "") == 0);
	EXPECT(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	EXPECT(!strcmp(value_of(path, "state"), "stopped"));
	snprintf(path, sizeof path, "/proc/%d/ctl", (int)pid);
	EXPECT(command(path, "start") == 0);
	snprintf(path, sizeof path, "/proc/%d/note", (int)pid);
	EXPECT(command(path, "9") == 0);
	EXPECT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	EXPECT(command(path, "9") == ENOENT);
	return true;
}

/* --- looking into a process ----------------------------------------------------------------------------------- */

static volatile unsigned long looked_at = 1;

/* What a breakpoint is put on: its first instruction is not to be shared with anything. */
static __attribute__((noinline)) void counts(void)
{
	looked_at++;
	__asm__ volatile("");
}

/* A child that counts; its files' path goes to `path`, up to N/. */
static pid_t counter_start(char *path)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;) {
			counts();
			usleep(1000);
		}
	if (pid > 0)
		sprintf(path, "/proc/%d/", (int)pid);
	return pid;
}

static const char *file_of(const char *path, const char *name)
{
	static char whole[64];

	snprintf(whole, sizeof whole, "%s%s", path, name);
	return whole;
}

static unsigned long counter_read(int mem)
{
	unsigned long value = 0;

	return pread(mem, &value, sizeof value, (off_t)(uintptr_t)&looked_at) == sizeof value ? value : 0;
}

static bool ends(pid_t pid)
{
	int status;

	return kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

/* A whole file, or "". */
static const char *contents(const char *name)
{
	static char text[4096];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool memory_shown(void)
{
	unsigned long first, mark = 0x5eed;
	char path[40], byte;
	int mem;
	pid_t pid = counter_start(path);

	EXPECT(pid > 0);
	mem = open(file_of(path, "mem"), O_RDWR);
	EXPECT(mem >= 0);
	for (first = counter_read(mem); counter_read(mem) == first;)
		sched_yield();
	EXPECT(command(file_of(path, "ctl"), "stop") == 0);
	EXPECT(!strcmp(contents(file_of(path, "wait")), "stopped\n"));
	first = counter_read(mem);
	EXPECT(first && counter_read(mem) == first);
	EXPECT(pwrite(mem, &mark, sizeof mark, (off_t)(uintptr_t)&looked_at) == sizeof mark);
	EXPECT(counter_read(mem) == mark);
	EXPECT(command(file_of(path, "ctl"), "start") == 0);
	while (counter_read(mem) == mark)
		sched_yield();
	EXPECT(counter_read(mem) > mark);
	EXPECT(pread(mem, &byte, 1, 0x1000) == -1 && errno == EIO);
	EXPECT(pread(mem, &byte, 1, (off_t)1 << 46) == -1 && errno == EIO);
	EXPECT(ends(pid));
	EXPECT(pread(mem, &byte, 1, (off_t)(uintptr_t)&looked_at) == -1 && errno == ENOENT);
	EXPECT(open(file_of(path, "regs"), O_RDONLY) == -1 && errno == ENOENT);
	close(mem);
	return true;
}

/* A register of the first thread that is shown. */
static unsigned long shown(const char *path, const char *name)
{
	return strtoul(value_of(file_of(path, "regs"), name), NULL, 16);
}

static bool waits_for(const char *path, const char *outcome)
{
	return !strncmp(contents(file_of(path, "wait")), outcome, strlen(outcome));
}

static bool debugged(void)
{
	const off_t at = (off_t)(uintptr_t)counts;
	unsigned char before, stop = 0xcc, ours = *(const volatile unsigned char *)(uintptr_t)counts;
	char path[40], text[80];
	pid_t pid = counter_start(path);
	int mem;

	EXPECT(pid > 0);
	mem = open(file_of(path, "mem"), O_RDWR);
	EXPECT(command(file_of(path, "ctl"), "step") == EBUSY);
	EXPECT(command(file_of(path, "regs"), "rip 0") == EBUSY);
	EXPECT(command(file_of(path, "ctl"), "attach") == 0 && command(file_of(path, "ctl"), "attach") == EEXIST);
	EXPECT(!strcmp(value_of(file_of(path, "status"), "debugged"), "yes"));
	EXPECT(pread(mem, &before, 1, at) == 1 && before == ours);
	EXPECT(pwrite(mem, &stop, 1, at) == 1);
	EXPECT(command(file_of(path, "ctl"), "start") == 0);
	EXPECT(waits_for(path, "trapped 3 "));
	EXPECT(shown(path, "rip") == (unsigned long)at + 1);
	/* Nobody else's text has changed. */
	EXPECT(*(const volatile unsigned char *)(uintptr_t)counts == ours);
	EXPECT(pwrite(mem, &before, 1, at) == 1);
	snprintf(text, sizeof text, "rip %lx", (unsigned long)at);
	EXPECT(command(file_of(path, "regs"), text) == 0 && shown(path, "rip") == (unsigned long)at);
	EXPECT(command(file_of(path, "ctl"), "step") == 0);
	EXPECT(waits_for(path, "trapped 1 "));
	EXPECT(shown(path, "rip") > (unsigned long)at && shown(path, "rip") < (unsigned long)at + 16);
	EXPECT(command(file_of(path, "regs"), "nothing 1") == EINVAL);
	/* A jump to nowhere: it stops there, too, and then ends as it would have. */
	EXPECT(command(file_of(path, "regs"), "rip 10") == 0);
	EXPECT(command(file_of(path, "ctl"), "start") == 0);
	EXPECT(waits_for(path, "trapped 14 "));
	EXPECT(shown(path, "rip") == 0x10);
	close(mem);
	EXPECT(ends(pid));
	return true;
}

static bool detached(void)
{
	char path[40];
	pid_t pid = counter_start(path);
	unsigned long first;
	int mem;

	EXPECT(pid > 0);
	mem = open(file_of(path, "mem"), O_RDONLY);
	EXPECT(command(file_of(path, "ctl"), "detach") == EINVAL);
	EXPECT(command(file_of(path, "ctl"), "attach") == 0);
	first = counter_read(mem);
	EXPECT(command(file_of(path, "ctl"), "detach") == 0);
	while (counter_read(mem) == first)
		sched_yield();
	close(mem);
	EXPECT(ends(pid));
	return true;
}

/* What `wait` says of a process that ends while it is asked, or has ended since it was opened. */
static bool ends_told(void)
{
	char path[40], text[40];
	pid_t pid = counter_start(path);
	int wait_for, status;

	EXPECT(pid > 0);
	wait_for = open(file_of(path, "wait"), O_RDONLY);
	EXPECT(wait_for >= 0 && kill(pid, SIGUSR1) == 0);
	EXPECT(read(wait_for, text, sizeof text) > 7 && !strncmp(text, "exited ", 7));
	EXPECT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	EXPECT(read(wait_for, text, sizeof text) > 7 && !strncmp(text, "exited ", 7));
	close(wait_for);
	return true;
}

static bool process_told(void)
{
	char path[40], line[80];
	pid_t pid;

	EXPECT(chdir("/tmp") == 0);
	pid = counter_start(path);
	EXPECT(pid > 0);
	EXPECT(strstr(contents(file_of(path, "args")), "tests"));
	EXPECT(!strcmp(contents(file_of(path, "cwd")), "/tmp\n"));
	EXPECT(!strncmp(contents(file_of(path, "fd")), "0 rw 0 ", 7));
	EXPECT(strstr(contents(file_of(path, "ns")), "mount mem.files /tmp create\n"));
	snprintf(line, sizeof line, "%d", (int)getpid());
	EXPECT(!strcmp(value_of(file_of(path, "status"), "parent"), line));
	EXPECT(atoi(value_of(file_of(path, "status"), "memory")) > 65536);
	EXPECT(chdir("/") == 0 && ends(pid));
	return true;
}

static bool cores_shown(void)
{
	struct mon_core core;
	char path[64], number[16];

	for (coreid_t c = 0; !mon_core(c, &core); c++) {
		snprintf(path, sizeof path, "/core/%u/status", (unsigned)c);
		snprintf(number, sizeof number, "%u", (unsigned)core.apic_id);
		EXPECT(!strcmp(value_of(path, "apic"), number));
		EXPECT(core.state != MON_CORE_UP || !strcmp(value_of(path, "state"), "up"));
		snprintf(number, sizeof number, "%u", (unsigned)c);
		EXPECT(listed("/core", number));
	}
	EXPECT(command("/core/0/ctl", "jump") == EINVAL);
	EXPECT(open("/core/0/status", O_WRONLY) == -1 && errno == EACCES);
	EXPECT(open("/core/4000/status", O_RDONLY) == -1 && errno == ENOENT);
	return true;
}

static bool fleets_shown(void)
{
	char line[200] = "";
	FILE *f;

	EXPECT(listed("/fleet", "name") && listed("/fleet", "page") && listed("/fleet", "proc"));
	EXPECT(atoi(value_of("/fleet/proc/status", "members")) >= 1);
	f = fopen("/fleet/page/members", "r");
	EXPECT(f && fgets(line, sizeof line, f));
	fclose(f);
	EXPECT(strstr(line, "serving"));
	f = fopen("/fleet/page/policy", "r");
	EXPECT(f && fgets(line, sizeof line, f));
	fclose(f);
	EXPECT(!strncmp(line, "least=", 6));
	EXPECT(command("/fleet/page/policy", "colour=3") == EINVAL);
	EXPECT(command("/fleet/page/ctl", "kill 4000000") == ENOENT);
	return true;
}

static bool names_shown(void)
{
	DIR *d = opendir("/name/fleet/page");
	struct dirent *e;
	char path[300] = "", text[100];
	FILE *f;

	EXPECT(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			snprintf(path, sizeof path, "/name/fleet/page/%s", e->d_name);
	closedir(d);
	EXPECT(*path);
	f = fopen(path, "r");
	EXPECT(f && fgets(text, sizeof text, f));
	fclose(f);
	EXPECT(strchr(text, '.') && strlen(text) > 6);
	EXPECT(listed("/name", "fleet") && listed("/name/fleet/..", "fleet"));
	EXPECT(access("/name/nobody", F_OK) == -1 && errno == ENOENT);
	return true;
}

/* --- a client that takes no answers ---------------------------------------------------------------------------- */

#define DEAF_REQUESTS 100000 /* that a service may take of it */
#define DEAF_LOOKS 1000      /* in vain, after which it takes no more */

/* Requests without an end, of which no answer is looked at, until none is taken any more. */
static bool deafen(struct ninep_client *c, uint32_t root)
{
	struct ninep_message m = { .type = NINEP_TGETATTR };
	unsigned sent = 0, looks = 0;

	m.tgetattr.fid = root;
	m.tgetattr.mask = 0x7ff;
	while (looks < DEAF_LOOKS && sent < DEAF_REQUESTS) {
		if (!ninep_link_stalled(&c->link)) {
			EXPECT_OK(c->link.ops->send(&c->link, &m, NULL));
			sent++;
			looks = 0;
		} else {
			looks++;
			(void)c->link.ops->push(&c->link);
			sched_yield();
		}
	}
	EXPECT(sent < DEAF_REQUESTS);
	return true;
}

static bool connected(struct ninep_client *c, uint32_t *root)
{
	struct fabric *f;

	EXPECT_OK(fabric_here(&f));
	EXPECT(ninep_connect(c, f, "sys") == 0);
	EXPECT(ninep_attach(c, "tests", "proc", root) == 0);
	return true;
}

static bool the_deaf_stop_nobody(void)
{
	static struct ninep_client deaf, other;
	uint32_t root, other_root;
	struct ninep_attr a;

	EXPECT(connected(&deaf, &root) && deafen(&deaf, root));
	for (unsigned i = 0; i < 20; i++)
		EXPECT(!strcmp(value_of("/proc/self/status", "name"), "tests"));
	EXPECT(connected(&other, &other_root));
	EXPECT(ninep_getattr(&other, other_root, &a) == 0);
	ninep_end(&other);
	ninep_end(&deaf);
	EXPECT(!strcmp(value_of("/proc/self/status", "name"), "tests"));
	return true;
}

/* --- what tests/boot/debug.py looks at with gdb ------------------------------------------------------------- */

static volatile bool debuggee_may_end;
static volatile int debuggee_turns;

static __attribute__((noinline)) void debuggee_turn(int turn) { debuggee_turns = turn; }

/* Takes turns until a debugger says that it may end. */
int deed_debuggee(const char *arg)
{
	for (int turn = 1; !debuggee_may_end; turn++) {
		debuggee_turn(turn);
		usleep(1000);
	}
	return atoi(arg);
}

const struct test sys_tests[] = {
	{ "/proc shows this process", self_shown },
	{ "/proc/self is whoever reads it", self_is_the_readers },
	{ "/proc/N/ctl stops, starts, signals", others_controlled },
	{ "/proc/N/mem is a process's memory", memory_shown },
	{ "/proc/N: breakpoints, steps, faults, registers", debugged },
	{ "/proc/N: a debugger lets go", detached },
	{ "/proc/N/wait tells of an end", ends_told },
	{ "/proc/N tells what its process keeps", process_told },
	{ "/core shows what monitors say", cores_shown },
	{ "/fleet shows members, takes commands", fleets_shown },
	{ "/name shows names", names_shown },
	{ "a client that takes no answers stops nobody else", the_deaf_stop_nobody },
	{ 0 },
};
