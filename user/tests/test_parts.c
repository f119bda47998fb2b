/*
 * The C library's parts that newlib lacks: patterns, addresses, users, limits; and sockets, which say that
 * there is no network.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <regex.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/tests/tap.h"

static bool matches(const char *pattern, int flags, const char *text)
{
	regex_t r;
	bool found = !regcomp(&r, pattern, flags) && !regexec(&r, text, 0, NULL, 0);

	regfree(&r);
	return found;
}

static bool expressions(void)
{
	regex_t r;
	regmatch_t m[3];
	char text[80];

	EXPECT(matches("^a*b$", 0, "aaab") && !matches("^a*b$", 0, "aaac"));
	EXPECT(matches("(ab|cd){2}[[:digit:]]+", REG_EXTENDED, "xxabcd7"));
	EXPECT(matches("HELLO", REG_ICASE, "Say hello"));
	EXPECT(matches("\\(a.\\)\\1", 0, "axax") && !matches("\\(a.\\)\\1", 0, "axay"));
	EXPECT(!regcomp(&r, "([a-z]+)=([0-9]+)", REG_EXTENDED));
	EXPECT(!regexec(&r, "  size=42;", 3, m, 0));
	EXPECT(m[1].rm_so == 2 && m[1].rm_eo == 6 && m[2].rm_so == 7 && m[2].rm_eo == 9);
	regfree(&r);
	EXPECT(regcomp(&r, "a(b", REG_EXTENDED) == REG_EPAREN);
	EXPECT(regerror(REG_EPAREN, NULL, text, sizeof text) > 1 && text[0]);
	return true;
}

static bool names_of_files(void)
{
	char path[] = "/usr/lib/x.c", other[] = "/usr/lib/x.c";

	EXPECT(fnmatch("*.[ch]", "main.c", 0) == 0 && fnmatch("*.[ch]", "main.o", 0) == FNM_NOMATCH);
	EXPECT(fnmatch("*", "a/b", FNM_PATHNAME) == FNM_NOMATCH && fnmatch("*", ".x", FNM_PERIOD) == FNM_NOMATCH);
	EXPECT(strcmp(basename(path), "x.c") == 0 && strcmp(dirname(other), "/usr/lib") == 0);
	return true;
}

static bool addresses(void)
{
	struct in_addr four;
	struct in6_addr six;
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *found;
	char text[INET6_ADDRSTRLEN], port[8];

	EXPECT(inet_pton(AF_INET, "10.0.2.15", &four) == 1 && four.s_addr == htonl(0x0a00020f));
	EXPECT(inet_pton(AF_INET, "10.0.2.256", &four) == 0);
	EXPECT(inet_pton(AF_INET6, "fe80::1", &six) == 1);
	EXPECT(inet_ntop(AF_INET6, &six, text, sizeof text) && strcmp(text, "fe80::1") == 0);
	EXPECT(getaddrinfo("127.0.0.1", "80", &hints, &found) == 0);
	EXPECT(found->ai_family == AF_INET && ((struct sockaddr_in *)found->ai_addr)->sin_port == htons(80));
	EXPECT(getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, port, sizeof port, 0) == 0);
	EXPECT(strcmp(text, "127.0.0.1") == 0 && strcmp(port, "80") == 0);
	freeaddrinfo(found);
	EXPECT(getaddrinfo("example", "80", &hints, &found) == EAI_NONAME);
	EXPECT(getaddrinfo("example", "80", NULL, &found) == EAI_AGAIN);
	EXPECT(getaddrinfo("127.0.0.1", "no-port", NULL, &found) == EAI_SERVICE);
	return true;
}

static bool sockets(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/tmp/x" };
	int pair[2];

	errno = 0;
	EXPECT(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == ENETDOWN);
	errno = 0;
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 && errno == ENETDOWN);
	errno = 0;
	EXPECT(connect(1, (struct sockaddr *)&address, sizeof address) == -1 && errno == ENOTSOCK);
	errno = 0;
	EXPECT(recv(-1, pair, sizeof pair, 0) == -1 && errno == EBADF);
	return true;
}

static bool users(void)
{
	struct passwd entry, *user;
	char text[64];

	user = getpwuid(getuid());
	EXPECT(user && strcmp(user->pw_name, "root") == 0 && getpwnam("nobody") == NULL);
	EXPECT(getpwnam_r("root", &entry, text, sizeof text, &user) == 0 && user == &entry && entry.pw_uid == 0);
	EXPECT(getgrgid(getgid()) && getgrnam("wheel") == NULL);
	setpwent();
	EXPECT(getpwent() && !getpwent());
	EXPECT(setuid(0) == 0);
	errno = 0;
	EXPECT(setuid(1000) == -1 && errno == EPERM);
	return true;
}

static bool limits(void)
{
	struct rlimit r;
	struct utsname name;
	char host[HOST_NAME_MAX + 1];

	EXPECT(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	errno = 0;
	EXPECT(sysconf(-5) == -1 && errno == EINVAL);
	errno = 0;
	EXPECT(sysconf(_SC_MESSAGE_PASSING) == -1 && errno == 0);
	EXPECT(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == (rlim_t)sysconf(_SC_OPEN_MAX));
	EXPECT(getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur == RLIM_INFINITY);
	errno = 0;
	r.rlim_cur = 4096;
	EXPECT(setrlimit(RLIMIT_AS, &r) == -1 && errno == EPERM);
	EXPECT(pathconf("/boot/tests", _PC_NAME_MAX) == NAME_MAX);
	errno = 0;
	EXPECT(pathconf("/boot/no-such-file", _PC_NAME_MAX) == -1 && errno == ENOENT);
	EXPECT(uname(&name) == 0 && strcmp(name.sysname, "Skerry") == 0 && strcmp(name.machine, "x86_64") == 0);
	EXPECT(gethostname(host, sizeof host) == 0 && strcmp(host, name.nodename) == 0);
	return true;
}

const struct test parts_tests[] = {
	{ "regular expressions", expressions },
	{ "patterns and parts of paths", names_of_files },
	{ "addresses of the network, and their texts", addresses },
	{ "a socket cannot be had, and the error says why", sockets },
	{ "there is one user", users },
	{ "limits, names", limits },
	{ NULL, NULL },
};
