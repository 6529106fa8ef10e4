"""How a process of the group learns that it is to stop."""

import os
import signal

TICK_SECONDS = 0.25
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def pipe_of_stop_signals() -> int:
    """A file descriptor that can be read from once this process has been told to stop."""
    reader, writer = os.pipe()
    for stop_signal in STOP_SIGNALS:
        signal.signal(stop_signal, lambda *_: os.write(writer, b"."))
    return reader
