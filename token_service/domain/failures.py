"""Exceptions for "could not find out": neither a yes nor a no, and nothing was changed."""


class Unavailable(Exception):
    """The service cannot know right now (database away, clock off, queue full): answer 503.

    `retry_after` is in seconds. The text is for the log, never for the caller.
    """

    def __init__(self, private: str, *, retry_after: int = 1) -> None:
        super().__init__(private)
        self.private = private
        self.retry_after = retry_after


class Conflict(Exception):
    """Something unique is taken already; the transaction was rolled back."""


class StaleConfiguration(Exception):
    """The worker's copy of clients, tenants, policies or keys is behind the database.

    The caller loads the new configuration and runs the whole request once more: nobody is refused,
    and nothing is answered, because a worker was behind.
    """


class NoKey(LookupError):
    """No active key of that kind: the keys were not rotated in time, or were all revoked."""


class KeyUnreadable(Exception):
    """A stored key cannot be decrypted, with the reason for the operator."""
