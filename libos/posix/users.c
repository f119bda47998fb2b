/*
 * Users and groups: there is one of each, root, number 0.
 *
 * Who one is has no meaning to the system, whose rights are capabilities; a file system may keep owners.
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "libos/posix/errno.h"

#define ROOT_ID 0
#define ROOT_NAME "root"

static struct passwd root = {
	.pw_name = (char *)ROOT_NAME,
	.pw_passwd = (char *)"",
	.pw_comment = (char *)"",
	.pw_gecos = (char *)"",
	.pw_dir = (char *)"/tmp",
	.pw_shell = (char *)"/boot/sh",
};

static char *no_members[] = { NULL };
static struct group root_group = { .gr_name = (char *)ROOT_NAME, .gr_passwd = (char *)"", .gr_mem = no_members };

static bool user_told, group_told; /* by getpwent and getgrent since they were set to their start */

struct passwd *getpwuid(uid_t id) { return id == ROOT_ID ? &root : NULL; }
struct passwd *getpwnam(const char *name) { return strcmp(name, ROOT_NAME) ? NULL : &root; }
struct group *getgrgid(gid_t id) { return id == ROOT_ID ? &root_group : NULL; }
struct group *getgrnam(const char *name) { return strcmp(name, ROOT_NAME) ? NULL : &root_group; }

/* All texts are constants, so the buffer is not used; a record that is not there is no error. */
static int user_copy(const struct passwd *found, struct passwd *to, struct passwd **out)
{
	if (found)
		*to = *found;
	*out = found ? to : NULL;
	return 0;
}

static int group_copy(const struct group *found, struct group *to, struct group **out)
{
	if (found)
		*to = *found;
	*out = found ? to : NULL;
	return 0;
}

int getpwuid_r(uid_t id, struct passwd *to, char *text, size_t bytes, struct passwd **out)
{
	(void)text;
	(void)bytes;
	return user_copy(getpwuid(id), to, out);
}

int getpwnam_r(const char *name, struct passwd *to, char *text, size_t bytes, struct passwd **out)
{
	(void)text;
	(void)bytes;
	return user_copy(getpwnam(name), to, out);
}

int getgrgid_r(gid_t id, struct group *to, char *text, size_t bytes, struct group **out)
{
	(void)text;
	(void)bytes;
	return group_copy(getgrgid(id), to, out);
}

int getgrnam_r(const char *name, struct group *to, char *text, size_t bytes, struct group **out)
{
	(void)text;
	(void)bytes;
	return group_copy(getgrnam(name), to, out);
}

void setpwent(void) { user_told = false; }
void endpwent(void) { user_told = false; }
void setgrent(void) { group_told = false; }
void endgrent(void) { group_told = false; }

struct passwd *getpwent(void)
{
	struct passwd *next = user_told ? NULL : &root;

	user_told = true;
	return next;
}

struct group *getgrent(void)
{
	struct group *next = group_told ? NULL : &root_group;

	group_told = true;
	return next;
}

/* --- of the process ------------------------------------------------------------------ */

uid_t getuid(void) { return ROOT_ID; }
uid_t geteuid(void) { return ROOT_ID; }
gid_t getgid(void) { return ROOT_ID; }
gid_t getegid(void) { return ROOT_ID; }
int issetugid(void) { return 0; }

static int become(unsigned id) { return id == ROOT_ID || id == (unsigned)-1 ? 0 : errno_fail(EPERM); }

int setuid(uid_t id) { return id == (uid_t)-1 ? errno_fail(EINVAL) : become(id); }
int seteuid(uid_t id) { return id == (uid_t)-1 ? errno_fail(EINVAL) : become(id); }
int setgid(gid_t id) { return id == (gid_t)-1 ? errno_fail(EINVAL) : become(id); }
int setegid(gid_t id) { return id == (gid_t)-1 ? errno_fail(EINVAL) : become(id); }
int setreuid(uid_t real, uid_t effective) { return become(real) ? -1 : become(effective); }
int setregid(gid_t real, gid_t effective) { return become(real) ? -1 : become(effective); }

/* No supplementary groups. */
int getgroups(int count, gid_t *list)
{
	(void)list;
	return count < 0 ? errno_fail(EINVAL) : 0;
}

int setgroups(int count, const gid_t *list)
{
	for (int i = 0; i < count; i++)
		if (list[i] != ROOT_ID)
			return errno_fail(EPERM);
	return 0;
}

int initgroups(const char *user, gid_t group)
{
	(void)user;
	return become(group);
}

/* -1, and how many there are, when there is no room for that one. */
int getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
	bool room = *count >= 1;

	(void)user;
	*count = 1;
	if (room)
		groups[0] = group;
	return room ? 1 : -1;
}

char *getlogin(void) { return root.pw_name; }

int getlogin_r(char *name, size_t bytes)
{
	if (bytes < sizeof(ROOT_NAME))
		return ERANGE;
	memcpy(name, ROOT_NAME, sizeof(ROOT_NAME));
	return 0;
}
