"""Fleets in the simulator: members and cores die under load, and the clients' ledger is whole."""
import os
import random
import re

import guest
import limited
import qemu

FLEETSIM = os.path.join(qemu.BUILD, "sim/fleetsim")
IMAGES = os.path.join(qemu.BUILD, "sim/fleet")
LIMIT = 300


def fleetsim(*options, limit=LIMIT):
    """(whether no run failed, standard output, standard error)"""
    line = ["nice", FLEETSIM, "--images", IMAGES, *map(str, options)]
    status, out, err = limited.run(line, limit, qemu.ROOT)
    if status > 1:
        raise guest.Failure(f"exit status {status}", out + err)
    return status == 0, out, err


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


def kills(report, world, members, count, kills_each=40, core_deaths=0, clients=4):
    """Members die while clients with a ledger call them: none failed, none doubled, none lost."""
    seeds(report, world, count, "--members", members, "--clients", clients, "--calls", 50, "--kills", kills_each,
          "--core-deaths", core_deaths)


def test_tally_kills(report):
    """8,000 kills of tally's members: the ledger is whole"""
    for members in (2, 3, 5, 8):
        kills(report, "tally", members, 50)


def test_tally_mirrors(report):
    """4,000 kills of tally's members, as many at once as there are mirrors: the ledger is whole; not so with fewer"""
    for members, mirrors, count in ((3, 2, 30), (5, 2, 30), (6, 3, 20)):
        seeds(report, "tally", count, "--members", members, "--clients", 8, "--calls", 50, "--kills", 50, "--at-once",
              mirrors, "--mirrors", mirrors)
    replay("tally", "--members", 5, "--clients", 8, "--kills", 40, "--at-once", 2, "--seeds", 4)


def test_tally_early_kills(report):
    """6,000 kills of tally's members, also in the midst of hand-over: no acknowledged write is lost, none done twice"""
    for members, mirrors in ((3, 2), (4, 3), (5, 3)):
        seeds(report, "tally", 20, "--members", members, "--clients", 8, "--calls", 50, "--kills", 100, "--mirrors",
              mirrors, "--early")


def test_name_kills(report):
    """4,000 kills of name's members: every name is what its owner made it"""
    for members in (2, 3, 5, 8):
        kills(report, "name", members, 25)


def test_name_early_kills(report):
    """7,000 kills of name's members, also while newcomers join: whoever answers has the whole table"""
    seeds(report, "name", 40, "--cores", 8, "--members", 4, "--clients", 12, "--calls", 50, "--kills", 100, "--early")
    seeds(report, "name", 50, "--members", 8, "--clients", 8, "--calls", 50, "--kills", 60, "--early")


def test_page_kills(report):
    """4,000 kills of page's members: no call fails, no page is given twice"""
    for members in (2, 3, 5, 8):
        kills(report, "page", members, 25)


def test_proc_kills(report):
    """4,000 kills of proc's members: no start fails, none is done twice, no number is two programs' or lost"""
    for members in (2, 3, 5, 8):
        kills(report, "proc", members, 25, clients=2)


def test_pool_kills(report):
    """6,000 kills under each of dPool's schemes and loads: no element is lost or given twice"""
    for scheme in ("exhaustion", "bulk", "pull", "push", "estimate"):
        for load in ("even", "skewed", "stream"):
            seeds(report, "pool", 10, "--members", 3, "--clients", 1, "--calls", 50, "--kills", 40, "--scheme", scheme,
                  "--load", load)


def test_mem_kills(report):
    """3,200 kills of mem's members, half between two messages: no file, name or lock is lost, no call is doubled"""
    for how in ([], ["--midway"]):
        seeds(report, "mem", 40, "--members", 2, "--clients", 4, "--calls", 50, "--kills", 40, *how)


def test_mem_poor(report):
    """mirrors that have no memory for the files end; who serves goes on, and nothing is lost"""
    out = seeds(report, "mem", 10, "--members", 2, "--clients", 4, "--calls", 200, "--kills", 20, "--poor", "--figures")
    if not any(int(n) for n in re.findall(r"^(\d+) ended without memory", out, re.MULTILINE)):
        raise guest.Failure("no mirror was short of memory", out)


