"""Where requests come from, and with what."""

from tests.world.world import World

CHROME_ON_WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/124.0.0.0 Safari/537.36"
)
CHROME_ON_ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/124.0.0.0 Mobile Safari/537.36"
)


def comes(world: World, address: str, agent: str = "", **hints: str) -> None:
    """From now on requests come from there, with that."""
    environ = world.http.environ_base
    for name in [name for name in environ if name.startswith("HTTP_SEC_CH_UA")]:
        del environ[name]
    environ |= {"REMOTE_ADDR": address, "HTTP_USER_AGENT": agent}
    environ |= {f"HTTP_SEC_CH_{name.upper()}": value for name, value in hints.items()}
