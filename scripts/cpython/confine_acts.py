"""The hostile acts of `confine.py`, each done for real.

See common/src/scenarios/confine/, deed.rs and dirt.rs.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

#: What a job may have: bytes of memory, seconds of CPU time, descriptors, and
#: bytes in its scratch file.
MEMORY, SECONDS, DESCRIPTORS, FILE_SIZE = 128 << 20, 1, 64, 1 << 20

#: The variable that has the secret.
VARIABLE = "CONFINE_SECRET"

#: The length of the secret, and of the memory that is shared.
LENGTH, PAGE = 32, 4096

#: The name of that memory in /proc/self/maps.
PAGE_NAME = "confine-page"


@dataclass(frozen=True)
class Target:
    """Where an act finds what it is after."""

    #: The paths of a secret file, and of one that is not the worker's.
    secret: str
    other: str
    #: The port of a server on this machine.
    port: int
    #: The process id of the host, and the address of a secret there.
    host: int = 0
    memory: int = 0
    #: The number of a descriptor that the host left open.
    leftover: int = -1


@dataclass(frozen=True)
class Loot:
    """What an act has got."""

    #: How much it took: bytes, milliseconds, descriptors or processes.
    amount: int = 0
    #: What it read.
    found: str = ""


def commit(act: str, target: Target, lent: int) -> Loot:
    """Commits an act. `lent` is a descriptor that it was given."""
    return ACTS[act](target, lent)


def take_memory(_target: Target, _lent: int) -> Loot:
    """Zeros are written to all of it, so that it counts."""
    return Loot(len(bytearray(2 * MEMORY)))


#: CPUCLOCK_PROF of this process (linux/posix-timers_types.h), by which
#: RLIMIT_CPU counts.
AS_LIMITED = ~0 << 3


def spin(_target: Target, _lent: int) -> Loot:
    """Half as long again as it may, so that nothing has to stop it for us."""
    begun = time.clock_gettime(AS_LIMITED)
    while (used := time.clock_gettime(AS_LIMITED) - begun) < 1.5 * SECONDS:
        pass
    return Loot(int(1000 * used))


#: How many processes an act leaves. One would do; a fork bomb has no end.
CHILDREN = 16


def fork_many(_target: Target, leash: int) -> Loot:
    """They are no children of `multiprocessing`, which knows nothing of them.

    Python 3.12 and later warn of a fork beside other threads.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for _ in range(CHILDREN):
            if os.fork() == 0:
                wait_at(leash)
    return Loot(CHILDREN)


def wait_at(leash: int) -> NoReturn:
    """A session of its own, so that it does not die with the worker's group.

    It holds nothing but the leash, and so no pipe of its host.
    """
    try:
        os.setsid()
        for number in os.listdir("/proc/self/fd"):
            if int(number) != leash:
                with contextlib.suppress(OSError):
                    os.close(int(number))
        os.write(leash, b"\1")
        os.read(leash, 1)
    finally:
        os._exit(0)


