"""The compiler wrapper's companions: CMake's toolchain file and pkg-config, as docs/ports.md has them."""
import os
import subprocess
import tempfile

import guest
import qemu

CMAKE = """cmake_minimum_required(VERSION 3.10)
project(t C)
include(CheckFunctionExists)
check_function_exists(fork HAVE_FORK)
check_function_exists(dlopen HAVE_DLOPEN)
if(NOT HAVE_FORK OR HAVE_DLOPEN)
  message(FATAL_ERROR "fork: ${HAVE_FORK}, dlopen: ${HAVE_DLOPEN}")
endif()
add_executable(t t.c)
"""
ZLIB = '#include <zlib.h>\nint main(void) { return zlibVersion()[0] != \'1\'; }\n'
BIN = os.path.join(qemu.BUILD, "bin")


def run(*line, **more):
    done = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        raise guest.Failure(f"{' '.join(line)}: {done.stdout}{done.stderr}")
    return done.stdout


def test_cmake(report):
    """CMake finds what is there, not what is not, and builds with the toolchain file"""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("CMakeLists.txt", CMAKE), ("t.c", "int main(void) { return 0; }\n")):
            with open(os.path.join(folder, name), "w") as f:
                f.write(text)
        run("cmake", f"-DCMAKE_TOOLCHAIN_FILE={qemu.ROOT}/tools/skerry.cmake", ".", cwd=folder)
        run("cmake", "--build", ".", cwd=folder)
        if "_start" not in run("nm", os.path.join(folder, "t")):
            raise guest.Failure("the program has no start of ours")


def test_pkg_config(report):
    """pkg-config's flags for a ported library link a program"""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "t.c")
        with open(source, "w") as f:
            f.write(ZLIB)
        flags = run(f"{BIN}/x86_64-skerry-pkg-config", "--cflags", "--libs", "zlib").split()
        run(f"{BIN}/x86_64-skerry-gcc", source, "-o", os.path.join(folder, "t"), *flags)
