/*
 * 9P with others' implementations: diod's tools as clients of our server with the memory file system's tree, over TCP;
 * our client at a diod that has a folder of this machine, over a socket pair.
 *
 * Oracle: what diodcat and diodls print is what was written; what our client does is seen in the folder, and the other
 * way round. Needs Debian's package diod (tools/deps).
 */
/* needs: services/mem/inode.c services/mem/data.c services/mem/directory.c services/mem/names.c services/mem/lock.c */
/* needs: services/mem/extent.c tests/unit/mem_frame.c services/mem/map.c services/mem/tree.c libos/pipe/pipe.c */
/* needs: libos/ninep/serve_ring.c libos/ninep/client_session.c libos/ninep/client_share.c */
/* needs: libos/ninep/log.c libos/ninep/replay.c libos/ninep/session.c */
/* needs: libos/ninep/serve_read.c libos/ninep/serve_attr.c libos/ninep/share.c libos/ninep/connection.c */
/* needs: libos/ninep/codec.c libos/ninep/error.c libos/ninep/link.c libos/ninep/link_channel.c */
/* needs: libos/ninep/link_stream.c libos/ninep/client.c libos/ninep/client_file.c libos/ninep/client_names.c libos/ninep/fid.c */
/* needs: libos/ninep/serve.c libos/ninep/serve_change.c libos/ninep/tree.c */
/* needs: libos/fabric/urpc.c libos/fabric/channel.c libos/fabric/channel_urpc.c libos/fabric/wait.c */
/* needs: libos/fabric/wait_board.c libos/fabric/hint.c libos/fabric/bulk.c libos/fabric/hosted/hosted.c */
/* needs: libos/fabric/hosted/looks.c */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "libos/ninep/client.h"
#include "services/mem/tree.h"

#define MSIZE 65560
#define LARGE 300000
#define MANY 100
#define QUOTA (UINT64_C(64) << 20)
#define PATH "PATH=/usr/sbin:/usr/bin:/sbin:/bin "

static unsigned char pattern[LARGE];

/* --- a socket as a stream ------------------------------------------------------------------------------ */

static err_t result(ssize_t n, uint32_t *done)
{
	if (n < 0)
		return errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
	*done = (uint32_t)n;
	return n ? ERR_OK : ERR_CLOSED;
}

static err_t socket_read(void *arg, void *into, uint32_t room, uint32_t *done)
{
	return result(recv(*(int *)arg, into, room, MSG_DONTWAIT), done);
}

static err_t socket_write(void *arg, const void *from, uint32_t length, uint32_t *done)
{
	return result(send(*(int *)arg, from, length, MSG_DONTWAIT | MSG_NOSIGNAL), done);
}

static err_t socket_wait(void *arg, bool writing, cycles_t deadline)
{
	struct pollfd p = { .fd = *(int *)arg, .events = (short)(POLLIN | (writing ? POLLOUT : 0)) };

	(void)deadline;
	return poll(&p, 1, -1) == 1 ? ERR_OK : ERR_CLOSED;
}

static const struct ninep_stream stream = { .read = socket_read, .write = socket_write, .wait = socket_wait };

/* --- our server ------------------------------------------------------------------------------------------ */

static uint64_t ticks;

static struct mem_time tick(void) { return (struct mem_time){ ++ticks, 0 }; }

static struct mem_inode *made(struct mem_inode *dir, const char *name, uint32_t mode)
{
	const struct ninep_creation what = { .name = ninep_text(name), .target = ninep_text("small"), .mode = mode };
	struct mem_inode *i;

	assert_int_equal(mem_create(dir, &what, 0, &i), 0);
	return i;
}

static void filled(struct mem_inode *i, const void *bytes, uint32_t length)
{
	uint32_t count = length;

	assert_int_equal(mem_write(i, 0, bytes, &count), 0);
	assert_int_equal(count, length);
}

static void connection_serve(int fd, const struct ninep_node *root)
{
	static struct ninep_connection n;
	struct ninep_link link;
	err_t err;

	memset(&n, 0, sizeof(n));
	assert_int_equal(ninep_link_stream(&link, &stream, &fd, MSIZE), ERR_OK);
	ninep_connection_init(&n, root, &link);
	do
		err = socket_wait(&fd, !ninep_connection_room(&n), 0);
	while (!err && !(err = ninep_connection_serve(&n)));
	ninep_connection_close(&n);
	close(fd);
}

