"""Just enough of GDB's remote protocol to stop a guest at a function and write its memory."""
import os
import re
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


PACKET = re.compile(rb"\$([^#]*)#..", re.DOTALL)
STOPS = "TS"      # what an answer begins with that says that the machine has stopped
GOING = "cs?v"    # ... and a question that has such an answer


class Stub:
    """A connection to QEMU's stub, or to one that speaks as it does.

    That it has stopped the machine for us it may say before the answer to our first question, or behind it.
    """

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.data = b""
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
        said = self.answer()
        while said[:1] in STOPS and said and text[0] not in GOING:
            said = self.answer()
        return said

    def send(self, text):
        self.socket.sendall(f"${text}#{sum(text.encode()) % 256:02x}".encode())

    def answer(self):
        while not (packet := PACKET.search(self.data)):
            more = self.socket.recv(4096)
            if not more:
                raise guest.Failure("the stub has gone")
            self.data += more
        self.data = self.data[packet.end():]
        self.socket.sendall(b"+")
        return packet[1].decode()

    def select(self, core):
        """Further questions are about that core. The stub counts processors from 1."""
        self.demand(f"Hg{core + 1:x}")

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
