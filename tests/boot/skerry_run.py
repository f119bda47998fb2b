"""tools/skerry-run on a terminal: keys, signals, the window, and the terminal as it was, however it ends."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import guest
import qemu
from machines import expect

LIMIT = 60 * guest.BUSY
ROWS, COLUMNS = 33, 101
PORTS = os.path.join(qemu.BUILD, "archive-ports.bin")


class Run:
    """skerry-run as the leader of a session of its own, whose terminal we have the other end of."""

    def __init__(self, *words, errors=None, under=()):
        self.ours, self.theirs = pty.openpty()
        self.size(ROWS, COLUMNS)
        self.before = self.modes()
        self.text, self.seen = b"", 0
        self.deadline = time.monotonic() + LIMIT
        line = [*under, os.path.join(qemu.ROOT, "tools/skerry-run"), "--limit", str(LIMIT), *words]
        self.child = subprocess.Popen(line, stdin=self.theirs, stdout=self.theirs,
                                      stderr=errors or self.theirs, start_new_session=True, cwd="/",
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def modes(self):
        return termios.tcgetattr(self.theirs)

    def size(self, rows, columns):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys):
        os.write(self.ours, keys)

    def _read(self):
        if time.monotonic() > self.deadline:
            raise guest.Failure(f"not within {LIMIT} s: {self.text[-500:]}")
        if select.select([self.ours], [], [], 1)[0]:
            self.text += os.read(self.ours, 65536)

    def wait(self, pattern):
        """The match in what comes next."""
        while not (match := re.compile(pattern, re.MULTILINE).search(self.text.decode(errors="replace"), self.seen)):
            expect(self.child.poll() is None, f"it has ended ({self.child.returncode}): {self.text[-500:]}")
            self._read()
        self.seen = match.end()
        return match

    def until(self, holds, what):
        """What comes is read meanwhile."""
        while not holds():
            expect(time.monotonic() < self.deadline, f"{what}: not within {LIMIT} s")
            if select.select([self.ours], [], [], 0.05)[0]:
                self.text += os.read(self.ours, 65536)

    def ended(self):
        """Its exit status; the terminal must be as it was."""
        self.until(lambda: self.child.poll() is not None, "its end")
        self.until(lambda: self.modes() == self.before, "the terminal's modes as they were")
        return self.child.returncode

    def machine(self):
        """The emulator's pid."""
        def found():
            with open(f"/proc/{self.child.pid}/task/{self.child.pid}/children") as f:
                for pid in f.read().split():
                    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as comm:
                        if comm.read().startswith("qemu"):
                            return int(pid)
            return 0
        self.until(found, "an emulator")
        return found()

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        os.close(self.ours)
        os.close(self.theirs)


@contextlib.contextmanager
def run(*words, **how):
    r = Run(*words, **how)
    try:
        yield r
    finally:
        r.close()


def test_window(report):
    """the program has a terminal, of the window's size, and its last line has come when it has ended"""
    with run("stty", "size") as r:
        r.wait(rf"^{ROWS} {COLUMNS}\r$")
        expect(r.ended() == 0, "its status")
        expect(r.text.decode() == f"{ROWS} {COLUMNS}\r\n", f"there is more than its output: {r.text}")


def test_keys(report):
    """keys come to the program, Ctrl-C, Ctrl-Z and a new size as signals"""
    with run("keys", "signals") as r:
        r.wait(r"^ready\r$")
        r.send(b"a\xc3\xff\r")
        r.wait(r"^read 97 195 255 10\r$")
        r.send(b"\x03")
        r.wait(r"^signal 2\r$")
        r.wait(r"^read: Interrupted")
        r.send(b"\x1a")
        r.wait(r"^signal 18\r$")
        r.wait(r"^read: Interrupted")
        r.size(ROWS + 1, 255)
        r.wait(rf"^signal 28: {ROWS + 1} rows\r$")
        r.wait(r"^read: Interrupted")
        r.send(b"q\r")
        expect(r.ended() == 0, "its status")


def test_interrupt(report):
    """Ctrl-C ends a program, Ctrl-\\ too: statuses 130 and 131"""
    for key, status in ((b"\x03", 130), (b"\x1c", 131)):
        with run("keys") as r:
            r.wait(r"^ready\r$")
            r.send(key)
            got = r.ended()
            expect(got == status, f"status {got}, not {status}")


# A shell with job control: what stops is continued when a line has been typed.
JOBS = 'set -m; "$@"; echo "status $?"; read line; fg; exit $?'


def test_stop(report):
    """Ctrl-Z stops the program, and skerry-run with it, which gives the terminal back until it goes on"""
    with run("keys", under=["bash", "-c", JOBS, "bash"]) as r:
        r.wait(r"^ready\r$")
        r.send(b"\x1a")
        r.wait(r"^status 14[0-9]\r$")
        expect(r.modes() == r.before, "the terminal is not as it was while it is stopped")
        r.send(b"go on\n")
        r.until(lambda: r.modes() != r.before, "the terminal, raw again")
        r.send(b"q\r")
        r.wait(r"^read 113 10\r$")
        expect(r.ended() == 0, "its status")


def test_killed(report):
    """the terminal is as it was when the emulator was killed, and when skerry-run was"""
    with run("keys") as r:
        r.wait(r"^ready\r$")
        expect(r.modes() != r.before, "the terminal is not raw")
        os.kill(r.machine(), signal.SIGKILL)
        expect(r.ended() == 125, "its status")
    for number in (signal.SIGTERM, signal.SIGKILL):
        with run("keys") as r:
            r.wait(r"^ready\r$")
            machine = r.machine()
            r.child.send_signal(number)
            got = r.ended()
            expect(got in (128 + number, -number), f"status {got}")
            r.until(lambda: not os.path.exists(f"/proc/{machine}"), "the emulator's end")


def test_shell(report):
    """an interactive shell: Ctrl-C ends what it runs, and its exit status is the run's"""
    with run("sh", "-i") as r:
        r.wait(r"^# ")
        r.send(b"while :; do :; done\r")
        r.wait(r"done\r$")
        r.send(b"\x03")
        r.wait(r"^# ")
        r.send(b"echo $(( 6 * 7 )); tty=$?; exit 7\r")
        r.wait(r"^42\r$")
        expect(r.ended() == 7, "its status")


def test_errors_elsewhere(report):
    """errors that go to a file are not on the terminal"""
    ear, mouth = os.pipe()
    with run("sh", "-c", "echo here; echo there >&2", errors=mouth) as r:
        os.close(mouth)
        r.wait(r"^here\r$")
        expect(r.ended() == 0, "its status")
        expect(os.read(ear, 100) == b"there\n", "its errors")
        expect(b"there" not in r.text, "its errors are on the terminal")
    os.close(ear)