/* One client after the other, for ever. */
static void serve(int listener)
{
	static struct memfs fs;
	struct mem_inode *sub;
	char name[16];

	assert_int_equal(memfs_init(&fs, QUOTA, tick), 0);
	filled(made(fs.root, "small", NINEP_FILE | 0644), "from memory\n", 12);
	filled(made(fs.root, "large", NINEP_FILE | 0600), pattern, LARGE);
	made(fs.root, "link", NINEP_SYMLINK | 0777);
	sub = made(fs.root, "sub", NINEP_DIR | 0755);
	for (unsigned i = 0; i < MANY; i++) {
		sprintf(name, "entry-%u", i);
		made(sub, name, NINEP_FILE | 0644);
	}
	for (;;)
		connection_serve(accept(listener, NULL, NULL), mem_tree(&fs));
}

static pid_t server;
static uint16_t port;

static int server_begin(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	for (unsigned i = 0; i < LARGE; i++)
		pattern[i] = (unsigned char)(i * 7 + i / 251);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
	port = ntohs(at.sin_port);
	server = fork();
	if (!server)
		serve(listener);
	close(listener);
	return server < 0;
}

static int server_end(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	return waitpid(server, NULL, 0) != server;
}

/* What a tool of diod's prints; *status is how it ended. */
static size_t said(const char *tool, const char *words, char *to, size_t room, int *status)
{
	char line[200];
	size_t length;
	FILE *f;

	snprintf(line, sizeof(line), PATH "%s -t 100 -a / -s 127.0.0.1:%u %s 2>&1", tool, port, words);
	f = popen(line, "r");
	assert_non_null(f);
	length = fread(to, 1, room - 1, f);
	to[length] = '\0';
	*status = pclose(f);
	return length;
}

static char text[2 * LARGE];

static void their_reads(void **state)
{
	int status;

	(void)state;
	assert_int_equal(said("diodcat", "small", text, sizeof(text), &status), 12);
	assert_string_equal(text, "from memory\n");
	assert_int_equal(status, 0);
	assert_int_equal(said("diodcat", "-m 8192 large", text, sizeof(text), &status), LARGE);
	assert_memory_equal(text, pattern, LARGE);
	assert_int_equal(said("diodcat", "small large small", text, sizeof(text), &status), LARGE + 24);
	said("diodcat", "nothing", text, sizeof(text), &status);
	assert_non_null(strstr(text, "No such file or directory"));
	assert_int_not_equal(status, 0);
}

static void their_listing(void **state)
{
	char name[20];
	int status;

	(void)state;
	said("diodls", "-l /", text, sizeof(text), &status);
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, "drwxr-xr-x"));
	assert_non_null(strstr(text, "300000"));
	said("diodls", "sub", text, sizeof(text), &status);
	for (unsigned i = 0; i < MANY; i++) {
		sprintf(name, "entry-%u\n", i);
		assert_non_null(strstr(text, name));
	}
}

/* --- their server ------------------------------------------------------------------------------------------ */

static struct {
	char folder[40];
	pid_t pid;
	int fd;
	struct ninep_client client;
	uint32_t root;
} theirs;

static int diod_begin(void **state)
{
	struct ninep_link link;
	int fd[2];

	(void)state;
	strcpy(theirs.folder, "/tmp/skerry-foreign-XXXXXX");
	assert_non_null(mkdtemp(theirs.folder));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	theirs.pid = fork();
	if (!theirs.pid) {
		char number[2][20];

		fcntl(fd[1], F_SETFD, 0);
		sprintf(number[0], "--rfdno=%d", fd[1]);
		sprintf(number[1], "--wfdno=%d", fd[1]);
		setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
		execlp("diod", "diod", "-f", "-n", "-c", "/dev/null", "-L", "stderr", "-e", theirs.folder, number[0],
		       number[1], NULL);
		_exit(127);
	}
	close(fd[1]);
	theirs.fd = fd[0];
	assert_int_equal(ninep_link_stream(&link, &stream, &theirs.fd, MSIZE), ERR_OK);
	assert_int_equal(ninep_begin(&theirs.client, &link), 0);
	assert_int_equal(ninep_attach(&theirs.client, "root", theirs.folder, &theirs.root), 0);
	return 0;
}

