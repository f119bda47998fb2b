"""Programs of others, built from Debian's sources, do their work in the guest. docs/ports.md."""
import os
import re

import guest
import qemu

ARCHIVE = os.path.join(qemu.BUILD, "archive-ports.bin")


def boot(limit=90, cores=2, mem="512M"):
    return guest.boot(limit, cores=cores, mem=mem, archive=ARCHIVE)


def tap(report, name, command):
    with boot() as g:
        g.prompt()
        output = g.shell(command, 60)
        report.tap(name, output, g.log)
        if not re.search(r"^1\.\.\d+", output, re.MULTILINE):
            raise guest.Failure(f"'{command}' did not come to its end")


def documented():
    """The (command, answer) pairs of the session that docs/ports.md shows; an answer may be None."""
    with open(os.path.join(qemu.ROOT, "docs/ports.md")) as f:
        lines = re.search(r"^skerry> sh\n(.*?)^```", f.read(), re.MULTILINE | re.DOTALL)[1].splitlines()
    for line, after in zip(lines, lines[1:] + ["#"]):
        if line.startswith("# ") and "Ctrl-C" not in line:
            yield line[2:], None if after.startswith("#") else after


def test_documented(report):
    """the session that docs/ports.md shows"""
    with boot() as g:
        g.prompt()
        g.send("sh\r")
        pairs = list(documented())
        for command, answer in pairs:
            g.wait(r"# ")
            g.send(command + "\r")
            g.wait(r"\n" + (re.escape(answer) if answer else ""))
        if len(pairs) < 2:
            raise guest.Failure("docs/ports.md shows no session")


def test_lua(report):
    """Lua runs a program of some hundred lines"""
    tap(report, "lua", "lua /boot/check.lua")


def test_duktape(report):
    """Duktape runs a program of some hundred lines"""
    tap(report, "duktape", "duk /boot/check.js")


def test_shell(report):
    """dash runs a script: functions, pipelines, signals, files"""
    tap(report, "sh", "sh /boot/check.sh")


def test_tools(report):
    """busybox's tools do small jobs in dash"""
    tap(report, "tools", "sh /boot/check_tools.sh")


def test_interrupt(report):
    """a pipeline of three programs on three cores; Ctrl-C ends it, and the shell is there again"""
    with boot(cores=4) as g:
        g.prompt()
        g.send("sh\r")
        g.wait(r"# ")
        g.send("yes | cat | wc -l\r")
        g.wait(r"wc -l\n")
        g.settle(1)
        g.send("\x03")
        g.wait(r"# ")
        g.send("echo still $((40 + 2))\r")
        g.wait(r"^still 42")
        g.send("exit\r")
        g.prompt()


def test_zlib(report):
    """zlib's own test, with a file in /tmp"""
    with boot() as g:
        g.prompt()
        said = g.shell("zlib-example /tmp/foo.gz")
        for step in ("gzread(): hello, hello!", "large_inflate(): OK", "inflate with dictionary: hello, hello!"):
            if step not in said:
                raise guest.Failure(f"it did not say {step!r}: {said!r}")


def test_sqlite(report):
    """SQLite keeps a database in /tmp, and another process finds it"""
    with boot() as g:
        g.prompt()
        output = g.shell('sqlite3 /tmp/check.db ".read /boot/check.sql"', 60)
        report.tap("sqlite", output, g.log)
        if not re.search(r"^1\.\.\d+", output, re.MULTILINE):
            raise guest.Failure(f"the script did not come to its end: {output!r}")
        said = g.shell('sqlite3 /tmp/check.db "SELECT count(*) || sum(id) FROM book"')
        if "15002251500" not in said:
            raise guest.Failure(f"another process read {said!r}")


def test_speedtest1(report):
    """SQLite's speedtest1: the same results from a file in /tmp as from memory"""
    with boot() as g:
        g.prompt()
        hashes = []
        for database in ("--memdb", "/tmp/speed.db"):
            said = g.shell(f"speedtest1 --size 5 --verify {database}", 60)
            found = re.search(r"Verification Hash: (\S+ \S+)", said)
            if not found or "990 - ANALYZE" not in said:
                raise guest.Failure(f"speedtest1 {database} did not come to its end: {said!r}")
            hashes.append(found[1])
        if hashes[0] != hashes[1]:
            raise guest.Failure(f"the results differ: {hashes}")


def test_kvtest(report):
    """SQLite's kvtest: 500 blobs written, read and counted"""
    with boot() as g:
        g.prompt()
        g.shell("kvtest init /tmp/kv.db --count 500 --size 5000")
        run = g.shell("kvtest run /tmp/kv.db --count 500 --integrity-check --random")
        stat = g.shell("kvtest stat /tmp/kv.db")
        if "Content read rate" not in run or not re.search(r"Number of entries: +500\b", stat):
            raise guest.Failure(f"kvtest said {run!r}, {stat!r}")
        if not re.search(r"Integrity-check: +ok", run + stat):
            raise guest.Failure(f"the file is not whole: {stat!r}")


def test_threadtest3(report):
    """SQLite's threadtest3: six threads on one database, for ten seconds"""
    with boot() as g:
        g.prompt()
        said = g.shell("sh -c 'cd /tmp && threadtest3 cgt_pager_1 lookaside1'", 80)
        if "0 errors out of 2 tests" not in said:
            raise guest.Failure(f"threadtest3 said {said!r}")


def test_exit_status(report):
    """an error in a script is told, and is the exit status"""
    with boot() as g:
        g.prompt()
        said = g.shell("lua /boot/no-such.lua")
        if "cannot open /boot/no-such.lua" not in said:
            raise guest.Failure(f"lua said {said!r}")
        if "exit status 1" not in said and "status 1" not in said:
            raise guest.Failure(f"the shell does not tell lua's exit status: {said!r}")
