"""Lake tables in an object store that does not let us in: nothing of its credentials is shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from forks import command
from project import Project

TABLE = "delta+s3://bucket/events"
KEY, SECRET = "AKIAHUNTER", "correct-horse"
RULES = f"""
[rules.events]
table = "{TABLE}"
start = "at"
delete_after = "90 days"
"""


class Refusing(BaseHTTPRequestHandler):
    """Answers as a store does that knows neither key nor secret, and quotes both."""

    def do_GET(self) -> None:
        body = f"<Error><Code>AccessDenied</Code><Message>{KEY} {SECRET}</Message></Error>".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_PUT = do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def store() -> Iterator[dict[str, str]]:
    """The environment that leads to such a store."""
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "AWS_REGION": "nowhere-1",
            "AWS_ALLOW_HTTP": "true",
        }
        server.shutdown()


@pytest.mark.parametrize(
    "words",
    [("check",), ("plan",), ("coverage",), ("explain", TABLE, "id=1"), ("run", "--all")],
    ids=lambda words: words[0],
)
def test_a_store_that_refuses_is_told_without_its_secrets(
    lake: Project, store: dict[str, str], words: tuple[str, ...]
) -> None:
    """The table is named, what was not done, and what to look at; no key, no secret, no answer."""
    lake.policy(RULES)
    code, out, err = command([*words], lake.folder, store)
    assert code == 1
    assert "credentials in the environment" in " ".join((out + err).split())
    written = [path.read_bytes() for path in lake.folder.rglob("*") if path.is_file()]
    for secret in (KEY, SECRET):
        assert secret not in out + err
        assert not any(secret.encode() in found for found in written)


def test_a_secret_in_the_address_is_a_fault(lake: Project) -> None:
    """`s3://KEY:SECRET@bucket` would stand in the policy, which the ledger keeps."""
    lake.policy(RULES.replace("s3://bucket", f"s3://{KEY}:{SECRET}@bucket"))
    found = lake.run("check")
    assert found.code == 2
    assert "secrets come from the environment" in found.err
    assert Path(lake.folder / "ledger.db").read_bytes().count(SECRET.encode()) == 0
