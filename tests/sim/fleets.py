"""Fleets in the simulator: members and cores die under load, and the clients' ledger is whole."""
import os
import random
import re
import subprocess

import guest
import qemu

FLEETSIM = os.path.join(qemu.BUILD, "sim/fleetsim")
IMAGES = os.path.join(qemu.BUILD, "sim/fleet")
LIMIT = 300


def fleetsim(*options, limit=LIMIT):
    """(whether no run failed, standard output, standard error)"""
    line = ["nice", FLEETSIM, "--images", IMAGES, *map(str, options)]
    done = subprocess.run(line, cwd=qemu.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=limit)
    if done.returncode > 1:
        raise guest.Failure(f"exit status {done.returncode}", done.stdout + done.stderr)
    return done.returncode == 0, done.stdout, done.stderr


def seeds(report, world, count, *options):
    """Runs so many seeds; in a soak others each time, for as long as it is given. Returns what they printed."""
    first = random.randrange(1 << 32) if report.soak else 1
    limit = [] if not report.soak else ["--seconds", report.soak]
    ok, out, err = fleetsim("--world", world, "--seed", first, "--seeds", 1 << 31 if report.soak else count, *limit,
                            *options, limit=LIMIT + report.soak)
    if not ok:
        raise guest.Failure(out.strip().splitlines()[-1], out + err)
    return out


def replay(world, *options):
    """A run that fails says how to make it again, and then fails in the same way."""
    ok, _, err = fleetsim("--world", world, *options)
    if ok:
        raise guest.Failure("a fault that is made on purpose is not found")
    again = re.search(r"^again: \S+ (.*)$", err, re.MULTILINE)
    said = [line for line in err.splitlines() if line.startswith("seed ")]
    for _ in range(2):
        ok, _, told = fleetsim(*again[1].split())
        if ok or said[0] not in told.splitlines():
            raise guest.Failure("the run again ends otherwise", err + told)


def test_fabric(report):
    """1,024 processes on the bare fabric, servers and cores die"""
    seeds(report, "echo", 10, "--cores", 1024, "--members", 64, "--clients", 959, "--calls", 100, "--kills", 20,
          "--core-deaths", 3)


def test_stubs(report):
    """900 clients call 60 services by stubs"""
    seeds(report, "stubs", 4, "--cores", 1024, "--members", 60, "--clients", 900, "--calls", 100)


def test_trace(report):
    """two runs of a seed are the same, event by event"""
    first, again = (fleetsim("--world", "echo", "--seed", 7, "--trace", "--calls", 1000, "--kills", 10)[2]
                    for _ in range(2))
    if first != again or len(first.splitlines()) < 30:
        raise guest.Failure("the traces differ", first[:2000])
