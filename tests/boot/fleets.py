"""Fleets: members are killed under load, and a ledger says whether anything was lost; times; commands."""
import random
import re

import guest
from inside import run_tap

KILLS = 100
A_SECOND = 1  # kills in a second of a soak, or fewer
# Times after a death, in microseconds of guest time: (seen, answered).
LIMITS = {"killed": (100, 150_000), "trapped": (100, 150_000), "hung": (150_000, 250_000)}


def ledger(report, fleet, services, members=3, kills=KILLS):
    seed = random.randrange(1, 1 << 32) if report.soak else 1
    count = max(kills, report.soak * A_SECOND)
    limit = 300 + 4 * report.soak
    with guest.boot(limit, cores=4, append=f"services={services}") as g:
        g.prompt()
        output = g.shell(f"ledger {count} {seed} 8 {members} {fleet}", limit)
        first = re.search(r"^ledger: (\d+) kills, 8 clients, (\d+) calls", output, re.MULTILINE)
        last = re.search(r"^ledger: (\d+) clients failed, (\d+) entries are wrong", output, re.MULTILINE)
        if not first or not last:
            raise guest.Failure(f"ledger {count} {seed} 8 {members} {fleet} did not come to its end", output[-3000:])
        ok = int(first[1]) == count and int(first[2]) > count and last[1] == "0" and last[2] == "0"
        report.result(f"boot fleets: {fleet}: {first[0]}; {last[0]}, seed {seed}", ok, log=output[-3000:])


def test_tally(report):
    """kills under load: 8 clients that count, 100 kills of members, a ledger"""
    ledger(report, "tally", "none")


def test_name(report):
    """kills under load: 8 clients that name, 100 kills of members, a ledger"""
    ledger(report, "name", "name")


def test_mem(report):
    """kills under load: 8 clients with files, 40 kills of members, a ledger"""
    ledger(report, "mem", '"name page proc mem pipe dev"', members=2, kills=40)


def test_inside(report):
    """members come, go, are killed, hang and fall: 4 cores"""
    run_tap(report, "fleet/4 cores", "tests fleet", 180, cores=4, append="services=none")


def test_balance(report):
    """clients are spread by load, where the policy says so: 4 cores"""
    run_tap(report, "balance/4 cores", "tests balance", 120, cores=4, append="services=name")


def test_one(report):
    """fleets on 1 core"""
    run_tap(report, "fleet/1 core", "tests fleet", 120, cores=1, append="services=none")


def test_times(report):
    """times after a death, in guest time"""
    with guest.boot(240, cores=4, accel="counted", append='services=none init="tests fleet" poweroff') as g:
        g.wait(r"^ok \d+ - fleet: strangers are refused")
        found = re.findall(r"^# (.*) (killed|trapped|hung): seen (\d+) us, .*answered (\d+) us", g.log, re.MULTILINE)
        if {way for _, way, _, _ in found} != set(LIMITS):
            raise guest.Failure("not all ways of dying were measured", g.log[-3000:])
        for who, way, seen, answered in found:
            limits = LIMITS[way]
            report.result(f"boot fleets: {who} {way}: seen after {seen} us, answered after {answered} us",
                          int(seen) <= limits[0] and int(answered) <= limits[1], f"limits: {limits}")


def test_command(report):
    """the command fleet"""
    def members():
        return re.findall(r"tally/(\d+) .*serving", g.shell("fleet list tally"))

    def await_members(expected):
        while not expected(last := members()):
            pass  # or the time is up
        return last

    with guest.boot(120, cores=4, append="services=none") as g:
        g.prompt()
        g.shell("tally &")
        await_members(lambda m: m == ["0", "1"])
        g.shell("fleet policy tally fall=1000000")  # it does not shrink by itself before we have looked
        g.shell("fleet grow tally")
        await_members(lambda m: len(m) == 3)
        g.shell("fleet kill tally/1")
        await_members(lambda m: len(m) == 3 and "1" not in m)
        g.shell("fleet move tally/0")
        left = await_members(lambda m: len(m) == 3 and "0" not in m)
        g.shell("fleet shrink tally")
        await_members(lambda m: len(m) == 2)
        report.result("boot fleets: grow, kill, move, shrink", True)
        output = g.shell("fleet policy tally high=600")
        report.result("boot fleets: policy", "high=600 " in output and "least=2 " in output, output)
        output = g.shell(f"fleet kill tally/{left[-1]}0") + g.shell("fleet list nobody") + g.shell("fleet grow")
        report.result("boot fleets: errors are told", output.count("no such name") == 2 and "usage: " in output, output)


def test_died_out(report):
    """fleets all of whose members die are started again, and go on"""
    def serves(g, fleet):
        """Lists it till somebody serves; the members' pids."""
        while not (pids := set(re.findall(r"pid (\S+) .*serving", g.shell(f"fleet list {fleet}")))):
            pass  # or the time is up
        return pids

    with guest.boot(150, cores=4) as g:
        g.prompt()
        number = re.search(r"^spin runs as (\d+)$", g.shell("run --core 1 spin &"), re.MULTILINE)
        before = {fleet: serves(g, fleet) for fleet in ("proc", "page", "name")}
        for fleet in before:
            g.shell(f"fleet kill {fleet}")
            report.result(f"boot fleets: {fleet}: others serve", not serves(g, fleet) & before[fleet],
                          log=g.log[-3000:])
        found = re.search(rf"^{number[1]} .*spin", g.shell("ps"), re.MULTILINE)
        report.result("boot fleets: proc has found what runs", bool(found), log=g.log[-3000:])
        again = re.search(r"^spin runs as (\d+)$", g.shell("run --core 1 spin &"), re.MULTILINE)
        report.result("boot fleets: a number that is in use is not given again", again and again[1] != number[1],
                      log=g.log[-3000:])
        g.shell(f"kill {number[1]}")
        report.result("boot fleets: and ends it", f"\n{number[1]} " not in g.shell("ps"), log=g.log[-3000:])
        g.shell(f"kill {again[1]}")
        held = re.findall(r"(\d+) pages, (\d+) lost, (\d+) doubled, (\d+) strange, (\d+) orphans",
                          g.shell("hoard 2 1 4"))
        report.result("boot fleets: page has found what is taken", len(held) == 2 and int(held[0][0]) > 0 and
                      all(n == "0" for one in held for n in one[1:]), log=g.log[-3000:])

