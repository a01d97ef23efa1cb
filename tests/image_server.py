"""A server of images on this machine, and what goes wrong with servers."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Handler = BaseHTTPRequestHandler
Fault = Callable[[Handler, int], bool]
"""Answers the n-th request for a file, counted from 1, in another way; whether it did."""


@dataclass
class ImageServer:
    """Serves the files of a folder in parts; `faults` are what it does instead, by the name of a file."""

    folder: Path
    address: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: Counter = field(default_factory=Counter)
    etags: bool = True


@contextmanager
def image_server(folder: Path) -> Iterator[ImageServer]:
    """A server of a folder's files, as long as it is needed."""
    place = ImageServer(folder)

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            place.requests[name] += 1
            fault = place.faults.get(name)
            if not (fault and fault(self, place.requests[name])):
                send_part(self, place.folder / name, place.etags)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()


def send_part(handler: Handler, path: Path, etags: bool = True, cut_short: int = 0) -> None:
    """Send the part of a file that is asked for, or less of it than is said."""
    if not path.is_file():
        handler.send_error(404)
        return
    content = path.read_bytes()
    first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["Range"]).groups())
    part = content[first : last + 1]
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(part)))
    status = path.stat()
    if etags:
        handler.send_header("ETag", f'"{status.st_mtime_ns:x}-{status.st_ino:x}"')
        handler.send_header("Last-Modified", formatdate(status.st_mtime, usegmt=True))
    handler.end_headers()
    handler.wfile.write(part[: len(part) - cut_short])


def busy(times: int) -> Fault:
    """Status 503, so many times."""
    return lambda handler, number: number <= times and not handler.send_error(503)


def stalling(seconds: float, times: int) -> Fault:
    """No answer for some seconds, so many times."""
    return lambda handler, number: number <= times and (threading.Event().wait(seconds) or True)


def truncating(path: Path, times: int) -> Fault:
    """A part that ends early, so many times."""
    return lambda handler, number: number <= times and not send_part(handler, path, cut_short=1)


def redirecting(address: str) -> Fault:
    """Elsewhere."""

    def redirect(handler: Handler, _: int) -> bool:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.end_headers()
        return True

    return redirect


def without_parts(path: Path) -> Fault:
    """The whole file, whatever is asked for."""

    def send(handler: Handler, _: int) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(path.read_bytes())
        return True

    return send


def changing(change: Callable[[], object], at: int) -> Fault:
    """The file changes before a request."""
    return lambda handler, number: bool(number == at and change() and False)


def in_turn(*faults: Fault | None) -> Fault:
    """What goes wrong with each request, one after another; None: nothing. Nothing with the requests after them."""

    def answer(handler: Handler, number: int) -> bool:
        fault = faults[number - 1] if number <= len(faults) else None
        return fault is not None and fault(handler, number)

    return answer
