"""The simulator: seeds in which every invariant holds, and faults made on purpose that it finds."""
import os
import random
import re

import guest
import limited
import qemu

SIM = os.path.join(qemu.BUILD, "sim/sim")
IMAGE = os.path.join(qemu.BUILD, "sim/island.so")
LIMIT = 600


def sim(*options, limit=LIMIT):
    """(whether no run failed, standard output, standard error)"""
    line = ["nice", SIM, "--image", IMAGE, *map(str, options)]
    status, out, err = limited.run(line, limit, qemu.ROOT)
    if status > 1:
        raise guest.Failure(f"exit status {status}", out + err)
    return status == 0, out, err


def seeds(report, cores, operations, count, *more):
    """Runs so many seeds; in a soak others each time, for as long as it is given.

    How many cores have died, and the milliseconds till the last death was agreed on.
    """
    first = random.randrange(1 << 32) if report.soak else 1
    limit = [] if not report.soak else ["--seconds", report.soak]
    ok, out, err = sim("--cores", cores, "--operations", operations, "--seed", first,
                       "--seeds", 1 << 31 if report.soak else count, *limit, *more, limit=LIMIT + report.soak)
    if not ok:
        raise guest.Failure(out.strip().splitlines()[-1], out + err)
    return tuple(map(int, re.search(r"(\d+) deaths, agreed on within (\d+) ms: 0 failed", out).groups()))


def test_2_cores(report):
    """200 operations on 2 cores"""
    seeds(report, 2, 200, 300)


def test_5_cores(report):
    """200 operations on 5 cores"""
    seeds(report, 5, 200, 300)


def test_16_cores(report):
    """200 operations on 16 cores"""
    seeds(report, 16, 200, 1000)


def test_100_cores(report):
    """300 operations on 100 cores"""
    seeds(report, 100, 300, 20)


def test_1024_cores(report):
    """500 operations on 1,024 cores"""
    # Seed 17: a head and who serves in a dead one's place tell the same cores how a round ended.
    # Seed 4: who is to join is dead.
    seeds(report, 1024, 500, 20, "--check-every", 2000)


def test_deaths(report):
    """5,000 cores die amid rounds, each time up to ten of 16, and of 64 half"""
    died = seeds(report, 16, 300, 500, "--only", "rounds", "--deaths", 10)[0]
    died += seeds(report, 64, 200, 50, "--only", "rounds", "--deaths", 32)[0]
    if not report.soak and died < 5000:
        raise guest.Failure(f"{died} cores have died")


def test_heartbeat(report):
    """a core that dies while nobody waits for it is agreed on within 200 ms; with more deaths and stalls all know"""
    died, within = seeds(report, 16, 1, 200, "--only", "rounds", "--deaths", 1, "--silence", 100, "--heartbeat", 25)
    if not died or within > 200:
        raise guest.Failure(f"{died} deaths were agreed on within {within} ms")
    seeds(report, 16, 200, 200, "--only", "rounds", "--deaths", 8, "--stalls", 5, "--heartbeat", 10)
    seeds(report, 64, 200, 20, "--heartbeat", 10)


def test_capabilities(report):
    """capabilities while cores die, all looked at every ten events, and on 64 cores every 500"""
    for cores, operations, count, deaths, every in ((2, 300, 100, 0, 10), (4, 400, 200, 2, 10), (5, 300, 300, 3, 10),
                                                    (16, 200, 300, 5, 10), (64, 300, 20, 3, 500)):
        seeds(report, cores, operations, count, "--only", "caps", "--deaths", deaths, "--check-every", every)


def test_no_memory(report):
    """every other core's monitor has no more memory for records: all is answered, and nothing breaks"""
    seeds(report, 4, 800, 200, "--only", "caps", "--deaths", 0, "--fault", "memory:2")
    seeds(report, 16, 400, 50, "--only", "caps", "--deaths", 0, "--fault", "memory:2")


def test_garbage(report):
    """cores that stall, cores that die, and one line in three that makes no sense"""
    seeds(report, 16, 200, 300, "--stalls", 5, "--garbage", 100)
    seeds(report, 64, 200, 30, "--only", "rounds", "--stalls", 10, "--garbage", 100, "--deaths", 5)
    seeds(report, 16, 200, 100, "--only", "caps", "--stalls", 5, "--garbage", 100, "--deaths", 3)


