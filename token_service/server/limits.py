"""What a client may take: how many, how much, and how slowly."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the clients of one worker process may take."""

    threads: int = 4
    slow_paths: frozenset[str] = frozenset()  # POST requests there wait for threads of their own
    slow_threads: int = 2
    header_timeout_seconds: float = 5.0  # an idle connection is closed after it, too
    body_timeout_seconds: float = 5.0  # from the headers to the last byte
    read_timeout_seconds: float = 10.0  # how long a client may leave its answer unread
    drain_seconds: float = 8.0  # from the stop signal until what still runs is cut
    max_head_bytes: int = 16_384
    max_body_bytes: int = 262_144
    max_waiting: int = 1024  # complete requests for which no thread is free; the next gets a 503
    longest_wait_seconds: float = 5.0  # for a thread; whoever waited longer gets a 503, too
    max_connections: int = 4096
    backlog: int = 1024  # connections not yet accepted


DEFAULT_LIMITS = Limits()
