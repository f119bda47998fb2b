"""Benchmark records: one JSON object a line, as user/bench and tools/bench_host print them."""
import json
import os
import subprocess

import guest
import qemu

BASELINE = os.path.join(qemu.ROOT, "bench/baseline.json")
GROWTH = 0.02  # by so much a figure may exceed the baseline
OF_PAGES = ["page_take", "page_get", "page_get_first", "page_need"]
OF_FILES = ["file_open_close", "file_open_read_close", "file_open_other", "file_open_read_other", "file_stat",
            "file_fstat", "file_pread_64", "file_pread_4096", "file_pwrite_65536", "pipe_64", "pipe_4096",
            "posix_spawn", "fork_exit", "fork_fault"]
CROSS_CORE = ["urpc_rt", "urpc_stream", "notify_ipi", "ninep_far_1", "ninep_far_65536"]


def commit():
    """The commit that is measured; with a + when the tree has changes on top of it."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12"], cwd=qemu.ROOT,
                          capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def parse(text):
    """The records in a text; other lines are left out."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"name"')]


def key(record):
    return f"{record['name']}/{record['cores']}"


def counted(cores, measures, services="name"):
    """Instruction counts from a boot that runs only these measures and powers off."""
    options = f"--json --method icount --accel tcg --commit {commit()}"
    append = f'services={services} init="bench {options} {measures}" poweroff'
    with guest.boot(120, accel="counted", cores=cores, append=append) as g:
        g.finish()
        return parse(g.log)


def counted_boot(cores):
    """Instructions from the CPU driver's start to the prompt."""
    with guest.boot(120, accel="counted", cores=cores) as g:
        g.prompt()
        said = g.shell(f"bench --json --method icount --accel tcg --commit {commit()} boot_prompt")
        return parse(said)


def count_all(progress=lambda text: None):
    """All counted figures: what runs on one core, then what takes two, then the boot."""
    progress("one core")
    records = counted(1, "all")
    records += counted(1, " ".join(OF_PAGES), "page")
    records += counted(1, " ".join(OF_FILES), "\"name proc mem pipe\"")
    progress("two cores")
    records += counted(2, " ".join(CROSS_CORE))
    progress("boot")
    return records + counted_boot(1) + counted_boot(16)


def compare(found, baseline):
    """(line for people, whether it is a failure) for each figure that differs."""
    measured = {key(r): r["median"] for r in found}
    for name in sorted(set(measured) | set(baseline)):
        if name not in measured:
            yield f"{name}: was not measured; the baseline has {baseline[name]:g}", True
        elif name not in baseline:
            yield f"{name}: {measured[name]:g}, not in the baseline", True
        elif measured[name] > baseline[name] * (1 + GROWTH):
            yield f"{name}: {measured[name]:g}, over the baseline's {baseline[name]:g} by more than {GROWTH:.0%}", True
        elif measured[name] < baseline[name] * (1 - GROWTH):
            yield f"{name}: {measured[name]:g}, the baseline has {baseline[name]:g}: better; update the baseline", False


def read_baseline():
    if not os.path.exists(BASELINE):
        return {}
    with open(BASELINE) as f:
        return json.load(f)


def write_baseline(found):
    os.makedirs(os.path.dirname(BASELINE), exist_ok=True)
    with open(BASELINE, "w") as f:
        json.dump({key(r): r["median"] for r in found}, f, indent="\t", sort_keys=True)
        f.write("\n")
