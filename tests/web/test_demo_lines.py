"""The lines that `make run` prints: a shell can run them as they stand."""

import json
import shlex
import subprocess

from token_service.web.demo_lines import curl_lines

DEMO = {
    "issuer": "http://127.0.0.1:8000",
    "tenants": [{"id": "1" * 32, "name": "North"}],
    "accounts": [
        {
            "id": "2" * 32,
            "email": "o'hara@demo.example",
            "username": "ohara",
            "phone": "+9990000000001",
            "password": 'it\'s "$HOME" \\ `x`',
            "tenants": ["1" * 32],
        }
    ],
    "clients": [
        {"client_id": f"demo-{kind}", "client_secret": f"tss_{kind}", "kind": kind}
        for kind in ("app", "service", "resource_server", "backend", "admin")
    ]
    + [{"client_id": "demo-public", "client_secret": None, "kind": "public"}],
}
FAKE_CURL = r"""
curl() {
    for argument in "$@"; do printf '%s\n' "$argument" >&2; done
    echo --- >&2
    echo '{"access_token":"the.access.token","token_type":"Bearer","refresh_token":"tsr_x"}'
}
"""


def sent():
    """The arguments of each `curl`, after a shell has read the lines one after the other."""
    script = FAKE_CURL + "\n".join(command for _, command in curl_lines(DEMO))
    done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)
    return [call.split("\n")[:-1] for call in done.stderr.split("---\n")[:-1]]


def test_there_is_a_line_for_each_thing_to_try():
    titles = " ".join(title.lower() for title, _ in curl_lines(DEMO))
    for thing in ("sign in", "refresh", "validate", "introspect", "active sessions", "invalidate"):
        assert thing in titles


def test_a_shell_passes_the_real_values_on_unharmed():
    sign_in = sent()[0]
    assert "demo-app:tss_app" in sign_in
    body = json.loads(sign_in[-1])
    account = DEMO["accounts"][0]
    assert (body["identifier"], body["password"]) == (account["email"], account["password"])


def test_later_lines_use_the_tokens_of_the_first():
    _, refresh, validate, introspect, listed, own, invalidate = sent()
    assert refresh[-1] == "refresh_token=tsr_x"
    assert json.loads(validate[-1]) == {"token": "the.access.token"}
    assert introspect[-1] == "token=the.access.token"
    assert listed[-1] == f"http://127.0.0.1:8000/v1/accounts/{'2' * 32}/sessions"
    assert "Authorization: Bearer the.access.token" in own
    assert json.loads(invalidate[-1]) == {"token": "the.access.token"}


def test_every_line_is_one_line():
    for _, command in curl_lines(DEMO):
        assert "\n" not in command
        assert "curl" in shlex.split(command)[0] or command.startswith("TOKENS=$(curl ")
