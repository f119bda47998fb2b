"""The stub generator: what it refuses, where and why; that it is deterministic; that interfaces do not meet."""
import glob
import os
import re
import subprocess
import tempfile

import guest
import qemu

RPCGEN = os.path.join(qemu.ROOT, "tools/rpcgen")
HEAD = '#include "libos/rpc/annotate.h"\n#include "TYPES"\nrpc_interface(bad, 9);\n'
TYPES = """#include "kernel/abi/types.h"
struct plain { uint32_t x; uint8_t y[3]; };
struct linked { struct linked *next; };
struct flag { uint32_t a; bool b; };
struct later;
union mixed { uint64_t word; void *pointer; };
#define SOME 20
size_t linked_put(const struct linked *l, void *to, size_t room);
bool linked_get(struct linked *l, const void *from, size_t bytes);
void linked_free(struct linked *l);
"""
GOOD = """/* Of everything a little. */
err_t bad_one(rpc_in uint32_t a, rpc_in const struct plain *b, rpc_in rpc_string rpc_max(SOME) const char *c,
	      rpc_in rpc_sized(count) const struct plain *d, rpc_in uint32_t count, rpc_out uint64_t *e);
rpc_oneway void bad_two(rpc_in rpc_serial(linked) const struct linked *l);
"""

# The fourth line of a header, and what is said of it.
REFUSED = [
    ("err_t bad_x(uint32_t a);", "bad_x: parameter a: say rpc_in, rpc_out or rpc_inout"),
    ("err_t bad_x(rpc_in rpc_out uint32_t *a);", "two annotations contradict"),
    ("err_t bad_x(rpc_in uint32_t);", "has no name"),
    ("err_t bad_x(rpc_in uint32_t a, ...);", "fixed number of parameters"),
    ("err_t bad_x(rpc_out uint32_t a);", "an output is written through a pointer"),
    ("err_t bad_x(rpc_out const uint32_t *a);", "an output cannot be const"),
    ("err_t bad_x(rpc_in uint32_t *a);", "an input pointer points to const"),
    ("err_t bad_x(rpc_in const char *a);", "rpc_string or rpc_sized"),
    ("err_t bad_x(rpc_in const void *a);", "a void pointer needs rpc_sized"),
    ("err_t bad_x(rpc_in uint64_t a[4]);", "is an array"),
    ("err_t bad_x(rpc_in struct linked a);", "next is a pointer"),
    ("err_t bad_x(rpc_in union mixed a);", "pointer is a pointer"),
    ("err_t bad_x(rpc_in struct flag a);", "b is a bool"),
    ("err_t bad_x(rpc_out struct later *a);", "not defined"),
    ("err_t bad_x(rpc_in err_t (*const a)(void));", "an input pointer points to const"),
    ("err_t bad_x(rpc_in uint64_t *const *a);", "only plain data"),
    ("err_t bad_x(rpc_in rpc_string uint32_t a);", "rpc_string is for pointers"),
    ("err_t bad_x(rpc_in rpc_string const uint32_t *a);", "rpc_string is for char *"),
    ("err_t bad_x(rpc_inout rpc_string char *a);", "rpc_string goes one way"),
    ("err_t bad_x(rpc_in rpc_max(4) uint32_t a);", "rpc_max is for"),
    ("err_t bad_x(rpc_in rpc_string rpc_max(0) const char *a);", "rpc_max(0) is 0"),
    ("err_t bad_x(rpc_in rpc_string rpc_max(NONE) const char *a);", "rpc_max(NONE): "),
    ("err_t bad_x(rpc_in rpc_string rpc_max(9000) const char *a);", "use rpc_max"),
    ("err_t bad_x(rpc_in rpc_sized(n) const void *a);", "no such number among the parameters"),
    ("err_t bad_x(rpc_in rpc_sized(n + 1) const void *a, rpc_in uint32_t n);", "only a parameter"),
    ("err_t bad_x(rpc_in rpc_sized(*n) const void *a, rpc_inout uint32_t *n);", "rpc_sized(length)"),
    ("err_t bad_x(rpc_out rpc_sized(n) void *a, rpc_in uint32_t n);", "rpc_sized(*length)"),
    ("err_t bad_x(rpc_in rpc_sized(n) const void *a, rpc_in rpc_sized(n) const void *b, rpc_in uint32_t n);",
     "is the length of a already"),
    ("err_t bad_x(rpc_in rpc_sized(n) const struct linked *a, rpc_in uint32_t n);", "next is a pointer"),
    ("err_t bad_x(rpc_in rpc_cap uint64_t a);", "rpc_cap is for cptr_t"),
    ("err_t bad_x(rpc_in rpc_cap rpc_string const char *a);", "only one of"),
    ("err_t bad_x(rpc_in rpc_serial(linked) struct linked a);", "rpc_serial is for pointers"),
    ("err_t bad_x(rpc_in rpc_idempotent uint32_t a);", "does not belong here"),
    ("err_t bad_x(rpc_in uint32_t err);", "a name that the stubs use"),
    ("rpc_oneway err_t bad_x(rpc_in uint32_t a);", "void, and nothing else"),
    ("rpc_oneway void bad_x(rpc_out uint32_t *a);", "no outputs"),
    ("void bad_x(rpc_in uint32_t a);", "returns void"),
    ("uint32_t bad_x(rpc_in uint32_t a);", "returns uint32_t"),
    ("err_t good_x(rpc_in uint32_t a);", "are named bad_"),
    ("err_t bad_x(rpc_in uint32_t a) { return a; }", "declared, not defined"),
    ("err_t bad_x(rpc_in uint32_t a); err_t bad_x_start(rpc_in uint32_t a);", "meets the stubs of bad_x"),
    ("struct here { int a; };", "only rpc_interface and methods"),
    ("rpc_interface(worse, 10);", "a second rpc_interface"),
    ("err_t bad_x(rpc_in uint32_t a)", "expected"),
    ("err_t bad_x(rpc_in unknown_t a);", "unknown"),
]


