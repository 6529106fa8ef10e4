"""`/v1/openapi.json`: how callers authenticate."""

from typing import Any

from tests.world.world import World

BOUND = {"bound_access_token": [], "dpop_proof": []}


def described(world: World) -> dict[str, Any]:
    """The document."""
    return dict(world.http.get("/v1/openapi.json").get_json())


def ways(world: World) -> list[tuple[str, list[dict[str, Any]]]]:
    """What each operation takes, by its path."""
    return [
        (path, operation["security"])
        for path, operations in described(world)["paths"].items()
        for operation in operations.values()
        if "security" in operation
    ]


def test_a_bound_token_is_taken_with_its_proof_wherever_a_bearer_token_is(world: World) -> None:
    found = [security for _, security in ways(world) if {"access_token": []} in security]
    assert len(found) > 20
    assert all(BOUND in security for security in found)


def test_where_nobody_bears_one_clients_without_a_secret_use_theirs(world: World) -> None:
    bound = {path for path, security in ways(world) if BOUND in security}
    borne = {path for path, security in ways(world) if {"access_token": []} in security}
    assert bound - borne == {
        "/v1/token/introspect",
        "/v1/token/introspect/batch",
        "/v1/token/validate/batch",
        "/v1/impersonations",
    }


def test_every_way_is_one_that_is_described(world: World) -> None:
    schemes = described(world)["components"]["securitySchemes"]
    named = {name for _, security in ways(world) for way in security for name in way}
    assert named == schemes.keys()
    assert schemes["bound_access_token"]["scheme"] == "DPoP"
    assert (schemes["dpop_proof"]["in"], schemes["dpop_proof"]["name"]) == ("header", "DPoP")
