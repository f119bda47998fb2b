"""A terminal of this machine as that of a guest: for tools/skerry-run.

It is raw, its keys go to the serial line as they are, and its size in between as telnet tells it (RFC 1073;
services/console/window.h). However this ends, the terminal is then as it was before: a process of its own sees to
that if this one is killed.
"""
import contextlib
import ctypes
import fcntl
import os
import select
import signal
import struct
import termios
import time
import tty

IAC = b"\xff"
SIZE_BEGIN, SIZE_END = b"\xff\xfa\x1f", b"\xff\xf0"
PART = 65536
INTERRUPT = b"\x03"
PR_SET_PDEATHSIG = 1
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
LIBC = ctypes.CDLL(None)


def die_with_parent():
    """For subprocess's preexec_fn: a process that is killed with the one that started it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def quoted(data):
    """Bytes that are keys."""
    return data.replace(IAC, IAC + IAC)


def size_message(rows, columns):
    return SIZE_BEGIN + quoted(struct.pack(">HH", columns, rows)) + SIZE_END


class Ended(Exception):
    """By that signal."""

    def __init__(self, number):
        super().__init__(number)
        self.status = 128 + number


class Terminal:
    """The terminal at a descriptor. Within a `with` it is the guest's."""

    def __init__(self, fd):
        self.fd = fd
        self.saved = termios.tcgetattr(fd)
        self.told = self.size()
        self.stopping = contextlib.ExitStack()

    def size(self):
        rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.fd, termios.TIOCGWINSZ, bytes(8)))
        return (rows, columns) if rows and columns else (24, 80)

    def raw(self):
        tty.setraw(self.fd, termios.TCSANOW)

    def restore(self):
        with contextlib.suppress(termios.error):  # it may have gone
            termios.tcsetattr(self.fd, termios.TCSANOW, self.saved)

    def guard(self):
        """Forks the process that gives the terminal back when this one ends without a word. Says how to end that."""
        ear, mouth = os.pipe()
        pid = os.fork()
        if not pid:
            os.setsid()  # neither the terminal's signals nor its rules for the background concern it
            os.close(mouth)
            if not os.read(ear, 1):
                self.restore()
            os._exit(0)
        os.close(ear)

        def relieve():
            os.write(mouth, b".")
            os.close(mouth)
            os.waitpid(pid, 0)
        return relieve

    def __enter__(self):
        def end(number, _frame):
            raise Ended(number)

        with contextlib.ExitStack() as stack:
            stack.callback(self.guard())
            stack.callback(self.restore)
            for number in ENDING:
                stack.callback(signal.signal, number, signal.signal(number, end))
            for number in (signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP):
                stack.callback(signal.signal, number, signal.signal(number, self.noticed))
            self.notices, self.notice = os.pipe()
            os.set_blocking(self.notice, False)
            self.raw()
            self.stopping = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stopping.close()

    def noticed(self, number, _frame):
        """Signals come into the loop as bytes."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.notice, bytes([number]))

    def suspend(self):
        """As a program of this machine that stops: until somebody has it go on."""
        self.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self.noticed)
        self.raw()


class Session:
    """The terminal beside a QEMU whose serial line is a pair of pipes, from a mark in the guest's output on."""

    def __init__(self, terminal, machine, mark):
        self.terminal = terminal
        self.line_in, self.line_out = machine.stdin.fileno(), machine.stdout.fileno()
        self.mark = mark.encode() + b"\r\n"
        self.begun = False
        self.before = b""  # output that is not the program's
        self.typed = b""   # keys on their way
        os.set_blocking(self.line_in, False)

    def output(self):
        """False: the machine has ended."""
        data = os.read(self.line_out, PART)
        if not data:
            return False
        if not self.begun:
            self.before, found, data = (self.before + data).partition(self.mark)
            self.begun = bool(found)
        while data:
            data = data[os.write(self.terminal.fd, data):]
        return True

    def keys(self):
        data = b""
        with contextlib.suppress(OSError):  # EIO: it has hung up
            data = os.read(self.terminal.fd, PART)
        if not data:
            raise Ended(signal.SIGHUP)
        if not self.begun and INTERRUPT in data:
            raise Ended(signal.SIGINT)
        self.typed += quoted(data)

    def push(self):
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            self.typed = self.typed[os.write(self.line_in, self.typed):]

    def notices(self):
        for number in os.read(self.terminal.notices, PART):
            if number == signal.SIGTSTP:
                self.terminal.suspend()
            elif number == signal.SIGCONT:
                self.terminal.raw()  # who stopped us from outside may have changed it
        size = self.terminal.size()
        if size != self.terminal.told:
            self.terminal.told = size
            self.typed += size_message(*size)

    def run(self, deadline, files, look):
        """
        Until the machine ends; `look` is called when `files`, a descriptor, can be read. False: it had not ended at
        the deadline.
        """
        steps = {self.line_out: self.output, self.terminal.fd: self.keys, self.terminal.notices: self.notices,
                 files: look}
        while True:
            wants = [self.line_in] if self.begun and self.typed else []
            left = None if deadline is None else max(0, deadline - time.monotonic())
            ready, room, _ = select.select(list(steps), wants, [], left)
            if not ready and not room:
                return False
            if room:
                self.push()
            for fd in ready:
                if steps[fd]() is False:
                    return True
