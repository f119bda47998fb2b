"""The service that docs/fleets.md shows is the one that the tests run."""
import os
import re

import qemu

FILES = ["services/tally/proto.h", "services/tally/main.c"]


def read(path):
    with open(os.path.join(qemu.ROOT, path)) as f:
        return f.read()


def test_shown(report):
    """docs/fleets.md shows services/tally as it is"""
    shown = re.findall(r"^`([\w/.]+)`:\n\n```c\n(.*?)^```$", read("docs/fleets.md"), re.MULTILINE | re.DOTALL)
    report.result("docs/fleets.md shows the whole service", [path for path, _ in shown] == FILES, str(shown)[:500])
    for path, text in shown:
        report.result(f"docs/fleets.md: {path} is shown as it is", text == read(path), text)
