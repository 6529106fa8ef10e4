"""What was found out of things that clients send again and again."""

from typing import Generic, TypeVar

Found = TypeVar("Found")

_MOST = 1_000


class Recent(Generic[Found]):
    """What was found out, by the SHA-256 of what was sent; what nobody asks for is forgotten.

    At most 2,000: of two generations the older one is dropped when the younger has 1,000. So it
    needs no lock, and nothing is ever put in order.
    """

    def __init__(self) -> None:
        self._younger: dict[bytes, Found] = {}
        self._older: dict[bytes, Found] = {}

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)

    def get(self, digest: bytes) -> Found | None:
        """What was found, or None."""
        found = self._younger.get(digest)
        if found is None and (found := self._older.get(digest)) is not None:
            self.put(digest, found)
        return found

    def put(self, digest: bytes, found: Found) -> None:
        """Keep it."""
        if len(self._younger) >= _MOST:
            self._older, self._younger = self._younger, {}
        self._younger[digest] = found
