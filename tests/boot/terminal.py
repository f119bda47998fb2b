"""The terminal: lines, keys as they come, modes that all programs share, signals by keys."""
import guest

INTERRUPT = "\x03"


def expect(condition, what):
    if not condition:
        raise guest.Failure(what)


def keys(g, how):
    """Starts the program that says what it reads."""
    g.send(f"keys {how}\r")
    g.wait(r"^ready\r?$")


def test_lines(report):
    """lines are edited, and come whole; raw keys come one by one"""
    with guest.boot(60, cores=2) as g:
        g.prompt()
        keys(g, "")
        g.send("ab\x7fc\r")
        g.wait(r"^read 97 99 10\r?$")
        g.send("q\r")
        g.prompt()
        keys(g, "raw")
        g.send("x")
        g.wait(r"^read 120\r?$")
        g.send(INTERRUPT)
        g.wait(r"^read 3\r?$")
        g.send("\r")
        g.wait(r"^read 13\r?$")
        g.send("q")
        g.prompt()
        expect(" icanon" in g.shell("stty"), "the modes are not what they were before")


def test_shared(report):
    """one program's modes and window are the next one's"""
    with guest.boot(60, cores=2) as g:
        g.prompt()
        expect(g.shell("stty size") == "24 80\n", "the first size")
        expect(g.shell("run --core 1 stty rows 40 columns 100 -echo") == "", "a size is set from another core")
        expect(g.shell("stty size") == "40 100\n", "that size")
        expect("-echo" in g.shell("stty"), "a mode that was set")
        g.shell("stty sane")
        expect(" echo" in g.shell("stty"), "sane modes")
        expect("no mode" in g.shell("stty nonsense"), "what is wrong")


def test_signals(report):
    """the interrupt key is a signal: it ends a program, or is handled, and breaks a read off"""
    with guest.boot(60, cores=2) as g:
        g.prompt()
        keys(g, "signals")
        g.send(INTERRUPT)
        g.wait(r"^signal 2\r?$")
        g.wait(r"^read: Interrupted")
        g.send("q\r")
        g.prompt()
        keys(g, "")
        g.send(INTERRUPT)
        g.wait(r"^keys \([\d.]+\) was killed\r?$")
        g.prompt()


def test_groups(report):
    """a process group has the terminal: its reader gets the keys, and the signals"""
    with guest.boot(60, cores=4) as g:
        g.prompt()
        # Both in one group: the child reads, while its parent waits.
        keys(g, "child")
        g.send("a\r")
        g.wait(r"^read 97 10\r?$")
        g.send("q\r")
        g.wait(r"^child ended: 0\r?$")
        g.wait(r"^ready\r?$")
        g.send("q\r")
        g.prompt()
        # A group of its own: the signal is the child's alone.
        keys(g, "group")
        g.send("b\r")
        g.wait(r"^read 98 10\r?$")  # so it is in the foreground
        g.send(INTERRUPT)
        g.wait(r"^signal 2\r?$")
        g.wait(r"^read: Interrupted")
        g.send("q\r")
        g.wait(r"^child ended: 0\r?$")
        g.wait(r"^ready\r?$")
        g.send("c\r")
        g.wait(r"^read 99 10\r?$")
        g.send(INTERRUPT)
        g.wait(r"^keys \([\d.]+\) was killed\r?$")
        g.prompt()
        expect(g.shell("echo back") == "back\n", "the shell does not have the keys again")
