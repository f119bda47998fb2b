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


def test_lua(report):
    """Lua runs a program of some hundred lines"""
    tap(report, "lua", "lua /boot/check.lua")


def test_duktape(report):
    """Duktape runs a program of some hundred lines"""
    tap(report, "duktape", "duk /boot/check.js")


def test_exit_status(report):
    """an error in a script is told, and is the exit status"""
    with boot() as g:
        g.prompt()
        said = g.shell("lua /boot/no-such.lua")
        if "cannot open /boot/no-such.lua" not in said:
            raise guest.Failure(f"lua said {said!r}")
        if "exit status 1" not in said and "status 1" not in said:
            raise guest.Failure(f"the shell does not tell lua's exit status: {said!r}")
