"""gdb on processes: the gdb service at the second serial line, through tools/gdb."""
import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import gdbstub
import guest
import qemu
from machines import expect

LIMIT = 120


def gdb(socket, program, number, *commands):
    """What gdb says when it carries these out on a process."""
    line = [os.path.join(qemu.ROOT, "tools/gdb"), "--socket", socket]
    for command in commands:
        line += ["--ex", command]
    done = subprocess.run(line + [program, str(number)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT * guest.BUSY)
    return done.stdout + done.stderr


def started(g, command):
    """Starts a program in the background; its number."""
    said = g.shell(f"run {command} &")
    number = re.search(r"runs as (\d+)$", said, re.MULTILINE)
    expect(number, f"'{command}' does not run: {said}")
    return int(number[1])


def seen(said, *patterns):
    for pattern in patterns:
        expect(re.search(pattern, said, re.MULTILINE), f"gdb does not say '{pattern}':\n{said}")


def session(g, socket):
    number = started(g, "--core 1 tests --do debuggee 42")
    said = gdb(socket, "tests", number, "break debuggee_turn", "continue", "backtrace",
               "print turn == debuggee_turns + 1", "info threads", "stepi",
               "print $pc != (unsigned long)debuggee_turn", "continue", "continue",
               "print turn == debuggee_turns + 1", "delete", "set var debuggee_turns = -7", "print debuggee_turns",
               "detach")
    seen(said, r"Breakpoint 1, debuggee_turn \(turn=.*\d\) at .*test_sys\.c", r"^#0 +debuggee_turn \(turn=",
         r"^#1 .* deed_debuggee \(arg=", r"^#\d .* posix_start \(", r"^\$1 = 1$", r"^\* 1 +Thread", r"^\$2 = 1$",
         r"^\$3 = 1$", r"^\$4 = -7$")
    expect(not re.search("Could not|failure|unexpected|warning: ", said), said)
    # It runs on, without a breakpoint, and can be attached to again: this time till its end.
    said = gdb(socket, "tests", number, "break debuggee_turn", "continue", "delete", "set var debuggee_may_end = 1",
               "continue")
    seen(said, r"Breakpoint 1, debuggee_turn \(turn=.*\d\)", r"exited with code 052")


def fault(g, socket):
    number = started(g, "tests --do debuggee 0")
    said = gdb(socket, "tests", number, "break debuggee_turn", "continue", "delete", "set var $rip = 0x10", "continue",
               "print $rip", "kill")
    seen(said, r"received signal SIGSEGV", r"^\$1 = .*0x10")
    expect(re.search("no such process", g.shell(f"kill {number}")), "it is still there after gdb's kill")


def registers(g, socket):
    """The FPU's: shown, set, and what the process goes on with."""
    number = started(g, "tests --do debuggee 42")
    said = gdb(socket, "tests", number, "break debuggee_turn", "continue", "info registers float",
               "set var $xmm7.v2_int64[1] = 0x123456789abcdef0", "set var $st3 = 2.5", "stepi",
               "print/x $xmm7.v2_int64[1]", "print $st3", "print $fctrl", "print $mxcsr", "kill")
    seen(said, r"^st0 +-?[\dnax(]", r"^fctrl +0x37f ", r"^\$1 = 0x123456789abcdef0$", r"^\$2 = 2.5$",
         r"^\$3 = 895$", r"^\$4 = \[.* PM ")


def runs(g, number):
    """Waits until ps does not call it stopped, or at a breakpoint."""
    while re.search(rf"^ *{number} +.*\b(stopped|faulted)\b", g.shell("ps"), re.MULTILINE):
        pass


@contextlib.contextmanager
def going(g, socket, number):
    """A gdb that has had the process go on, and waits for what becomes of it."""
    line = [os.path.join(qemu.ROOT, "tools/gdb"), "--socket", socket, "--ex", "break debuggee_turn", "--ex", "continue",
            "--ex", "delete", "--ex", "echo going\\n", "--ex", "continue", "--ex", "print debuggee_turns > 0", "--ex",
            "detach", "tests", str(number)]
    p = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         start_new_session=True)
    said, until = b"", time.monotonic() + LIMIT * guest.BUSY
    try:
        while b"going\n" not in said:
            expect(time.monotonic() < until and p.poll() is None, f"gdb does not come to it:\n{said.decode()}")
            if select.select([p.stdout], [], [], 1)[0]:
                said += os.read(p.stdout.fileno(), 4096)
        runs(g, number)
        yield p
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()


def interrupt(g, socket):
    """As gdb says it to the stub: what runs stops, and what goes on by the next word, unless it asks in between."""
    number = started(g, "tests --do debuggee 42")
    stub = gdbstub.Stub(socket)
    with contextlib.closing(stub):
        stub.ask("qSupported")
        expect(stub.ask(f"vAttach;{number:x}").startswith("T05"), "the stub does not attach")
        stub.socket.sendall(b"\x03")
        said = stub.ask("c")
        expect(said.startswith("T02"), f"the stub says '{said}' to Ctrl-C and 'c'")
        stub.socket.sendall(b"\x03")
        stub.ask("qC")
        stub.send("c")
        runs(g, number)
        stub.socket.sendall(b"\x03")
        said = stub.answer()
        expect(said.startswith("T02"), f"the stub says '{said}' to Ctrl-C")
        stub.demand("D")
    g.shell(f"kill {number}")


def death(g, socket):
    """A gdb that is killed while the process runs leaves it stopped, when the next one comes, which goes on with it."""
    number = started(g, "tests --do debuggee 42")
    with going(g, socket, number):
        pass
    said = gdb(socket, "tests", number, "break debuggee_turn", "continue", "delete", "set var debuggee_may_end = 1",
               "continue")
    seen(said, r"Breakpoint 1, debuggee_turn \(turn=.*\d\)", r"exited with code 052")


def from_file(g, socket):
    """Breakpoints in a program that is not out of the boot archive."""
    number = started(g, "--core 1 /host/copy --do debuggee 42")
    said = gdb(socket, "tests", number, "break debuggee_turn", "continue", "continue", "delete",
               "set var debuggee_may_end = 1", "continue")
    seen(said, r"Breakpoint 1, debuggee_turn \(turn=.*\d\)", r"^Breakpoint 1, debuggee_turn", r"exited with code 052")


def test_gdb(report):
    """tools/gdb: breakpoints, backtrace, variables, steps, a fault, the exit"""
    with tempfile.TemporaryDirectory(prefix="skerry-gdb-") as folder:
        socket = os.path.join(folder, "debug")
        with guest.boot(LIMIT, cores=2, debug=socket) as g:
            g.prompt()
            session(g, socket)
            fault(g, socket)


def test_gdb_more(report):
    """tools/gdb: the FPU's registers, Ctrl-C, a gdb that is killed, a program out of a file"""
    with tempfile.TemporaryDirectory(prefix="skerry-gdb-") as folder:
        socket, share = os.path.join(folder, "debug"), os.path.join(folder, "share")
        os.mkdir(share)
        shutil.copy(os.path.join(qemu.BUILD, "user/tests"), os.path.join(share, "copy"))
        with guest.boot(LIMIT, cores=2, debug=socket, share=share) as g:
            g.prompt()
            registers(g, socket)
            interrupt(g, socket)
            death(g, socket)
            from_file(g, socket)
