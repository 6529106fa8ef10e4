"""The headers that keep browsers from mischief, on every answer there is."""

_UNUSED = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
"""What no page asks a browser for, nor may anything in a frame of it."""

ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    # Whoever opened a page keeps no hold on its window.
    ("Cross-Origin-Opener-Policy", "same-origin"),
    # No other site loads an answer as if it were an image or a script. What CORS lets a script
    # read, it reads all the same (Fetch, "cross-origin resource policy check").
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", ", ".join(f"{feature}=()" for feature in _UNUSED)),
)
"""Whatever the answer says, also where it is a bare refusal of the server's."""

HTTPS_ONLY = (("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),)
"""With an https issuer: no browser ever comes by http again, to this host or one below it."""

NOT_STORED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
"""Where an answer does not say how long it may be kept."""

NOT_A_PAGE = (("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),)
"""Where an answer brings no policy of its own."""
