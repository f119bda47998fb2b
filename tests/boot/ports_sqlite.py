"""SQLite from Debian's sources: its shell, its programs of measure and of test, on /tmp. docs/ports.md."""
import os
import re

import guest
import qemu

ARCHIVE = os.path.join(qemu.BUILD, "archive-ports.bin")
# Most run by the clock, 10 or 20 s, whatever they get done. Left out: stress2, which takes 60 s, and
# checkpoint_starvation_1, which counts on a number of transactions in 10 s. `make soak` runs those too.
NAMES = ("walthread1 walthread2 walthread3 walthread4 walthread5 cgt_pager_1 dynamic_triggers checkpoint_starvation_2 "
         "create_drop_index_1 lookaside1 vacuum1 stress1 shared1")


def boot(limit=90, cores=2, mem="512M"):
    return guest.boot(limit, cores=cores, mem=mem, archive=ARCHIVE)


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
    """SQLite's threadtest3: threads on one database, with a rollback journal and with a write-ahead log"""
    with boot(limit=1200, cores=4, mem="1G") as g:
        g.prompt()
        output = g.shell("sh /boot/check_threads.sh " + NAMES)
        report.tap("threadtest3", output, g.log)
        if report.soak and "0 errors out of 15 tests" not in g.shell("sh -c 'cd /tmp && threadtest3'"):
            raise guest.Failure("threadtest3 has errors")


def test_wal_of_two(report):
    """two processes use a database with a write-ahead log at a time, and see what the other writes"""
    with boot(cores=2) as g:
        g.prompt()
        g.shell("sqlite3 /tmp/w.db 'PRAGMA journal_mode=WAL; CREATE TABLE t(a)'")
        other = ".shell sqlite3 /tmp/w.db"
        said = g.shell(f"sqlite3 /tmp/w.db 'INSERT INTO t VALUES (7)' '{other} \"INSERT INTO t SELECT a * 6 FROM t\"' "
                       f"'SELECT sum(a) FROM t' 'BEGIN IMMEDIATE' '{other} \"INSERT INTO t VALUES (1)\"' "
                       f"'{other} \"SELECT 1000 + sum(a) FROM t\"' 'COMMIT' 'PRAGMA integrity_check'")
        for expected in ("49", "database is locked", "1049", "ok"):
            if not re.search(rf"\b{expected}\b", said):
                raise guest.Failure(f"{expected!r} is missing in {said!r}")
