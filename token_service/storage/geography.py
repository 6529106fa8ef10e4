"""Where addresses are: the file of a MaxMind-format database, which its operator replaces."""

import ipaddress
import logging
import stat
import threading
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import maxminddb
from maxminddb import Reader

from token_service.domain.locations import NOWHERE, Location, location_in

LOOK_SECONDS = 60
"""How long a file that was replaced may go unnoticed."""

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Identity: TypeAlias = tuple[int, ...]
_MISSING: _Identity = ()

_log = logging.getLogger(__name__)


class Geography:
    """The database of addresses as one worker uses it: opened when it is first asked.

    It is mapped into memory, so that all workers share the pages that they read. Without a file
    that can be read nothing has a location, and one line in the log says so.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._look_at = 0.0
        self._identity: _Identity | None = None
        self._warned_of: _Identity | None = None
        self._reader: Reader | None = None

    def location(self, address: str) -> Location:
        """Where the address is, as far as is known; private addresses are nowhere."""
        public = _public(address)
        reader = self._current() if public else None
        if public is None or reader is None:
            return NOWHERE
        try:
            if public.version > reader.metadata().ip_version:
                return NOWHERE
            return location_in(reader.get(public))
        except Exception as error:  # noqa: BLE001 - what is in a damaged file raises anything
            self._warn(error)
            return NOWHERE

    def _current(self) -> Reader | None:
        if self._path is None:
            return None
        with self._lock:
            if self._identity is None or monotonic() >= self._look_at:
                self._look_at = monotonic() + LOOK_SECONDS
                self._look(self._path)
            return self._reader

    def _look(self, path: Path) -> None:
        """Open the file where it is another one than before, or could not be opened before."""
        identity = _identity(path)
        if identity == self._identity and self._reader is not None:
            return
        # The old one is not closed: another thread may be reading in it. It goes with its last use.
        self._identity, self._reader = identity, None
        try:
            if identity == _MISSING:
                raise FileNotFoundError("there is no such file")
            self._reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)
        except Exception as error:  # noqa: BLE001 - what is in a damaged file raises anything
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        """Once for each file: it is asked at every sign-in."""
        if self._warned_of != self._identity:
            self._warned_of = self._identity
            kind = type(error).__name__
            _log.warning("geography: no locations from %s: %s: %s", self._path, kind, error)


def _identity(path: Path) -> _Identity:
    """What changes when the file is replaced, written to, or made readable."""
    try:
        found = path.stat()
    except OSError:
        return _MISSING
    # Opening a pipe would wait for somebody to write into it.
    if not stat.S_ISREG(found.st_mode):
        return _MISSING
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _public(address: str) -> _Address | None:
    """The address, if it is one of the Internet; an IPv4 address inside an IPv6 one counts."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return parsed if parsed.is_global else None
