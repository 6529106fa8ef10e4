"""Requests that have a password hashed are known by their paths, and wait for their own threads."""

from tests.world.world import World
from token_service.web.hashing_paths import HASHING_PATHS


def test_each_path_is_a_route_that_is_posted_to(world: World) -> None:
    posted = {
        rule.rule for rule in world.app.url_map.iter_rules() if "POST" in (rule.methods or ())
    }
    assert posted >= HASHING_PATHS
