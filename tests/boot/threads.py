"""POSIX threads on several cores; programs over them, each of which checks its own result."""
import guest
from inside import run_tap

TESTS = "tests pthread interrupts"
PROGRAMS = ["matrix --size 96", "jacobi --size 64 --rounds 50", "sort --count 20000"]


def run_programs(report, cores, threads, **machine):
    with guest.boot(180, cores=cores, **machine) as g:
        g.prompt()
        for program in PROGRAMS:
            for n in threads:
                output = g.shell(f"{program} --threads {n}", 60)
                what = program.split()[0]
                right = f" {n} threads: " in output and output.rstrip().endswith("right") and "fewer" not in output
                report.result(f"boot threads: {what}, {n} threads, {cores} cores", right, output.strip())
        output = g.shell("lifo", 20)
        report.result("boot threads: a program's own scheduler", "right" in output, output.strip())
        g.power_off()


def test_pthread_1(report):
    """pthreads, 1 core"""
    run_tap(report, "pthread/1 core", TESTS, 120, cores=1)


def test_pthread_4(report):
    """pthreads, 2 and 4 cores"""
    run_tap(report, "pthread/4 cores", TESTS, 180, cores=4)


def test_pthread_16(report):
    """pthreads, 2, 4 and 16 cores"""
    run_tap(report, "pthread/16 cores", TESTS, 240, cores=16, mem="1G")


def test_pthread_16_multi(report):
    """pthreads, 2, 4 and 16 cores, a thread each"""
    run_tap(report, "pthread/16 cores, a thread each", TESTS, 300, cores=16, mem="1G", accel="tcg-multi")


def test_4(report):
    """matrix, jacobi, sort on 1 to 4 cores"""
    run_programs(report, 4, [1, 2, 3, 4])


def test_16(report):
    """matrix, jacobi, sort on 16 cores"""
    run_programs(report, 16, [5, 16], mem="1G")