# Runs that once failed, each for a reason of its own: cores, operations, deaths and the seeds.
REGRESSIONS = {
    "one says no for want of a record, and yes to who asks in a dead head's place": ((100, 800, 3, (102,)),),
    "the lowest core dies with others, and nobody waits for it": ((5, 200, 3, (1449,)),),
    "a core goes on while it is passed over, and votes or is asked by others": (
        (16, 200, 3, (1446, 1698)), (16, 200, 5, (93,)), (16, 200, 8, (566, 1683, 1782)),
        (64, 200, 8, (101,)), (64, 200, 30, (463, 594, 908, 981))),
}


# The same of capabilities: options and seeds.
CAPS_REGRESSIONS = {
    "who waits for a member's core, or for one that suspects another, doubts it":
        (("--cores 16 --operations 200", (101, 471, 482)), ("--cores 4 --operations 600", (74,))),
    "a block given to a dead core comes back with what that gave of it":
        (("--cores 16 --operations 200 --deaths 3 --check-every 10", (1001, 1106, 1917)),),
    "a block of a dead core is the RAM of a frame that it has, too":
        (("--cores 16 --operations 200 --deaths 3", (1087, 1586, 1777, 2227)),),
    "members whose home is dead stop before any gives its memory back":
        (("--cores 16 --operations 200", (2750, 3595, 3997)),),
    "who was to join is not asked how that ended; a group goes while requests wait in it":
        (("--cores 16 --operations 200 --deaths 3", (529, 833, 5050, 5105)),
         ("--cores 16 --operations 200 --deaths 2", (5770,))),
    "a move is given up whose giver was told of the heir": (("--cores 64 --operations 300 --deaths 1", (5039,)),),
    "a user's revoke overtakes one by the monitors":
        (("--cores 16 --operations 200", (2048,)), ("--cores 4 --operations 600", (61,)),
         ("--cores 5 --operations 300 --deaths 2", (10, 300)), ("--cores 16 --operations 200 --deaths 4", (82, 496))),
    "who is told a group knows of a death that the teller does not": (
        ("--cores 16 --operations 200 --garbage 100", (15,)),),
}


def test_caps_regressions(report):
    """runs of capabilities that once failed"""
    for reason, runs in CAPS_REGRESSIONS.items():
        for options, numbers in runs:
            for seed in numbers:
                ok, out, err = sim("--only", "caps", *options.split(), "--seed", seed)
                if not ok:
                    raise guest.Failure(f"seed {seed} of {options}: {reason}", out + err)


def test_regressions(report):
    """runs that once failed"""
    for reason, runs in REGRESSIONS.items():
        for cores, operations, deaths, numbers in runs:
            for seed in numbers:
                ok, out, err = sim("--cores", cores, "--operations", operations, "--seed", seed, "--deaths", deaths,
                                   "--only", "rounds")
                if not ok:
                    raise guest.Failure(f"seed {seed} of {cores} cores: {reason}", out + err)


def found(fault, *options):
    """The report of the first run in which a fault that is made is found, and the command that makes it again."""
    for at in range(1, 400, 7):
        ok, _, err = sim("--seed", at, "--fault", f"{fault}:{at}", *options)
        again = re.search(r"^again: \S+ (.*)$", err, re.MULTILINE)
        if not ok:
            return err, again[1].split() if again else None
    raise guest.Failure(f"a {fault} that is made on purpose is not found")


def replay(fault, *options):
    err, again = found(fault, *options)
    if not again:
        raise guest.Failure("the report does not say how to make the run again", err)
    said = [line for line in err.splitlines() if line.startswith("seed ")]
    for _ in range(2):
        ok, _, told = sim(*again)
        if ok or said != [line for line in told.splitlines() if line.startswith("seed ")]:
            raise guest.Failure("the run again ends otherwise", err + told)


def test_lost_line(report):
    """a line that is lost is found, and the run is the same again"""
    replay("drop", "--deaths", 0, "--only", "rounds")


def test_line_twice(report):
    """a line that comes twice is found, and the run is the same again"""
    replay("twice", "--deaths", 0, "--only", "rounds")


def test_no_flush(report):
    """a translation that is not forgotten is found in most runs, and the run is the same again"""
    options = ("--deaths", 0, "--only", "caps", "--operations", 600)
    missed = [seed for seed in range(1, 21) if sim("--seed", seed, "--fault", "flush:3", *options)[0]]
    if len(missed) > 5:
        raise guest.Failure(f"not found with the seeds {missed}")
    replay("flush", *options)


def test_trace(report):
    """two runs of a seed are the same, event by event"""
    first, again = (sim("--seed", 7, "--trace")[2] for _ in range(2))
    if first != again or len(first.splitlines()) < 100:
        raise guest.Failure("the traces differ", first[:2000])