def fill(_target: Target, scratch: int) -> Loot:
    """Writes twice as much as it may. Python ignores SIGXFSZ."""
    piece = b"\1" * (64 << 10)
    for _ in range(2 * FILE_SIZE // len(piece)):
        os.write(scratch, piece)
    return Loot(2 * FILE_SIZE)


def read(target: Target, _lent: int) -> Loot:
    """A file that every process of the user can open."""
    with open(target.secret) as file:
        return Loot(found=file.read())


def overwrite(target: Target, _lent: int) -> Loot:
    """The same for writing."""
    with open(target.other, "r+b") as file:
        return Loot(file.write(bytes(LENGTH)))


def connect(target: Target, _lent: int) -> Loot:
    """Nobody has to accept it."""
    socket.create_connection(("127.0.0.1", target.port)).close()
    return Loot()


def kill(target: Target, _lent: int) -> Loot:
    """Nothing catches SIGKILL."""
    os.kill(target.host, signal.SIGKILL)
    return Loot()


def peek(target: Target, _lent: int) -> Loot:
    """In its own address space a worker needs nobody's leave."""
    if target.host == os.getpid():
        return Loot(found=ctypes.string_at(target.memory, LENGTH).decode())
    with open(f"/proc/{target.host}/mem", "rb", buffering=0) as memory:
        memory.seek(target.memory)
        return Loot(found=memory.read(LENGTH).decode("latin-1"))


def scribble(target: Target, page: int) -> Loot:
    """Memory that a process has mapped to be read is protected by a seal on
    its file. In one address space the mapping itself can be replaced.
    """
    if target.host == os.getpid():
        replace(address_of_page())
        return Loot()
    # It may have been opened to be read only.
    again = os.open(f"/proc/self/fd/{page}", os.O_RDWR)
    try:
        with mmap.mmap(again, PAGE) as memory:
            memory[:] = bytes(PAGE)
    finally:
        os.close(again)
    return Loot()


def address_of_page() -> int:
    """A hostile job does not ask for it."""
    with open("/proc/self/maps") as maps:
        found = next(line for line in maps if PAGE_NAME in line)
    return int(found.split("-")[0], 16)


#: Which flag puts a mapping in the place of another, which Python's `mmap`
#: does not offer.
MAP_FIXED = 0x10


def replace(address: int) -> None:
    """Puts other memory where the host reads."""
    access = mmap.PROT_READ | mmap.PROT_WRITE
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED
    function = ctypes.CDLL(None, use_errno=True).mmap
    function.restype = ctypes.c_void_p
    place, offset = ctypes.c_void_p(address), ctypes.c_long(0)
    size = ctypes.c_size_t(PAGE)
    if function(place, size, access, flags, -1, offset) != address:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def open_many(_target: Target, _lent: int) -> Loot:
    """Twice as many as it may."""
    opened: list[int] = []
    try:
        while len(opened) < 2 * DESCRIPTORS:
            opened.append(os.dup(2))
    finally:
        for number in opened:
            os.close(number)
    return Loot(len(opened))


def open_to_all(target: Target, _lent: int) -> Loot:
    """Any system call would do that the worker does not need."""
    os.chmod(target.secret, 0o666)
    return Loot()


def variable(_target: Target, _lent: int) -> Loot:
    """Also as execve(2) left it: a variable that is removed stays there."""
    if VARIABLE in os.environ:
        return Loot(found=os.environ[VARIABLE])
    with open("/proc/self/environ") as file:
        for entry in file.read().split("\0"):
            if entry.startswith(VARIABLE):
                return Loot(found=entry)
    raise LookupError("there is no such variable")


def leftover(target: Target, _lent: int) -> Loot:
    """Whatever was inherited can be used: only its number has to be found."""
    return Loot(found=os.pread(target.leftover, 2 * LENGTH, 0).decode())


# Dirt: what a job can leave for the next one in the same worker

STAIN = "CONFINE_DIRT"

#: A folder that is always there, and where nobody works.
FOLDER = "/proc"

#: Against all, the owner as well.
UMASK = 0o777


class Left:
    """What is there as long as the worker is."""

    is_marked = False
    descriptor = -1


def leave(_target: Target, _lent: int) -> Loot:
    """Leaves all that it can."""
    Left.is_marked = True
    os.environ[STAIN] = "left"
    os.umask(UMASK)
    os.chdir(FOLDER)
    Left.descriptor = os.dup(2)
    return Loot(5)


def dirt() -> list[str]:
    """What an earlier job has left, in words."""
    found = {
        "a static": Left.is_marked,
        "a variable": STAIN in os.environ,
        "the working directory": os.readlink("/proc/self/cwd") == FOLDER,
        "the umask": mask() == UMASK,
        "a descriptor": is_open(Left.descriptor),
    }
    return [what for what, is_there in found.items() if is_there]


def mask() -> int:
    """The umask can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def is_open(number: int) -> bool:
    """Whether there is such a descriptor."""
    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except (OSError, ValueError):
        return False
    return True


#: All acts, in the order in which they are tried.
ACTS: dict[str, Callable[[Target, int], Loot]] = {
    "memory": take_memory,
    "spin": spin,
    "fork": fork_many,
    "disk": fill,
    "read": read,
    "write": overwrite,
    "connect": connect,
    "signal": kill,
    "peek": peek,
    "scribble": scribble,
    "dirt": leave,
    "descriptors": open_many,
    "call": open_to_all,
    "variable": variable,
    "leftover": leftover,
}
