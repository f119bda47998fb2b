"""Just enough of GDB's remote protocol to stop a guest at a function and write its memory."""
import os
import socket
import subprocess
import time

import guest
import qemu

LIMIT = 60


def symbol(name):
    """Address of a name in the kernel."""
    kernel = os.path.join(qemu.BUILD, "kernel/kernel.elf")
    for line in subprocess.check_output(["x86_64-linux-gnu-nm", kernel], text=True).splitlines():
        if line.split()[-1] == name:
            return int(line.split()[0], 16)
    raise guest.Failure(f"the kernel has no {name}")


def arguments(path):
    """QEMU's arguments: stopped at first, with its stub at this socket."""
    return ["-S", "-chardev", f"socket,path={path},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"]


class Stub:
    """A connection to QEMU's stub."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        until = time.monotonic() + LIMIT
        while True:
            try:
                self.socket.connect(path)
                return
            except OSError:
                if time.monotonic() > until:
                    raise guest.Failure("QEMU's stub did not come up") from None
                time.sleep(0.02)

    def close(self):
        self.socket.close()

    def ask(self, text):
        """Sends a packet; returns the answer's text."""
        self.send(text)
        return self.answer()

    def send(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def answer(self):
        data = b""
        while data.count(b"#") == 0 or len(data.split(b"#")[-1]) < 2:
            data += self.socket.recv(4096)
        self.socket.sendall(b"+")
        return data.split(b"$", 1)[1].split(b"#")[0].decode()

    def select(self, core):
        """Further questions are about that core. The stub counts processors from 1."""
        self.ask(f"Hg{core + 1:x}")
        # That it has stopped the machine for us may be said before the answer, or behind it.
        self.socket.settimeout(0.1)
        try:
            while self.socket.recv(4096):
                pass
        except TimeoutError:
            self.socket.settimeout(LIMIT)

    def demand(self, text):
        answer = self.ask(text)
        if answer != "OK":
            raise guest.Failure(f"the stub answers '{answer}' to '{text}'")

    def run_to(self, address):
        """Lets the guest run until it is about to execute at the address."""
        self.demand(f"Z1,{address:x},1")
        self.ask("c")
        self.demand(f"z1,{address:x},1")

    def write32(self, address, value):
        """Writes a word of memory through the stopped core's page tables."""
        self.demand(f"M{address:x},4:{value.to_bytes(4, 'little').hex()}")

    def detach(self):
        """Lets the guest run on without us."""
        self.demand("D")
