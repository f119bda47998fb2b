"""Runs a program of the host for so many seconds of processor time at most.

On a busy host a search or a simulation takes longer by the clock and is as good, so the clock has a wide limit only.
"""
import resource
import signal
import subprocess

PATIENCE = 6  # seconds of the clock for one of the processor


class Late(Exception):
    """It was ended before its end."""


def run(line, seconds, folder=None):
    """(exit status, standard output, standard error). Nothing to read; Late when its time is over."""
    def own_limit():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))

    try:
        done = subprocess.run(line, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=seconds * PATIENCE, preexec_fn=own_limit)
    except subprocess.TimeoutExpired:
        done = None
    if not done or done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise Late(f"{line[0]}: still at it after {seconds} s")
    return done.returncode, done.stdout, done.stderr
