"""A running guest: sends lines to its serial port and waits for what it prints.

Every wait has a limit, in seconds of a host with nothing else to do; a busy one has three times
as long, since what is waited for is an event, never a time. Serial input is paced by what the
guest echoes or prints, never by the clock. Escape sequences are taken out before anything is
compared. A guest that is left at its prompt has its cores compared first (`check`).
"""
import contextlib
import os
import re
import selectors
import subprocess
import time

import qemu

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>c78]")
PROMPT = "skerry> "
CHECK_CORES = 64  # that are compared, each with each other: that takes 3 s with as many
CHECK_LIMIT = 60  # seconds beside a test's own
BUSY = 3  # times that a limit may take on a busy host


class Failure(Exception):
    """A test's expectation that did not hold."""


class Guest:
    """QEMU as a child: what it printed is in `log`, what was not looked at yet behind `seen`."""

    def __init__(self, line, limit, env=None, cores=1, busy=BUSY):
        self.child = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, bufsize=0, env=env, cwd=qemu.ROOT)
        os.set_blocking(self.child.stdout.fileno(), False)
        self.start = time.monotonic()
        self.busy = busy
        self.deadline = self.start + limit * busy
        self.limit = limit
        self.cores = cores
        self.log, self.seen, self.lines = "", 0, 0
        self.raw = b""
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.child.stdout, selectors.EVENT_READ)

    def _read(self, until):
        """Takes in what the guest printed by then; False at its end."""
        if not self.selector.select(max(0.0, until - time.monotonic())):
            return True
        data = self.child.stdout.read(65536)
        if data == b"":
            return False
        self.raw += data or b""
        # A sequence cut in two by the read is looked at again with the next one.
        text = self.raw.decode(errors="replace")
        self.log = ESCAPES.sub("", text).replace("\r", "")
        return True

    def until(self, limit):
        return min(self.deadline, time.monotonic() + (limit or self.limit) * self.busy)

    def wait(self, pattern, limit=None):
        """The match of the pattern in what comes next; what is before it counts as seen."""
        until = self.until(limit)
        expression = re.compile(pattern, re.MULTILINE)
        while True:
            match = expression.search(self.log, self.seen)
            if match:
                self.seen = match.end()
                return match
            if time.monotonic() >= until:
                raise Failure(f"'{pattern}' did not come within {time.monotonic() - self.start:.0f} s of the start")
            if not self._read(until):
                raise Failure(f"QEMU ended (status {self.child.wait()}) before '{pattern}' came")

    def send(self, text):
        self.child.stdin.write(text.encode())

    def prompt(self, limit=None):
        """Waits for the shell's prompt; returns what came before it."""
        start = self.seen
        match = self.wait(re.escape(PROMPT), limit)
        return self.log[start:match.start()]

    def shell(self, command, limit=None):
        """
        Runs a command line of the shell; returns what it printed. A comment numbers the line: prompts that
        come before its echo ends are repeated ones, after a notice of a background job or within a long line.
        """
        self.lines += 1
        self.send(f"{command} #{self.lines:04}\r")
        self.wait(f"#{self.lines:04}\n", limit)
        return self.prompt(limit)

    def at_prompt(self):
        """Is the last that came, and that was looked at, the shell's prompt?"""
        self.settle(0)
        return self.log.endswith(PROMPT) and not self.log[self.seen:].strip()

    def check(self):
        """Has the monitors compare all cores' capabilities; a violation is a failure. Not for more than 64 cores."""
        if self.cores > CHECK_CORES:
            return
        self.deadline = max(self.deadline, time.monotonic() + CHECK_LIMIT * self.busy)
        said = self.shell("check", CHECK_LIMIT)
        if not re.search("^check: 0 violations$", said, re.MULTILINE):
            raise Failure(f"at the end: {said.strip()}")

    def power_off(self):
        """Checks, switches the machine off; returns QEMU's exit status."""
        self.check()
        self.send("poweroff\r")
        return self.finish()

    def elapsed(self):
        """Seconds since QEMU's start."""
        return time.monotonic() - self.start

    def worked(self):
        """
        Seconds since QEMU's start as they would be on a host with nothing else to do: its processor time
        shared among the host's processors, or what has passed, if that is less.
        """
        with open(f"/proc/{self.child.pid}/stat") as f:
            user, system = f.read().rpartition(")")[2].split()[11:13]
        own = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") / os.cpu_count()
        return min(self.elapsed(), own)

    def finish(self, limit=None):
        """Waits for QEMU's end; returns its exit status."""
        until = self.until(limit)
        while self._read(until):
            if time.monotonic() >= until:
                raise Failure(f"still running {time.monotonic() - self.start:.0f} s after the start")
        return self.child.wait()

    def settle(self, seconds):
        """Reads for that long whatever comes: to show that something does not come."""
        until = time.monotonic() + seconds
        while self._read(until) and time.monotonic() < until:
            pass

    def close(self):
        self.selector.close()
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


@contextlib.contextmanager
def boot(limit=60, busy=BUSY, **machine):
    """A guest on the machine that qemu.command() describes, ended with the `with`.

    One that is at its prompt then is checked first. A failure within leaves with the serial log attached.
    """
    with qemu.command(**machine) as line:
        guest = Guest(line, limit, cores=machine.get("cores", 1), busy=busy)
        try:
            yield guest
            if guest.child.poll() is None and guest.at_prompt():
                guest.check()
        except Failure as failure:
            failure.log = guest.log
            raise
        except OSError as error:
            failure = Failure(f"the serial line broke: {error}")
            failure.log = guest.log
            raise failure from error
        finally:
            guest.close()
