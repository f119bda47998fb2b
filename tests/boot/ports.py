"""Programs of others, built from Debian's sources, do their work in the guest. docs/ports.md."""
import contextlib
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


def cores_of(said, names):
    """Where the processes of these names are, by the table of `ps`."""
    return [core for core, name in re.findall(r"^ *\d+ +(\d+) .* (\S+)$", said, re.MULTILINE) if name in names]


def interrupt(g):
    """Ctrl-C till there is a prompt: dash names a job before it gives it the terminal."""
    for _ in range(50):
        g.send("\x03")
        with contextlib.suppress(guest.Failure):
            return g.wait(r"# ", 2)
    raise guest.Failure("Ctrl-C ends nothing", g.log[-2000:])


def test_interrupt(report):
    """the prompt offers sh; there a pipeline of three programs is on three cores; Ctrl-C ends it"""
    with boot(cores=4) as g:
        g.wait(r"'sh' is a POSIX shell")
        g.prompt()
        g.send("sh\r")
        g.wait(r"# ")
        g.send("yes | cat | wc -l &\r")
        g.wait(r"# ")
        start = len(g.log)
        g.send("shell -c ps; echo that was $((40 + 2))\r")
        g.wait(r"^that was 42")
        cores = cores_of(g.log[start:], ("yes", "cat", "wc"))
        if len(cores) != 3 or len(set(cores)) != 3:
            raise guest.Failure(f"they are on cores {cores}")
        g.send("fg\r")
        g.wait(r"^yes \| cat \| wc -l")
        interrupt(g)
        g.send("shell -c ps; echo still $((40 + 3))\r")
        start = len(g.log)
        g.wait(r"^still 43")
        if cores_of(g.log[start:], ("yes", "cat", "wc")):
            raise guest.Failure("Ctrl-C did not end all three")
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


def test_exit_status(report):
    """an error in a script is told, and is the exit status"""
    with boot() as g:
        g.prompt()
        said = g.shell("lua /boot/no-such.lua")
        if "cannot open /boot/no-such.lua" not in said:
            raise guest.Failure(f"lua said {said!r}")
        if "exit status 1" not in said and "status 1" not in said:
            raise guest.Failure(f"the shell does not tell lua's exit status: {said!r}")