static int diod_end(void **state)
{
	char line[80];

	(void)state;
	ninep_end(&theirs.client);
	close(theirs.fd);
	kill(theirs.pid, SIGTERM);
	assert_int_equal(waitpid(theirs.pid, NULL, 0), theirs.pid);
	snprintf(line, sizeof(line), "rm -r %s", theirs.folder);
	return system(line);
}

static const char *within(const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/%s", theirs.folder, name);
	return path;
}

static uint32_t walked(const char *path)
{
	uint32_t fid;

	assert_int_equal(ninep_walk(&theirs.client, theirs.root, path, &fid), 0);
	return fid;
}

static void our_writes(void **state)
{
	struct ninep_client *c = &theirs.client;
	struct ninep_attr a;
	uint32_t fid, none;
	size_t done;
	int fd;

	(void)state;
	assert_int_equal(ninep_mkdir(c, theirs.root, "dir", 0755), 0);
	fid = walked("dir");
	assert_int_equal(ninep_create(c, fid, "file", NINEP_RDWR, 0640), 0);
	assert_int_equal(ninep_write(c, fid, 0, pattern, LARGE, &done), 0);
	assert_int_equal(done, LARGE);
	assert_int_equal(ninep_fsync(c, fid), 0);
	memset(text, 0, LARGE);
	assert_int_equal(ninep_read(c, fid, 0, text, LARGE, &done), 0);
	assert_int_equal(done, LARGE);
	assert_memory_equal(text, pattern, LARGE);
	assert_int_equal(ninep_getattr(c, fid, &a), 0);
	assert_int_equal(a.size, LARGE);
	assert_int_equal(a.mode & 07777, 0640);
	assert_int_equal(ninep_clunk(c, fid), 0);
	fd = open(within("dir/file"), O_RDONLY);
	memset(text, 0, LARGE);
	assert_int_equal(read(fd, text, LARGE), LARGE);
	assert_memory_equal(text, pattern, LARGE);
	close(fd);
	assert_int_equal(ninep_walk(c, theirs.root, "dir/nothing", &none), NINEP_ENOENT);
	assert_int_equal(ninep_mkdir(c, theirs.root, "dir", 0755), NINEP_EEXIST);
	assert_int_equal(ninep_unlink(c, theirs.root, "dir", true), NINEP_ENOTEMPTY);
}

static void our_names(void **state)
{
	struct ninep_dir_entry entries[8];
	struct ninep_client *c = &theirs.client;
	uint32_t dir = walked("dir"), fid;
	uint64_t offset = 0;
	unsigned count = 1, listed = 0;
	char name[16];
	struct stat s;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "x%u", i);
		close(open(within(strcat(strcpy(text, "dir/"), name)), O_WRONLY | O_CREAT, 0600));
	}
	fid = walked("dir");
	assert_int_equal(ninep_open(c, fid, NINEP_RDONLY), 0);
	while (count) {
		assert_int_equal(ninep_readdir(c, fid, offset, entries, 8, &count), 0);
		for (unsigned i = 0; i < count; i++) {
			listed += entries[i].name[0] == 'x';
			offset = entries[i].next;
		}
	}
	assert_int_equal(listed, MANY);
	assert_int_equal(ninep_clunk(c, fid), 0);
	assert_int_equal(ninep_symlink(c, dir, "link", "to/nowhere"), 0);
	fid = walked("dir/link");
	assert_int_equal(ninep_readlink(c, fid, text, sizeof(text)), 0);
	assert_string_equal(text, "to/nowhere");
	assert_int_equal(ninep_clunk(c, fid), 0);
	assert_int_equal(ninep_rename(c, dir, "file", theirs.root, "moved"), 0);
	assert_int_equal(stat(within("moved"), &s), 0);
	assert_int_equal(ninep_unlink(c, theirs.root, "moved", false), 0);
	assert_int_equal(stat(within("moved"), &s), -1);
	assert_int_equal(ninep_clunk(c, dir), 0);
}

static int begin(void **state) { return server_begin(state) || diod_begin(state); }
static int end(void **state) { return server_end(state) | diod_end(state); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(their_reads),
		cmocka_unit_test(their_listing),
		cmocka_unit_test(our_writes),
		cmocka_unit_test(our_names),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
