"""What importing costs: httpx comes with a session, tenacity with a failure, TLS with the first https."""

import subprocess
import sys

import pytest

from bulkeditor import http
from bulkeditor.http import SessionConfig
from bulkeditor.http._network import tls_context

HEAVY = ("httpx", "httpcore", "tenacity", "anyio", "starlette", "asyncio.runners")


def modules_after(code):
    """Modules loaded by a fresh interpreter that runs the code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import bulkeditor.http",
        "from bulkeditor.http import Request, Response, RetryPolicy, Hooks, RateLimit, SessionConfig, auth",
        "from bulkeditor.http import read_ahead, refusal, parse_retry_after",
    ],
)
def test_the_pure_parts_load_no_client(code):
    loaded = modules_after(code)
    allowed = {"httpcore", "anyio"} if "read_ahead" in code else set()
    assert not (set(HEAVY[:5]) - allowed) & loaded


def test_a_ready_session_has_neither_tenacity_nor_a_tls_context():
    code = """
from bulkeditor.http import Session, SessionConfig
from bulkeditor.http._wire import shared_ssl_context
session = Session(SessionConfig(base_url="https://x.test"))
assert shared_ssl_context.cache_info().currsize == 0
"""
    assert "tenacity" not in modules_after(code)


def test_one_tls_context_serves_every_client():
    one = tls_context(SessionConfig(base_url="https://a.test"), needed=True)
    assert tls_context(SessionConfig(base_url="https://b.test"), needed=True) is one


def test_every_public_name_is_there():
    for name in http.__all__:
        assert getattr(http, name) is not None
    assert dir(http) == sorted(http.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = http.nonsense
