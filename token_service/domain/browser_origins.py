"""Where a script in a browser comes from, as the browser writes it (RFC 6454 section 6.2)."""

import re

_ORIGIN = re.compile(r"https?://(?:[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


def is_origin(text: str) -> bool:
    """Whether this is one origin of http or https, in the one spelling that browsers send.

    `null` is none: it is what every sandboxed frame and local file says, whoever wrote it.
    """
    return _ORIGIN.fullmatch(text) is not None