def generate(text, folder):
    """Runs the generator on a header of the interface `bad`; its exit status and words."""
    place = os.path.join(folder, "bad")
    os.makedirs(place, exist_ok=True)
    types = os.path.join(place, "types.h")
    with open(types, "w") as f:
        f.write(TYPES)
    with open(os.path.join(place, "proto.h"), "w") as f:
        f.write(text.replace("TYPES", types))
    return subprocess.run([RPCGEN, os.path.join(place, "proto.h"), os.path.join(folder, "gen")], cwd=qemu.ROOT,
                          capture_output=True, text=True)


def test_refused(report):
    """headers that it cannot handle are refused with file, line and reason"""
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        for line, reason in REFUSED:
            done = generate(HEAD + line + "\n", folder)
            said = done.stderr.strip()
            if done.returncode == 0 or not re.search(r"/bad/proto\.h:\d+: ", said) or reason not in said or \
                    "Traceback" in said or ":4: " not in said:
                wrong.append(f"{line}\n  should say: {reason}\n  says: {said or 'nothing'}")
    if wrong:
        raise guest.Failure("\n".join(wrong))
    report.result(f"tools stubs: {len(REFUSED)} headers refused", True)


def test_heads(report):
    """interfaces without a number, a name of their own, or methods are refused"""
    with tempfile.TemporaryDirectory() as folder:
        for text, reason in (
            ('#include "libos/rpc/annotate.h"\n', "no interface"),
            (HEAD, "no interface with methods"),
            (HEAD.replace("9", "0") + GOOD, "number is 1 to"),
            (HEAD.replace("9", "32") + GOOD, "number is 1 to"),
            (HEAD.replace("bad", "good") + GOOD, "named as its folder"),
            (HEAD.replace("rpc_interface(bad, 9);", "") + GOOD, "comes before the methods"),
        ):
            done = generate(text, folder)
            if done.returncode == 0 or reason not in done.stderr or "/bad/proto.h:" not in done.stderr:
                raise guest.Failure(f"{text}\nshould say: {reason}\nsays: {done.stderr}")


def test_accepted(report):
    """a header is turned into the same stubs twice, which compile without a warning"""
    outputs = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            done = generate(HEAD + GOOD, folder)
            if done.returncode:
                raise guest.Failure(done.stderr)
            made = sorted(glob.glob(folder + "/bad/bad_*"))
            outputs.append([open(path).read().replace(folder, "") for path in made])
            compile_stubs(made)
    if outputs[0] != outputs[1] or len(outputs[0]) != 5:
        raise guest.Failure("the stubs differ")


def compile_stubs(paths):
    for path in paths:
        for compiler in ("gcc", "clang-14") if path.endswith(".c") else ():
            done = subprocess.run([compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wundef",
                                   "-Wmissing-prototypes", "-Wstrict-prototypes", "-I.", "-fsyntax-only", path],
                                  cwd=qemu.ROOT, capture_output=True, text=True)
            if done.returncode:
                raise guest.Failure(done.stderr)


def test_numbers(report):
    """each interface of the tree has a number of its own"""
    seen = {}
    for path in glob.glob(qemu.ROOT + "/*/*/proto.h"):
        with open(path) as f:
            match = re.search(r"^rpc_interface\((\w+), (\d+)\);", f.read(), re.MULTILINE)
        if match:
            other = seen.setdefault(int(match[2]), match[1])
            if other != match[1]:
                raise guest.Failure(f"{match[1]} and {other} both have the number {match[2]}")
    if "sample" not in seen.values():
        raise guest.Failure("found no interfaces")