def test_policies(report):
    """clients are spread over members by the name service's policies, also while members die"""
    for policy in ("near", "least", "weighted"):
        seeds(report, "drill", 1, "--members", 4, "--clients", 8, "--calls", 1500, "--kills", 0, "--policy", policy)
    seeds(report, "drill", 4, "--members", 3, "--clients", 6, "--calls", 50, "--kills", 20, "--policy", "least")


def test_no_answers(report):
    """an heir that does not know what was done is found, and the run is the same again"""
    replay("mem", "--members", 2, "--kills", 40, "--seeds", 4, "--midway", "--skip", "ninep_resumed")


def test_no_books(report):
    """numbers and elements in use that nobody tells of are found, and the run is the same again"""
    replay("proc", "--members", 3, "--clients", 4, "--kills", 40, "--seeds", 4, "--skip", "books")
    replay("pool", "--members", 3, "--clients", 1, "--kills", 40, "--seeds", 4, "--skip", "books", "--scheme", "bulk",
           "--load", "even")


def test_figures(report):
    """the tables of figures are printed"""
    status, out, err = limited.run(["nice", os.path.join(qemu.ROOT, "tools/fleet_figures"), "schemes"], LIMIT)
    rows = [line for line in out.splitlines() if line.startswith("| ")]
    if status or len(rows) != 16:
        raise guest.Failure("not one row for each scheme and load", out + err)


def test_core_deaths(report):
    """cores of members die: the ledgers are whole"""
    for world in ("tally", "name", "proc"):
        kills(report, world, 3, 20, 4, 4)


def test_weather(report):
    """64 members with 512 clients in all weathers, 10 of them die: nobody is taken for hung, the ledger is whole"""
    out = seeds(report, "tally", 2, "--cores", 1024, "--members", 64, "--clients", 512, "--calls", 50, "--kills", 10,
                "--figures")
    if any(int(found) for found in re.findall(r"(\d+) fenced alive", out)):
        raise guest.Failure("members that lived were fenced", out)


def test_crowd(report):
    """32 members with 256 clients: newcomers are told their view while all ask them"""
    seeds(report, "tally", 8, "--cores", 300, "--members", 32, "--clients", 256, "--calls", 50, "--kills", 10)


def test_large(report):
    """128 members at 1,024 cores, 3 of them and the cores of 2 die"""
    seeds(report, "tally", 1, "--cores", 1024, "--members", 128, "--clients", 64, "--calls", 20, "--kills", 3,
          "--core-deaths", 2)


def rate(world, members, calls, *options):
    """Answers a millisecond while all 900 clients are at it, at 1,024 cores."""
    ok, out, err = fleetsim("--world", world, "--cores", 1024, "--members", members, "--clients", 900, "--calls",
                            calls, "--kills", 0, "--calm", "--figures", *options)
    found = re.search(r"^(\d+) answers a ms", out, re.MULTILINE)
    if not ok or not found:
        raise guest.Failure(f"{world} with {members} members has no rate", out + err)
    return int(found[1])


def linear(world, *options):
    """The rate grows at least 0.9 times as the members do, from 1 to 64."""
    one = rate(world, 1, 120, *options)
    for members, calls in ((8, 120), (64, 500)):
        many = rate(world, members, calls, *options)
        if many < 0.9 * members * one:
            raise guest.Failure(f"{members} members answer {many} a ms, one {one}")


def test_page_rate(report):
    """the page fleet's rate grows with its members, to 64 at 1,024 cores"""
    linear("page")


def test_name_rate(report):
    """the name fleet's rate grows with its members, to 64 at 1,024 cores"""
    linear("name", "--scheme", "resolve")


def test_no_mirror(report):
    """members that do not mirror are found, and the run is the same again"""
    replay("tally", "--members", 3, "--kills", 40, "--seeds", 4, "--skip", "kvp_mirror")


def test_no_memory_of_calls(report):
    """a lost memory of what was done is found, and the run is the same again"""
    replay("tally", "--members", 3, "--kills", 40, "--seeds", 4, "--skip", "entry_remember")


def test_all_back(report):
    """without deaths all memory is back when the clients have ended"""
    seeds(report, "page", 10, "--members", 3, "--kills", 0)


def test_no_heir(report):
    """memory of the dead that nobody takes over is found, and the run is the same again"""
    replay("page", "--members", 3, "--kills", 20, "--seeds", 4, "--skip", "store_inherit_core", "--all-back")
