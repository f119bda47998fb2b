"""The shell and the console: editing, completion, history, programs, whole lines."""
import re

import guest
from machines import expect

UP, LEFT, HOME = "\x1b[A", "\x1b[D", "\x1b[H"
INTERRUPT, END, KILL_LINE = "\x03", "\x04", "\x15"


def answer(g, keys, pattern, limit=20):
    """Sends keys, some of which draw the prompt anew; waits for a line that the command prints, and the prompt."""
    g.send(keys)
    match = g.wait(pattern, limit)
    g.prompt()
    return match


def test_editing(report):
    """the line is edited with the keys of Emacs and the arrows"""
    with guest.boot(40) as g:
        g.prompt()
        answer(g, "ehco" + LEFT + LEFT + "\x14" + "\x05 one tow\x7f\x7fwo\r", r"^one two$")
        answer(g, "one" + HOME + "echo \r", r"^one$")
        answer(g, "cho gone\x17here\x01e\r", r"^here$")
        answer(g, "nothing" + KILL_LINE + "echo kept\x02\x02\x0bt\r", r"^ket$")
        answer(g, "given up" + INTERRUPT, r"\^C$")
        answer(g, "echo \u00e4\u20ac\x02\x7f\r", r"^\u20ac$")


def test_completion(report):
    """Tab completes commands and programs, and lists what is possible"""
    with guest.boot(40) as g:
        g.prompt()
        answer(g, "ech\tall\r", r"^all$")
        g.send("c\t\t")
        g.wait(r"^cores  core  check  clear  .*crash$")
        answer(g, KILL_LINE + "run hel\tthere\r", r"^Hello from core 0 there$")
        answer(g, "run --c\t0 hel\tagain\r", r"^Hello from core 0 again$")


def test_history(report):
    """the arrows go through the lines entered before"""
    with guest.boot(40) as g:
        g.prompt()
        answer(g, "echo first\r", r"^first$")
        answer(g, "echo second\r", r"^second$")
        answer(g, UP + UP + "\r", r"^first$")
        answer(g, UP + UP + " half\r", r"^second half$")
        said = g.shell("history")
        listed = re.search(r"^ +1  echo first\n +2  echo second\n +3  echo first\n", said, re.MULTILINE)
        expect(listed, "history's list")


def test_words(report):
    """quotes and backslashes, a comment, and what is wrong with a line"""
    with guest.boot(40) as g:
        g.prompt()
        said = g.shell("args 'a  b' \"c'd\" e\\ f '' # not this")
        expect(said == "0: [args]\n1: [a  b]\n2: [c'd]\n3: [e f]\n4: []\n", f"arguments came as {said!r}")
        expect("no end" in g.shell("echo 'a"), "an open quote is not noticed")
        expect("did you mean" in g.shell("corse") and "cores" in g.shell("corse"), "'corse' does not suggest cores")
        expect("run program" in g.shell("run") or "usage" in g.shell("run"), "run alone does not say how")
        expect("no such core" in g.shell("run --core 900 hello"), "a core that is not there")
        expect("no such process" in g.shell("kill 0.999"), "a process that is not there")


def test_paste(report):
    """more text than the console keeps is pasted, and none of it is lost"""
    with guest.boot(60) as g:
        g.prompt()
        words = [f"word{i}" for i in range(900)]
        g.send("".join(f"echo {w}\r" for w in words))
        for word in words:
            g.wait(f"^{word}$")


def test_status(report):
    """an exit status that is not 0, a kill and a fault are said"""
    with guest.boot(40, cores=2) as g:
        g.prompt()
        expect(g.shell("exit 0") == "", "something is said about exit status 0")
        expect("exit status 3" in g.shell("exit 3"), "exit status 3")
        expect("exit status 77" in g.shell("run --core 1 exit 77"), "exit status 77 from another core")
        expect("stopped by a fault" in g.shell("run --core 1 crash"), "a fault")
        # The key may come before the program that it is meant for.
        answer(g, "spin\r" + INTERRUPT, r"^spin \([\d.]+\) was killed$")
        g.send("run --core 1 spin\r")
        g.wait(r"run --core 1 spin$")
        answer(g, INTERRUPT, r"^spin \([\d.]+\) was killed$")


def test_input(report):
    """a program that reads has the keys till it ends; then the shell has them"""
    with guest.boot(40, cores=2) as g:
        g.prompt()
        for core in (0, 1):
            g.send(f"run --core {core} echo\r")
            g.wait(r"run --core \d echo$")
            g.send("abx\x7fc\r")
            g.wait(r"^abc$")
            answer(g, END, r"")
            expect(g.shell("echo back") == "back\n", "the shell does not have the keys again")


def test_background(report):
    """a program in the background: its end is said, and the line being typed is put back"""
    with guest.boot(40, cores=2) as g:
        g.prompt()
        said = g.shell("run --core 1 spin 1 &")
        expect(re.search(r"^spin runs as [\d.]+$", said, re.MULTILINE), "its pid")
        g.send("echo kept")
        if "has ended" not in said:
            g.wait(r"spin \([\d.]+\) has ended$")
        g.wait(r"^skerry> echo kept")
        answer(g, "\r", r"^kept$")


def whole_lines(g, count):
    said = g.shell(f"run --core all lines {count}", 60)
    lines = said.splitlines()
    for core in range(16):
        pieces = f" {core}" * 5
        wanted = [f"core {core} line {i}:{pieces} end" for i in range(1, count + 1)]
        expect([l for l in lines if l.startswith(f"core {core} ")] == wanted, f"the lines of core {core}")
    expect(len(lines) == 16 * count, f"{len(lines)} lines in place of {16 * count}")


def test_whole_lines(report):
    """output of programs on 16 cores arrives in whole lines, each core's in order"""
    with guest.boot(90, cores=16, mem="1G") as g:
        g.prompt()
        whole_lines(g, 20)


def test_whole_lines_multi(report):
    """the same with a thread for each core"""
    with guest.boot(150, cores=16, mem="1G", accel="tcg-multi") as g:
        g.prompt()
        whole_lines(g, 20)


REFUSED = r"echo \(24\): exit status 1$"


def test_many_readers(report):
    """more programs on the console's core than it has room for: the others go on"""
    with guest.boot(90) as g:
        g.prompt()
        for _ in range(24):
            g.shell("run --core 0 echo &")
        # The last of them found no room. What it says may come between two prompts.
        if not re.search(REFUSED, g.log, re.MULTILINE):
            g.wait(REFUSED)
        g.send("echo here\r")
        g.wait(r"^here$")
