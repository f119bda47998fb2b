"""Runs a model of spin's: all that can happen is looked at, and what was found is told.

The header of a model has a line for each of its runs: what it is, a comma, options of the preprocessor.

    run: stream 5 messages one way, -DSTREAM=5      must hold
    mutant: no fence in urpc_kick, -DNO_KICK_FENCE  must not
    soak: 8 messages, -DSTREAM=8                    must hold; only in a soak
"""
import os
import re
import shlex
import time

import guest
import limited
import qemu

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r"^ \* (run|mutant|soak): (.*), (-D.*)$", re.MULTILINE)
LIMIT = 170
SOAK_LIMIT = 3600
DEPTH = 2_000_000
MEMORY_MB = 3000


def runs(path):
    """(kind, what it is, options) of each run that a model's header asks for."""
    with open(path) as f:
        text = f.read()
    found = [(m[1], m[2], shlex.split(m[3])) for m in LINE.finditer(text[:text.index("*/")])]
    if not found:
        raise guest.Failure(f"{path} asks for no run")
    return found


def call(line, folder, limit):
    """(exit status, all that it printed)"""
    status, out, err = limited.run(line, limit, folder)
    return status, out + err


def build(path, options, folder):
    """Makes the program that looks at all states of a model; its path."""
    os.makedirs(folder, exist_ok=True)
    status, out = call(["spin", "-a", *options, path], folder, LIMIT)
    if status or "rror:" in out:
        raise guest.Failure(f"spin does not take {path}", out)
    line = ["gcc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", "-DNOBOUNDCHECK", "-DNOFAIR", f"-DMEMLIM={MEMORY_MB}",
            "-DVECTORSZ=4096", "-o", "pan", "pan.c"]
    status, out = call(line, folder, LIMIT)
    if status:
        raise guest.Failure(f"{path} does not compile", out)
    return os.path.join(folder, "pan")


class Verdict:
    """What spin said: were all states looked at, and was one of them wrong?"""

    def __init__(self, out, seconds):
        self.out = out
        self.seconds = seconds
        self.wrong = re.search(r"^pan:\d+: (.*?)(?: \(at depth \d+\))?$", out, re.MULTILINE)
        states = re.search(r"^\s*([0-9.e+]+) states, stored", out, re.MULTILINE)
        self.states = int(float(states[1])) if states else 0
        cut = ("max search depth too small", "Search not completed", "out of memory", "Bit statespace", "hash-compact")
        self.whole = self.states > 0 and not any(c in out for c in cut)

    def __str__(self):
        return f"{self.states:,} states, {self.seconds:.1f} s"


def look(path, options, name, limit, *more):
    """Looks at all states of a model, with more options of the search; a Verdict."""
    folder = os.path.join(qemu.BUILD, "model", name)
    pan = build(path, options, folder)
    start = time.monotonic()
    status, out = call(["nice", pan, f"-m{DEPTH}", "-w22", *more], folder, limit)
    if status not in (0, 1):
        raise guest.Failure(f"the search ended with {status}", out)
    return Verdict(out, time.monotonic() - start)


def trail(path, options, name):
    """How spin came to what was wrong, the last steps of it."""
    folder = os.path.join(qemu.BUILD, "model", name)
    found = os.path.join(folder, os.path.basename(path) + ".trail")
    _, out = call(["spin", "-k", found, "-T", *options, path], folder, LIMIT)
    return "\n".join(out.splitlines()[-120:])
