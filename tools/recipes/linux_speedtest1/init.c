/* The first process of a Linux guest: runs /speedtest1, with the arguments that the kernel gives it, in a tmpfs. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int status = 0, first = 1;

	/* Words that Linux did not know come before them. */
	while (first < argc && argv[first][0] != '-')
		first++;
	if (mount("tmpfs", "/tmp", "tmpfs", 0, NULL) || chdir("/tmp"))
		perror("/tmp");
	argv += first - 1;
	argv[0] = "speedtest1";
	if (fork() == 0) {
		execv("/speedtest1", argv);
		perror("/speedtest1");
		_exit(1);
	}
	wait(&status);
	printf("speedtest1: status %d\n", status);
	fflush(stdout);
	sync();
	reboot(RB_AUTOBOOT);
	return 1;
}
