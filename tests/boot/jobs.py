"""Job control in dash: jobs in the background and in the foreground, stopped by the key and by the terminal."""
import contextlib
import os
import re

import guest
import qemu

ARCHIVE = os.path.join(qemu.BUILD, "archive-ports.bin")
INTERRUPT, STOP, END = "\x03", "\x1a", "\x04"


@contextlib.contextmanager
def shell():
    """dash on four cores, at its prompt."""
    with guest.boot(120, cores=4, mem="512M", archive=ARCHIVE) as g:
        g.prompt()
        g.send("sh\r")
        g.wait(r"# ")
        yield g


def do(g, command, said=None):
    g.send(command + "\r")
    if said:
        g.wait(said)
    g.wait(r"^# ")


def press(g, key, said):
    """A key till it has worked: dash names a job before that has the terminal."""
    for _ in range(50):
        g.send(key)
        with contextlib.suppress(guest.Failure):
            return g.wait(said, 2)
    raise guest.Failure(f"a key has no effect: no {said}", g.log[-2000:])


def stopped(g, how, name):
    """Asks for the jobs till that one has stopped, or the time is up."""
    state = ""
    while state != how:
        g.send("jobs\r")
        state = g.wait(r"^\[\d\] \+ (\w+.*?) +" + re.escape(name) + r"\r?$")[1]
        g.wait(r"^# ")


def test_jobs(report):
    """dash: a job is listed, brought to the foreground, stopped by the key, goes on in the background, is ended"""
    with shell() as g:
        do(g, "sleep 1000 &")
        do(g, "jobs", r"^\[1\] \+ Running +sleep 1000")
        g.send("fg\r")
        g.wait(r"^sleep 1000")
        press(g, STOP, r"\[1\] \+ Stopped +sleep 1000")
        g.wait(r"^# ")
        do(g, "bg", r"^\[1\] sleep 1000")
        do(g, "jobs", r"^\[1\] \+ Running +sleep 1000")
        do(g, "kill %1")
        do(g, "wait; echo no more jobs: $(jobs)", r"^no more jobs: *\r?$")


def test_pipeline(report):
    """dash: a pipeline is stopped as one, and goes on as one"""
    with shell() as g:
        g.send("cat | cat | cat\r")
        g.wait(r"cat \| cat \| cat")
        g.send("before\r")
        g.wait(r"^before\r?\n.*before")
        press(g, STOP, r"\[1\] \+ Stopped +cat \| cat \| cat")
        g.wait(r"^# ")
        g.send("fg\r")
        g.wait(r"^cat \| cat \| cat")
        g.send("through\r")
        g.wait(r"^through\r?\n.*through")
        press(g, INTERRUPT, r"^# ")
        do(g, "echo no more jobs: $(jobs)", r"^no more jobs: *\r?$")


def test_background(report):
    """dash: who reads in the background is stopped, and reads once it is in the foreground"""
    with shell() as g:
        do(g, "cat &")
        stopped(g, "Stopped (tty input)", "cat")
        do(g, "bg", r"^\[1\] cat")
        stopped(g, "Stopped (tty input)", "cat")
        g.send("fg\r")
        g.wait(r"^cat\r?$")
        g.send("typed\r")
        g.wait(r"^typed\r?\n.*typed")
        g.send(END)
        g.wait(r"^# ")
        do(g, "stty tostop")
        do(g, "seq 3 4 &")
        stopped(g, "Stopped (tty output)", "seq 3 4")
        do(g, "fg", r"^3\r?\n4\r?$")
        do(g, "stty -tostop")
        do(g, "stty -echo &")
        stopped(g, "Stopped (tty output)", "stty -echo")
        do(g, "kill -9 %1; wait; echo ended", r"^ended\r?$")
