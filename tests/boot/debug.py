"""gdb on processes: the gdb service at the second serial line, through tools/gdb."""
import os
import re
import subprocess
import tempfile

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


def test_gdb(report):
    """tools/gdb: breakpoints, backtrace, variables, steps, a fault, the exit"""
    with tempfile.TemporaryDirectory(prefix="skerry-gdb-") as folder:
        socket = os.path.join(folder, "debug")
        with guest.boot(LIMIT, cores=2, debug=socket) as g:
            g.prompt()
            session(g, socket)
            fault(g, socket)
