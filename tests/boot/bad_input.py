"""What cannot boot says why; what is partly broken goes on with the rest."""
import os
import subprocess
import tempfile

import guest
import qemu

CANNOT = r"skerry: cannot start: "


def says(pattern, limit=30, **machine):
    with guest.boot(limit, **machine) as g:
        g.wait(pattern)


def archive_of(folder, files):
    """A boot archive of {name: bytes}, made as the build makes its own."""
    paths = []
    for name, data in files.items():
        paths.append(os.path.join(folder, name))
        with open(paths[-1], "wb") as f:
            f.write(data)
    out = os.path.join(folder, "archive.bin")
    subprocess.run([os.path.join(qemu.ROOT, "tools/mkarchive"), out, *paths], check=True)
    return out


def program(name):
    with open(os.path.join(qemu.BUILD, "user", name), "rb") as f:
        return f.read()


def says_with_archive(pattern, data):
    """Boots with exactly these bytes as the boot archive."""
    with tempfile.NamedTemporaryFile(prefix="skerry-archive-") as f:
        f.write(data)
        f.flush()
        says(pattern, archive=f.name)


def built_archive():
    with open(os.path.join(qemu.BUILD, "archive.bin"), "rb") as f:
        return f.read()


def test_no_archive(report):
    """no boot archive"""
    says(CANNOT + "no boot archive", archive=None)


def test_archive_garbage(report):
    """a boot archive that is none"""
    says_with_archive(CANNOT + "bad boot archive", b"\x5a" * 8192)


def test_archive_cut(report):
    """a boot archive cut in half"""
    data = built_archive()
    says_with_archive(CANNOT + "bad boot archive", data[:len(data) // 2])


def test_no_monitor(report):
    """a boot archive without the monitor"""
    with tempfile.TemporaryDirectory() as folder:
        says(r'boot archive has no file "monitor"', archive=archive_of(folder, {"hello": program("hello")}))


def test_monitor_not_elf(report):
    """a monitor that is not an ELF file"""
    with tempfile.TemporaryDirectory() as folder:
        says(r'"monitor" in the boot archive: ', archive=archive_of(folder, {"monitor": b"not a program\n"}))


def test_monitor_cut(report):
    """a monitor whose program headers point beyond its end"""
    with tempfile.TemporaryDirectory() as folder:
        bad = bytearray(program("monitor"))
        bad[32:40] = (1 << 40).to_bytes(8, "little")  # e_phoff
        # A stripped copy would not be bad any more, so the name is patched in behind mkarchive's back.
        with open(archive_of(folder, {"monitor": b"\0" * len(bad)}), "rb") as f:
            archive = bytearray(f.read())
        archive[4096:4096 + len(bad)] = bad
        says_with_archive(r'"monitor" in the boot archive: ', bytes(archive))


def test_no_console(report):
    """a boot archive without the console: the system says so and does not panic"""
    with tempfile.TemporaryDirectory() as folder:
        says("cannot start console", archive=archive_of(folder, {"monitor": program("monitor")}))


def test_bad_program(report):
    """a program that is not an ELF file: an error at the prompt, and the shell goes on"""
    names = ["monitor", "console", "shell", "hello"]
    with tempfile.TemporaryDirectory() as folder:
        files = {n: program(n) for n in names}
        files["broken"] = b"no ELF file at all"
        with guest.boot(40, cores=1, archive=archive_of(folder, files)) as g:
            g.prompt()
            said = g.shell("run broken")
            if not said.strip():
                raise guest.Failure("nothing was said about the broken program")
            if "Hello from core 0" not in g.shell("run hello"):
                raise guest.Failure("the next program did not run")


def test_small_memory(report):
    """64 MiB and 16 cores: a prompt, or a message that names the cause"""
    with guest.boot(60, cores=16, mem="64M") as g:
        match = g.wait(r"skerry> |too little memory")
        report.result("boot bad_input: 64 MiB and 16 cores end in: " + match[0].strip(), True)


def test_tiny_memory(report):
    """hardly more memory than the archive has: a message that names the cause"""
    says("too little memory", mem=f"{(len(built_archive()) >> 20) + 4}M")


def test_no_long_mode(report):
    """a processor without long mode"""
    says("no 64-bit mode", cpu="qemu32")


def test_no_long_mode_32(report):
    """a processor of 1999"""
    says("no 64-bit mode", cpu="pentium3")
