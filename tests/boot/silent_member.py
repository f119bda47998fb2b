"""A core falls silent that processes have a member on: they end on all other cores, wherever they started."""
import os
import tempfile

import gdbstub
import guest
from machines import cores_up, expect
from silent_core import silence


def test_silent_member(report):
    """a core falls silent that two processes have a member on"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gdb")
        with guest.boot(90, cores=3, append="silence=5000 services=none", extra=gdbstub.arguments(path)[1:]) as g:
            g.prompt(60)
            expect("runs as 0." in g.shell("run --core 0 tests --do span_still 3 &"), "nothing starts on core 0")
            expect("runs as 1." in g.shell("run --core 1 tests --do span_still 3 &"), "nothing starts on core 1")
            while g.shell("ps").count("on 3 cores") != 2:
                pass  # till both are everywhere, or the time is up
            silence(path, 1)
            expect(cores_up(g.shell("cores", 40)) == [0, 2], "the cores that are up are not 0 and 2")
            while "tests" in g.shell("ps"):
                pass  # till neither lives on without one of its cores, or the time is up
            expect("Hello from core 2" in g.shell("run --core 2 hello"), "core 2 does not answer")
            expect("exit status 0" not in g.log, "one has ended as if nothing was")
