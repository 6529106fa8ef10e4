"""Where passwords are hashed, for the server in front, which loads nothing of the application."""

HASHING_PATHS = frozenset(
    {
        "/sign-in",
        "/password-reset",
        "/v1/sign-in",
        "/v1/me/password",
        "/v1/password-resets/complete",
    }
)
"""Where a POST has a password hashed, which takes as long as a hundred refreshes."""
