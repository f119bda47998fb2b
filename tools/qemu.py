"""QEMU command lines for Skerry: which door it boots through, on what machine.

Used by tools/run and the boot tests. Nothing here waits or reads; see guest.py.
"""
import contextlib
import os
import shutil
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
OVMF = "/usr/share/OVMF"
DOORS = ("pvh", "iso", "pxe")
DEBUG_SOCKET = os.path.join(BUILD, "debug.sock")  # of the machine that a person runs

# One instruction is one nanosecond and nothing comes from outside: the same run each time.
COUNTED = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off",
           "-rtc", "base=2024-01-01,clock=vm", "-seed", "1"]


def accelerator(name, cores):
    """QEMU's words for tcg, tcg-single, tcg-multi, kvm or counted.

    Plain tcg gives each core a thread where this machine has a processor for each of
    them. With fewer, a spinning core would starve the one it waits for, so they take turns.
    """
    if name == "counted":
        return COUNTED + ["-cpu", "max,erms=off,fsrm=off"]
    if name == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    if name == "tcg":
        name = "tcg-multi" if (os.cpu_count() or 1) >= cores else "tcg-single"
    return ["-accel", f"tcg,thread={name.removeprefix('tcg-')}", "-cpu", "max"]


def firmware(folder):
    """UEFI firmware with settings of its own: old ones name boot entries that are gone."""
    settings = os.path.join(folder, "OVMF_VARS.fd")
    shutil.copy(os.path.join(OVMF, "OVMF_VARS_4M.fd"), settings)
    return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF}/OVMF_CODE_4M.fd",
            "-drive", f"if=pflash,format=raw,unit=1,file={settings}"]


def door_arguments(door, uefi, kernel, archive, append):
    if door == "pvh":
        module = ["-initrd", archive] if archive else []
        return ["-nic", "none", "-kernel", kernel, "-append", append] + module
    if door == "iso":
        return ["-nic", "none", "-cdrom", os.path.join(BUILD, "skerry.iso")]
    image = "x86_64-efi/core.efi" if uefi else "i386-pc/core.0"
    return ["-netdev", f"user,id=n0,tftp={BUILD}/pxe,bootfile=boot/grub/{image}",
            "-device", "virtio-net-pci,netdev=n0,bootindex=1"]


def share_arguments(folder):
    """A folder of this machine as a virtio-9p device; files in it are made as whoever runs QEMU."""
    path = os.path.abspath(folder).replace(",", ",,")
    return ["-fsdev", f"local,id=share,path={path},security_model=none,multidevs=remap",
            "-device", "virtio-9p-pci,fsdev=share,mount_tag=host"]


def debug_arguments(path):
    """The second serial port as a socket."""
    return ["-chardev", f"socket,path={path},server=on,wait=off,id=debug", "-serial", "chardev:debug"]


@contextlib.contextmanager
def command(door="pvh", uefi=False, cores=1, mem="512M", accel="tcg-single", cpu=None, append="",
            kernel=None, archive="", terminal=False, reboot=False, share=None, debug=None, extra=()):
    """The command line as a list; files that it names are there within the `with`.

    archive None means that the kernel gets none. With `share`, a folder, the system sees that under /host. At
    `debug`, a socket, its gdb service listens.
    With terminal the serial line is on
    the terminal together with QEMU's monitor (Ctrl-A C); otherwise on standard input and output.
    """
    kernel = kernel or os.path.join(BUILD, "kernel/kernel.elf")
    archive = os.path.join(BUILD, "archive.bin") if archive == "" else archive
    with tempfile.TemporaryDirectory(prefix="skerry-qemu-") as folder:
        line = ["qemu-system-x86_64", "-machine", "q35", "-smp", str(cores), "-m", mem,
                "-display", "none", "-vga", "none",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        line += accelerator(accel, cores)
        line += ["-cpu", cpu] if cpu else []
        line += firmware(folder) if uefi else []
        line += door_arguments(door, uefi, kernel, archive, append)
        line += ["-serial", "mon:stdio"] if terminal else ["-serial", "stdio", "-monitor", "none"]
        line += debug_arguments(debug) if debug else []
        line += [] if reboot else ["-no-reboot"]
        line += share_arguments(share) if share else []
        yield line + list(extra)
