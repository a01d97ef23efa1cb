"""Images on servers, over HTTP and HTTPS: their versions, parts of them, complete downloads.

Nothing is asked of a server but what is wanted of one address: redirections are not followed. Every answer tells which
version of the file it is of, so that a file that changes in the middle is noticed. GDAL itself never asks a server.
"""

import http.client
import io
import logging
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.files import cache_key

log = logging.getLogger(__name__)

TIMEOUT_S = 10.0
"""Seconds without a byte after which an attempt is given up."""
ANSWER_LIMIT_S = 60.0
"""Seconds that an answer may take, however slowly it drips."""
WAITS_S = (0.5, 1.0, 2.0)
"""Seconds before each further attempt."""
RETRIED_CODES = {408, 425, 429, 500, 502, 503, 504}
CLOSED_CODES = {401, 403}
HEADER_PART_BYTES = 2**18
DOWNLOAD_PART_BYTES = 2**23
MOST_PARTS = 64
"""Parts of an image that are kept in memory while its header is read."""
VERSION_CHECKS = 16
"""Versions that are asked for at once."""
TOTAL_OF_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def is_remote(path: str | Path) -> bool:
    """Whether a path is the address of a file on a server."""
    return str(path).lower().startswith(("http://", "https://"))


def is_served_by(url: str, servers: Sequence[str]) -> bool:
    """Whether an address begins with one of those of servers, or of folders on them, and stays there."""
    leaves = "/.." in urllib.parse.unquote(url).replace("\\", "/")
    return not leaves and any(url.startswith(server.rstrip("/") + "/") for server in servers)


class RemotePart(NamedTuple):
    """Bytes of a file on a server, its complete size, and a text that changes with the file."""

    content: bytes
    size: int
    version: str


class TransientError(Exception):
    """What may go better in another attempt: the reason."""


def fetch_part(url: str, start: int, count: int, attempts: int | None = None) -> RemotePart:
    """Read `count` bytes of a file, fewer at its end; OrbitileError where that fails in all attempts."""
    attempts = attempts or len(WAITS_S) + 1
    for attempt in range(attempts):
        if attempt:
            time.sleep(WAITS_S[attempt - 1])
        try:
            return _ask(url, start, count)
        except TransientError as error:
            reason = str(error)
            if attempt + 1 < attempts:
                log.warning("%s: its server does not answer as it should (%s); asking again", url, reason)
    raise OrbitileError(f"{url}: its server does not answer as it should ({reason}), {attempts} times; run again later")


def _ask(url: str, start: int, count: int) -> RemotePart:
    headers = {"Range": f"bytes={start}-{start + count - 1}", "Accept-Encoding": "identity", "User-Agent": "Orbitile"}
    try:
        with _client().open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S) as answer:
            return _part_of(url, answer.status, answer.headers, start, _read_all(answer))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in RETRIED_CODES:
            raise TransientError(f"HTTP status {error.code}") from error
        place = f" to {error.headers['Location']}" if 300 <= error.code < 400 else ""
        hint = " and public? credentials are not supported" if error.code in CLOSED_CODES else "?"
        raise OrbitileError(
            f"{url}: its server answers with HTTP status {error.code}{place}; is it right{hint}"
        ) from error
    except (ValueError, http.client.InvalidURL) as error:
        raise OrbitileError(f"{url}: is no address that can be asked for ({first_line(error)}); correct it") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(first_line(getattr(error, "reason", None) or error)) from error


