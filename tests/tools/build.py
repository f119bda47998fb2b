"""The build's own promises: the same image twice, checksums that stop, a wrapper that links."""
import json
import os
import shutil
import subprocess
import tempfile

import guest
import qemu

COUNTED = """null_syscall null_invoke lmp_oneway lmp_rt stub_send stub_receive stub_rt urpc_send urpc_recv
urpc_poll urpc_rt urpc_stream
switch_rt thread_switch notify_ipi cap_copy cap_retype cap_delete cap_revoke_1 page_map page_unmap
page_protect_rt spawn_exit boot_prompt""".split()
HOSTED = "urpc_rt raw_one_line_rt raw_two_lines_rt pipe_rt".split()
TOOLS = os.path.join(qemu.ROOT, "tools")


def run(*line, **more):
    return subprocess.run(line, cwd=qemu.ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)


def clean_environment():
    """Without what an outer make tells an inner one."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}


def make(*targets):
    return run("make", "--no-print-directory", *targets, env=clean_environment())


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_iso_twice(report):
    """the ISO is bit-identical when it is made twice"""
    with tempfile.TemporaryDirectory() as folder:
        again = os.path.join(folder, "again.iso")
        made = run(f"{TOOLS}/mkiso", again, f"{qemu.BUILD}/kernel/kernel.elf", f"{qemu.BUILD}/archive-ports.bin")
        if made.returncode or read(again) != read(f"{qemu.BUILD}/skerry.iso"):
            raise guest.Failure("the images differ" if not made.returncode else made.stderr)


def test_archive_twice(report):
    """the boot archive is bit-identical when it is made twice"""
    with tempfile.TemporaryDirectory() as folder:
        again = os.path.join(folder, "archive.bin")
        make("archive", f"ARCHIVE={again}")
        if read(again) != read(f"{qemu.BUILD}/archive.bin"):
            raise guest.Failure("the archives differ")


def tampered_cache(folder):
    """A cache whose copy of newlib's sources has a byte changed; nothing is built in it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    real = os.path.join(os.environ.get("SKERRY_CACHE") or os.path.join(home, "skerry"), "sources")
    shutil.copytree(real, os.path.join(folder, "sources"))
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".orig.tar.gz"):
                with open(os.path.join(base, name), "r+b") as f:
                    f.seek(1000)
                    byte = f.read(1)[0]
                    f.seek(1000)
                    f.write(bytes([byte ^ 1]))


def test_checksum(report):
    """a source package with a wrong checksum stops the build and says so"""
    with tempfile.TemporaryDirectory() as folder:
        tampered_cache(folder)
        done = run(f"{TOOLS}/third_party", "newlib", f"{folder}/link", env=dict(os.environ, SKERRY_CACHE=folder))
        if done.returncode == 0 or "WRONG CHECKSUM" not in done.stderr or os.path.lexists(f"{folder}/link"):
            raise guest.Failure(f"status {done.returncode}: {done.stdout}{done.stderr}")


def test_second_build(report):
    """a second build finds the library and downloads nothing"""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")
        with open(f"{folder}/apt-get", "w") as f:
            f.write("#!/bin/sh\nexit 1\n")
        os.chmod(f"{folder}/apt-get", 0o755)
        done = run(f"{TOOLS}/third_party", "newlib", f"{folder}/link", env=env)
        if done.returncode or done.stdout or not os.path.exists(f"{folder}/link/lib/libc.a"):
            raise guest.Failure(f"status {done.returncode}: {done.stdout}{done.stderr}")


def test_deps(report):
    """with all packages there, nothing is installed and nothing said"""
    done = run(f"{TOOLS}/deps")
    if done.returncode or done.stdout:
        raise guest.Failure(f"status {done.returncode}: {done.stdout}{done.stderr}")


def test_other_host(report):
    """on a host that is not Debian the missing programs are named"""
    with tempfile.TemporaryDirectory() as folder:
        for tool in ("sh", "gcc", "echo"):
            os.symlink(shutil.which(tool), f"{folder}/{tool}")
        done = run(f"{TOOLS}/deps", env={"PATH": folder})
        if done.returncode == 0 or " nasm" not in done.stderr or " gcc" in done.stderr.split("\n")[0]:
            raise guest.Failure(f"status {done.returncode}: {done.stdout}{done.stderr}")


def test_wrapper(report):
    """a program built with x86_64-skerry-gcc runs in Skerry"""
    source = '#include <math.h>\n#include <stdio.h>\nint main(int argc, char **argv)\n' \
             '{ printf("%s: %.3f\\n", argv[1], sqrt(argc)); return 0; }\n'
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/root.c", "w") as f:
            f.write(source)
        made = run(f"{qemu.BUILD}/bin/x86_64-skerry-gcc", "-O2", f"{folder}/root.c", "-o", f"{folder}/root", "-lm")
        if made.returncode:
            raise guest.Failure(made.stderr)
        programs = [f"{qemu.BUILD}/user/{n}" for n in ("monitor", "console", "shell")] + [f"{folder}/root"]
        run(f"{TOOLS}/mkarchive", f"{folder}/archive.bin", *programs, check=True)
        with guest.boot(40, cores=1, archive=f"{folder}/archive.bin") as g:
            g.prompt()
            if "two: 1.414" not in g.shell("run root two"):
                raise guest.Failure("the program did not print what it should")


def test_help(report):
    """'make help' lists every target that the README names"""
    listed = make("help").stdout
    with open(os.path.join(qemu.ROOT, "README.md")) as f:
        named = {w for line in f if line.startswith("| `make ") for w in [line.split("`")[1].split()[1]]}
    missing = [n for n in sorted(named) if n != "help" and f"  {n} " not in listed]
    if missing or not named:
        raise guest.Failure("missing: " + " ".join(missing))


def test_run(report):
    """'make run' boots to the prompt, and ends when the system powers off"""
    g = guest.Guest(["make", "run"], 120, env=clean_environment())
    try:
        g.prompt()
        g.send("poweroff\r")
        if g.finish() != 0:
            raise guest.Failure("make's status")
    finally:
        g.close()


def only_records(target):
    """The records that a target prints on standard output, where nothing else may stand."""
    done = make(target)
    lines = done.stdout.splitlines()
    if done.returncode or not lines or not all(line.startswith("{") for line in lines):
        raise guest.Failure(f"status {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return {json.loads(line)["name"] for line in lines}


def test_count_output(report):
    """'make count' prints records and nothing else, among them those that are judged by"""
    missing = set(COUNTED) - only_records("count")
    if missing:
        raise guest.Failure("missing: " + " ".join(sorted(missing)))


def test_bench_host_output(report):
    """'make bench-host' prints records and nothing else, among them the raw ones"""
    missing = set(HOSTED) - only_records("bench-host")
    if missing:
        raise guest.Failure("missing: " + " ".join(sorted(missing)))


def test_bench(report):
    """'make bench' writes build/bench.jsonl"""
    with tempfile.TemporaryDirectory() as folder:
        done = run(f"{TOOLS}/bench", "--cores", "16", "--out", f"{folder}/bench.jsonl")
        if done.returncode:
            said = [line for line in done.stdout.splitlines() if line.startswith("bench")]
            raise guest.Failure("; ".join(said), done.stdout[-3000:] + done.stderr)
        with open(f"{folder}/bench.jsonl") as f:
            found = {json.loads(line)["name"] for line in f}
        missing = set(COUNTED) - found
        if missing:
            raise guest.Failure("missing: " + " ".join(sorted(missing)))
