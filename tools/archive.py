"""The boot archive: a header, an entry for each file, then the files, each at a page boundary (kernel/abi/boot.h)."""
import os
import struct
import subprocess
import tempfile

MAGIC = 0x3176686372796B73
PAGE = 4096
NAME = 48
HEAD = struct.Struct("<QQII")
ENTRY = struct.Struct(f"<{NAME}sQQ")
STRIP = "x86_64-linux-gnu-strip"


def padded(data):
    return data + bytes(-len(data) % PAGE)


def contents(path):
    """The file's bytes, without symbols where it is an ELF file that can be stripped."""
    with open(path, "rb") as f:
        data = f.read()
    if not data.startswith(b"\x7fELF"):
        return data
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        subprocess.run([STRIP, "-o", out, path], check=True)
        with open(out, "rb") as f:
            return f.read()


def pack(files):
    """The archive of (name, bytes) pairs. The same files give the same bytes; what has two names is there once."""
    end = len(padded(bytes(HEAD.size + len(files) * ENTRY.size)))
    entries, bodies, places = [], [], {}
    for name, data in files:
        if data not in places:
            places[data] = end
            bodies.append(padded(data))
            end += len(bodies[-1])
        entries.append(ENTRY.pack(name.encode(), places[data], len(data)))
    head = HEAD.pack(MAGIC, end, len(files), 0)
    return padded(head + b"".join(entries)) + b"".join(bodies)


def read(path):
    """The (name, bytes) pairs of an archive."""
    with open(path, "rb") as f:
        data = f.read()
    magic, _, count, _ = HEAD.unpack_from(data)
    if magic != MAGIC:
        raise ValueError(f"{path} is no boot archive")
    for i in range(count):
        name, at, size = ENTRY.unpack_from(data, HEAD.size + i * ENTRY.size)
        yield name.rstrip(b"\0").decode(), data[at:at + size]
