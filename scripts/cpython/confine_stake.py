"""What the hostile acts of `confine.py` are after: real files, a real server,
real memory.

See common/src/scenarios/confine/stake.rs.
"""

from __future__ import annotations

import ctypes
import dataclasses
import fcntl
import mmap
import os
import resource
import socket
from dataclasses import dataclass

from confine_acts import FILE_SIZE, LENGTH, PAGE, PAGE_NAME, VARIABLE, Target
from contract import Failure
from input import Input

#: Seconds for a process that has only to exit.
PATIENCE = 120.0


def secret(seed: int) -> str:
    """No act is told the seed: one that returns the secret has read it."""
    below = Input(seed, (1 << 64) - 1).below
    letters = (chr(ord("a") + below(26)) for _ in range(LENGTH))
    return "".join(letters)


class Bait:
    """What lies outside the host: two files, a server, and a leash that holds
    every process that an act starts.

    The files are the judge's memory. Their only names are in its folder in
    /proc, and so they are gone with it, however it ends.
    """

    def __init__(self, seed: int) -> None:
        self._words = secret(seed).encode()
        self._secret, self._other = map(memory_file, ("secret", "other"))
        for file in (self._secret, self._other):
            os.write(file, self._words)
            os.fchmod(file, 0o600)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self._leash, self.lent = socket.socketpair()
        folder = f"/proc/{os.getpid()}/fd"
        self.target = Target(
            f"{folder}/{self._secret}",
            f"{folder}/{self._other}",
            self._server.getsockname()[1],
        )

    def in_host(self) -> None:
        """A fork has inherited the judge's descriptors."""
        os.close(self._secret)
        os.close(self._other)
        self._server.close()
        self._leash.close()

    def traces(self, children: int) -> Traces:
        """What can be seen once the host is gone. Ends all processes that an
        act left behind, of which it says how many there are.
        """
        found = Traces(
            is_overwritten=os.pread(self._other, 64, 0) != self._words,
            is_open_to_all=os.fstat(self._secret).st_mode & 0o77 != 0,
            is_connected=self._is_connected(),
            processes=self._left_behind(children),
        )
        self.close()
        return found

    def close(self) -> None:
        """Closes all of it. What is at the leash ends."""
        if self._leash.fileno() != -1:
            os.close(self._secret)
            os.close(self._other)
            self._server.close()
            self._leash.close()
            self.lent.close()

    def _is_connected(self) -> bool:
        try:
            self._server.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def _left_behind(self, children: int) -> int:
        """Each has sent a byte, and waits for the end of the leash."""
        self._leash.settimeout(PATIENCE)
        count = 0
        try:
            while count < children and self._leash.recv(1):
                count += 1
            self._leash.shutdown(socket.SHUT_WR)
            while self._leash.recv(1):
                count += 1
        except socket.timeout:
            raise Failure("processes that an act left do not end") from None
        return count


@dataclass(frozen=True)
class Traces:
    """What an act has left outside its host."""

    is_overwritten: bool
    is_open_to_all: bool
    is_connected: bool
    processes: int


class Inside:
    """What lies inside the host: a secret in its memory and its environment, a
    descriptor that it left open, a scratch file, and memory to share.
    """

    #: Above all descriptors that are in use.
    HIGH = 200

    def __init__(self, seed: int, bait: Bait) -> None:
        bait.in_host()
        words = secret(seed)
        os.environ[VARIABLE] = words
        self._memory = ctypes.create_string_buffer(words.encode())
        self._scratch = memory_file("scratch")
        self._leash = bait.lent.fileno()
        self._share()
        self.target = dataclasses.replace(
            bait.target,
            host=os.getpid(),
            memory=ctypes.addressof(self._memory),
            leftover=self._leave_open(bait.target.secret),
        )

    def lend(self, act: str, is_confined: bool) -> int:
        """What an act is given: the means to do its harm, which it could not
        bring along itself.
        """
        if act == "fork":
            return self._leash
        if act == "scribble":
            if is_confined:
                self._seal()
                return self._to_read
            return self._page
        return self._scratch

    def is_full(self) -> bool:
        """Whether more is in the scratch file than may be."""
        return os.fstat(self._scratch).st_size > FILE_SIZE

    def is_scribbled(self) -> bool:
        """Whether the shared memory is no longer as it was."""
        return self._mapped[:] != self._usual

    def _share(self) -> None:
        """Memory that the host maps to be read."""
        self._page = memory_file(PAGE_NAME)
        self._usual = b"\1" * PAGE
        os.write(self._page, self._usual)
        path = f"/proc/self/fd/{self._page}"
        self._to_read = os.open(path, os.O_RDONLY)
        self._mapped = mmap.mmap(self._to_read, PAGE, prot=mmap.PROT_READ)

    def _seal(self) -> None:
        """A descriptor to read alone does not protect it: the file can be
        opened again through /proc.
        """
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
        fcntl.fcntl(self._page, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_SEAL)

    def _leave_open(self, path: str) -> int:
        """Any process that is started without closing it inherits it."""
        file = os.open(path, os.O_RDONLY)
        high = min(
            self.HIGH, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        )
        number = fcntl.fcntl(file, fcntl.F_DUPFD, high)
        os.close(file)
        return number


def memory_file(name: str) -> int:
    """A file without a name in any folder."""
    return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
