"""What a process under test may not do: open sockets, read files outside its folder, take all memory."""

import contextlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MEMORY_LIMIT = 6 << 30
"""Bytes of data that a process may hold."""
SOCKET_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")
SYSTEM_FOLDERS = ("/usr", "/lib", "/proc", "/sys", "/dev", "/opt", "/run", "/var/lib", "/var/cache")
"""What interpreters and libraries read."""
HOME_FOLDERS = tuple(str(Path.home() / name) for name in (".cache", ".config", ".gitconfig"))
SYSTEM_FILES = re.compile(
    r"/etc/(ld\.so|localtime|timezone|nsswitch|magic|mime|ssl|fonts|python|debian_version|os-release|lsb-release|selinux|gitconfig)"
)
OPENED = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"(?P<path>[^"]+)", (?P<flags>[A-Z_|]+).*\) = \d+')
CONNECTED = re.compile(r"connect\(.*AF_INET")
MARK = "/mark-of-input/"

_opened_sockets: list[str] = []


def forbid_sockets() -> None:
    """Note from now on what this process does with sockets of the network."""
    sys.addaudithook(_note_socket)


def _note_socket(event: str, arguments: tuple) -> None:
    if event in SOCKET_EVENTS and not (arguments and isinstance(arguments[-1], str) and arguments[-1].startswith("/")):
        _opened_sockets.append(f"{event} {arguments}")


def limit_memory() -> None:
    """A limit for this process, beyond which it gets MemoryError."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))


@dataclass(frozen=True)
class Watch:
    """What a process does while it checks an input."""

    first_socket: int

    @classmethod
    def begin(cls, folder: Path) -> "Watch":
        """From now on; the system calls from here on belong to the input of this folder."""
        with contextlib.suppress(OSError):
            os.close(os.open(f"{MARK}{folder.name}", os.O_RDONLY))
        return cls(len(_opened_sockets))

    def sockets(self) -> list[str]:
        """What was done with sockets since."""
        return _opened_sockets[self.first_socket :]


def under_strace(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run `main` and look at the system calls of all its processes, where strace is installed."""
    if os.environ.get("HOSTILE_UNDER_STRACE") or shutil.which("strace") is None:
        return main(arguments)
    with tempfile.TemporaryDirectory(prefix="strace-") as folder:
        log = Path(folder) / "calls"
        command = ["strace", "-ff", "-qq", "--seccomp-bpf", "-e", "trace=open,openat,connect", "-o", str(log)]
        environment = os.environ | {"HOSTILE_UNDER_STRACE": "1"}
        done = subprocess.run([*command, sys.executable, sys.argv[0], *arguments], env=environment)
        faults = [fault for calls in sorted(Path(folder).iterdir()) for fault in forbidden_calls(calls.read_text())]
    print("\n".join(faults) or "strace: no connection to a network, no file read outside")
    return done.returncode or (1 if faults else 0)


def forbidden_calls(calls: str) -> list[str]:
    """The connections, and the files read outside, in a log of strace; with the input that they belong to."""
    case, faults = "start", []
    for line in calls.splitlines():
        if MARK in line:
            case = line.split(MARK)[1].split('"')[0]
        elif CONNECTED.search(line) or _reads_outside(line):
            faults.append(f"FORBIDDEN {case}: {line.strip()}")
    return faults


def _reads_outside(line: str) -> bool:
    call = OPENED.search(line)
    if call is None or "O_WRONLY" in call["flags"] or "O_DIRECTORY" in call["flags"]:
        return False
    path = call["path"]
    allowed = (*SYSTEM_FOLDERS, str(ROOT), sys.prefix, sys.base_prefix, tempfile.gettempdir(), *HOME_FOLDERS)
    return path.startswith("/") and not path.startswith(allowed) and not SYSTEM_FILES.match(path)