class _StayThere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirection: it may lead to another server than the one named."""


def _client() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_StayThere)


def _read_all(answer: http.client.HTTPResponse) -> bytes:
    """The content of an answer; TransientError where it takes too long."""
    began, pieces = time.monotonic(), []
    while piece := answer.read1(2**20):
        pieces.append(piece)
        if time.monotonic() - began > ANSWER_LIMIT_S:
            raise TransientError(f"an answer took longer than {ANSWER_LIMIT_S:g} s")
    return b"".join(pieces)


def _part_of(url: str, status: int, headers: Mapping[str, str], start: int, content: bytes) -> RemotePart:
    """What an answer holds, checked; TransientError where it is incomplete."""
    match = TOTAL_OF_RANGE.fullmatch(headers.get("Content-Range") or "")
    if status != http.HTTPStatus.PARTIAL_CONTENT or match is None or int(match[1]) != start:
        raise OrbitileError(f"{url}: its server does not send parts of files; download it first, and name the file")
    if len(content) != int(match[2]) - start + 1:
        raise TransientError(f"{len(content)} bytes came of {int(match[2]) - start + 1}")
    marks = [headers.get("ETag"), headers.get("Last-Modified")]
    if not any(marks):
        raise OrbitileError(
            f"{url}: its server tells neither ETag nor Last-Modified, so that nobody would notice when it changes; "
            "download it first, and name the file"
        )
    size = int(match[3])
    return RemotePart(content, size, f"{size}-{cache_key(marks=marks)}")


def remote_version(url: str, attempts: int | None = None) -> str:
    """The version of a file on a server; OrbitileError where that does not tell it."""
    return fetch_part(url, 0, 1, attempts).version


def remote_versions(urls: Sequence[str], limit_s: float) -> dict[str, str]:
    """The versions of those files whose servers tell them at the first attempt, and within a limit for all."""
    end = time.monotonic() + limit_s

    def ask(url: str) -> str | None:
        try:
            return remote_version(url, attempts=1) if time.monotonic() < end else None
        except OrbitileError:
            return None

    with ThreadPoolExecutor(VERSION_CHECKS) as pool:
        return {url: version for url, version in zip(urls, pool.map(ask, urls), strict=True) if version}


def download(url: str, version: str, path: Path) -> None:
    """Write a file on a server to a path; OrbitileError where it is no longer of that version, or cannot be read."""
    written, size = 0, 1
    with open(path, "wb") as file:
        while written < size:
            part = fetch_part(url, written, DOWNLOAD_PART_BYTES)
            if part.version != version:
                raise OrbitileError(f"{url}: changed since it was planned; run again, when nobody changes it any more")
            file.write(part.content)
            written, size = written + len(part.content), part.size


class RemoteImage:
    """An image on a server, of which a reader wants a few parts; they are kept as long as it is open.

    `error` is what went wrong last: readers such as GDAL keep it for themselves.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.error: OrbitileError | None = None
        self._parts: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._first: RemotePart | None = None

    def open(self, path: str, mode: str = "rb") -> "RemoteReader":
        """A reader of the image; FileNotFoundError for any other file, such as those beside it."""
        if path != self.url or "r" not in mode:
            raise FileNotFoundError(path)
        return RemoteReader(self)

    @property
    def size(self) -> int:
        """Its bytes."""
        self._part(0)
        return self._first.size if self._first else 0

    def read(self, start: int, count: int) -> bytes:
        """Bytes from `start` on, fewer at its end."""
        end = min(start + count, self.size)
        numbers = range(start // HEADER_PART_BYTES, -(-end // HEADER_PART_BYTES))
        content = b"".join(map(self._part, numbers))
        offset = start - numbers.start * HEADER_PART_BYTES
        return content[offset : offset + max(end - start, 0)]

    def _part(self, number: int) -> bytes:
        with self._lock:
            if number not in self._parts:
                try:
                    part = fetch_part(self.url, number * HEADER_PART_BYTES, HEADER_PART_BYTES)
                    self._first = self._first or part
                    if part.version != self._first.version:
                        raise OrbitileError(f"{self.url}: changed while it was read; run again")
                except OrbitileError as error:
                    self.error = error
                    raise
                self._parts[number] = part.content
                if len(self._parts) > MOST_PARTS:
                    self._parts.popitem(last=False)
            return self._parts[number]


class RemoteReader(io.RawIOBase):
    """A place in an image on a server."""

    def __init__(self, image: RemoteImage) -> None:
        self._image, self._place = image, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._image.size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def read(self, count: int = -1) -> bytes:
        """The bytes from here on."""
        content = self._image.read(self._place, self._image.size - self._place if count < 0 else count)
        self._place += len(content)
        return content
