"""The host's files under emulation: what one side writes the other reads."""
import os
import tempfile

import guest
from inside import run_tap
from machines import expect

LARGE = 300000


def pattern(start, count):
    return bytes((i * 7 + i // 251) & 0xff for i in range(start, start + count))


def write(folder, name, data):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def fill(folder):
    """What user/tests/test_host.c expects to find."""
    write(folder, "sub/greeting", b"from this side\n")
    write(folder, "large", pattern(0, LARGE))
    write(folder, "moved.from", b"moved")
    write(folder, "unwanted", b"")
    for i in range(100):
        write(folder, f"many/entry-{i}", b"")


def look(folder):
    """What it is to leave behind."""
    expect(read(folder, "written") == b"from the other side\n", "the file written in the system is another one here")
    expect(read(folder, "large.out") == pattern(1, LARGE), "300,000 bytes written in the system are others here")
    expect(os.readlink(os.path.join(folder, "made/pointer")) == "../written", "the link points elsewhere")
    expect(read(folder, "made/moved.to") == b"moved", "the file was not moved")
    expect(not os.path.exists(os.path.join(folder, "unwanted")), "the unwanted file is still there")


def share(report, cores):
    with tempfile.TemporaryDirectory(prefix="skerry-share-") as folder:
        fill(folder)
        run_tap(report, f"tests host/{cores} cores", "tests host", 90, cores=cores, share=folder)
        look(folder)


def test_1(report):
    """a folder of the host, 1 core: read, written, found there"""
    share(report, 1)


def test_4(report):
    """a folder of the host, 4 cores"""
    share(report, 4)


def test_without(report):
    """without the device there is no service of that name, and no process"""
    with guest.boot(60, cores=1) as g:
        g.prompt()
        expect("host" not in g.shell("ps"), "the service runs without its device")
