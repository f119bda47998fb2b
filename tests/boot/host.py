"""The host's files under emulation: what one side writes the other reads."""
import os
import subprocess
import tempfile
import time

import guest
import qemu
from inside import run_tap
from machines import expect

LARGE = 300000


def pattern(start, count):
    return bytes((i * 7 + i // 251) & 0xff for i in range(start, start + count))


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def fill(folder):
    """What user/tests/test_host.c expects to find."""
    write(folder, "sub/greeting", b"from this side\n")
    write(folder, "large", pattern(0, LARGE))
    write(folder, "moved.from", b"moved")
    write(folder, "unwanted", b"")
    for i in range(100):
        write(folder, f"many/entry-{i}", b"")


def look(folder):
    """What it is to leave behind."""
    expect(read(folder, "written") == b"from the other side\n", "the file written in the system is another one here")
    expect(read(folder, "large.out") == pattern(1, LARGE), "300,000 bytes written in the system are others here")
    expect(os.readlink(os.path.join(folder, "made/pointer")) == "../written", "the link points elsewhere")
    expect(read(folder, "made/moved.to") == b"moved", "the file was not moved")
    expect(not os.path.exists(os.path.join(folder, "unwanted")), "the unwanted file is still there")


def share(report, cores):
    with tempfile.TemporaryDirectory(prefix="skerry-share-") as folder:
        fill(folder)
        run_tap(report, f"tests host/{cores} cores", "tests host", 90, cores=cores, share=folder)
        look(folder)


def test_1(report):
    """a folder of the host, 1 core: read, written, found there"""
    share(report, 1)


def test_4(report):
    """a folder of the host, 4 cores"""
    share(report, 4)


def test_without(report):
    """without the device there is no service of that name, and no process"""
    with guest.boot(60, cores=1) as g:
        g.prompt()
        expect("host" not in g.shell("ps"), "the service runs without its device")


PROGRAM = r"""
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char line[100], cwd[1000];
	FILE *f = fopen("made", "w");

	fprintf(f, "by %s\n", argv[0]);
	fclose(f);
	printf("%s %s in %s\n", argv[1], argv[argc - 1], getcwd(cwd, sizeof cwd));
	while (fgets(line, sizeof line, stdin))
		printf("read %s", line);
	fprintf(stderr, "%s\n", fopen("nothing", "r") ? "found" : strerror(errno));
	return 200;
}
"""


def skerry_run(folder, *words, **how):
    return subprocess.run([os.path.join(qemu.ROOT, "tools/skerry-run"), "--limit", "180", *words], cwd=folder,
                          capture_output=True, timeout=200, **how)


def compiled(folder):
    write(folder, "program.c", PROGRAM.encode())
    subprocess.run([os.path.join(qemu.BUILD, "bin/x86_64-skerry-gcc"), "program.c", "-o", "program"], cwd=folder,
                   check=True)


SMALL = r"""
#include <stdio.h>

int main(int argc, char **argv)
{
	printf("%d arguments, the last is %s\n", argc, argv[argc - 1]);
	return 7;
}
"""


def test_program(report):
    """a program that the wrapper has made is started from the host's folder by its path, and a script"""
    with tempfile.TemporaryDirectory(prefix="skerry-share-") as folder:
        write(folder, "small.c", SMALL.encode())
        subprocess.run([os.path.join(qemu.BUILD, "bin/x86_64-skerry-gcc"), "small.c", "-o", "small"], cwd=folder,
                       check=True)
        write(folder, "script", b"#!/host/small by the\n")
        os.chmod(os.path.join(folder, "script"), 0o755)
        with guest.boot(90, cores=2, share=folder) as g:
            g.prompt()
            said = g.shell("/host/small one two")
            expect("3 arguments, the last is two\n" in said and "exit status 7" in said, said)
            said = g.shell("run --core 1 /host/script")
            expect("3 arguments, the last is /host/script\n" in said, said)
            expect("Permission denied" in g.shell("/host/small.c"), "a text was started")


def test_skerry_run(report):
    """tools/skerry-run: a program of the wrapper's as one of this machine: streams, folder, status"""
    with tempfile.TemporaryDirectory(prefix="skerry-share-") as folder:
        compiled(folder)
        start = time.monotonic()
        done = skerry_run(folder, "./program", "a", "b c", input=b"one\ntwo\n")
        took = time.monotonic() - start
        expect(done.returncode == 200, f"exit status {done.returncode}: {done.stderr}")
        expect(done.stdout.decode() == f"a b c in /host{folder}\nread one\nread two\n", f"output {done.stdout}")
        expect(done.stderr == b"No such file or directory\n", f"errors {done.stderr}")
        expect(read(folder, "made") == b"by program\n", "the file that it made is another one here")
        report.result(f"boot host: skerry-run took {took:.1f} s, 3 s are the goal on an idle machine", took < 90)


def test_skerry_run_killed(report):
    """tools/skerry-run: a program that faults, and one that is not there"""
    with tempfile.TemporaryDirectory(prefix="skerry-share-") as folder:
        done = skerry_run(folder, "crash", stdin=subprocess.DEVNULL)
        expect(done.returncode > 128, f"exit status {done.returncode} of a program that faults")
        done = skerry_run(folder, "./nothing", stdin=subprocess.DEVNULL)
        expect(done.returncode != 0 and b"no such file" in done.stderr, f"{done.returncode}, {done.stderr}")


def test_gdb(report):
    """tools/run --gdb: the CPU driver stops at its first function in C"""
    line = [os.path.join(qemu.ROOT, "tools/run"), "--gdb", "--cores", "2", "--limit", "180",
            "--ex", "hbreak kernel_start", "--ex", "continue", "--ex", "backtrace"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
    expect("#0  kernel_start" in done.stdout and "kernel/core/startup.c" in done.stdout, done.stdout + done.stderr)
