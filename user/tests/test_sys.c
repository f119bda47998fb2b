/*
 * /proc, /core, /fleet, /name: what the sys service says is held against what the monitors and services say
 * themselves, and what is written to a ctl is seen to happen.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libos/core/dispatcher.h"
#include "libos/core/monitor_client.h"
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

static bool others_controlled(void)
{
	char *argv[] = { (char *)"dev", (char *)"tests.sys", NULL }, path[64];
	int status;
	pid_t pid;

	EXPECT(posix_spawn(&pid, "/boot/dev", NULL, NULL, argv, NULL) == 0);
	snprintf(path, sizeof path, "/proc/%d/ctl", (int)pid);
	EXPECT(command(path, "dance") == EINVAL && command(path, "") == 0);
	EXPECT(kill(pid, SIGSTOP) == 0);
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

const struct test sys_tests[] = {
	{ "/proc shows this process", self_shown },
	{ "/proc/N/ctl stops, starts, signals", others_controlled },
	{ "/core shows what monitors say", cores_shown },
	{ "/fleet shows members, takes commands", fleets_shown },
	{ "/name shows names", names_shown },
	{ 0 },
};
