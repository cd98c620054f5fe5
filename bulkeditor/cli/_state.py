"""What outlives one command: the listener's secret, and where a server runs that others can talk to."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import attrs

from bulkeditor._secret import Secret
from bulkeditor.errors import ConfigurationError

_SECRET_BYTES: Final = 32
_OTHERS: Final = 0o077
_PROBE_SECONDS: Final = 2.0


@attrs.frozen(kw_only=True)
class Running:
    """A server to talk to.

    Args:
        base_url: Where it listens.
        api_key: A key for everything; None leaves the credential to the environment.
    """

    base_url: str
    api_key: Secret | None


class StateFolder:
    """A folder of the user's own, readable by nobody else.

    Args:
        path: The folder; it is made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def default(cls) -> StateFolder:
        """``$XDG_STATE_HOME/bulkeditor``, or ``~/.local/state/bulkeditor``."""
        home = os.environ.get("XDG_STATE_HOME", "")
        # The specification: a relative path is invalid, and to be ignored.
        base = Path(home) if home and Path(home).is_absolute() else Path.home() / ".local/state"
        return cls(base / "bulkeditor")

    def secret(self) -> Secret:
        """The listener's secret, made at the first call and the same ever after.

        Raises:
            ConfigurationError: The file cannot be read or written, is empty, or others can read it.
        """
        path = self._path / "webhook-secret"
        try:
            if not path.exists():
                fresh = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
                self._write(path, fresh, replace=False)
            if os.name == "posix" and path.stat().st_mode & _OTHERS:
                raise ConfigurationError(
                    f"Others can read the webhook secret in {path}.", hint=f"Run: chmod 600 {path}"
                )
            text = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"The webhook secret in {path} cannot be used: {error}.") from error
        if not text:
            raise ConfigurationError(
                f"The webhook secret in {path} is empty.", hint="Delete the file; a new secret is made."
            )
        return Secret(text)

    @contextmanager
    def announced(self, base_url: str, api_key: str) -> Generator[None]:
        """Let other commands find a server for as long as it runs.

        Where the folder cannot be written to they do not: a server is no worse for that.
        """
        path = self._servers / f"{_port(base_url)}.json"
        content = {"base_url": base_url, "api_key": api_key}
        with contextlib.suppress(OSError):
            self._write(path, json.dumps(content), replace=True)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """The server that was started last, of those that still run."""
        for path in sorted(self._servers.glob("*.json"), key=_age):
            server = _read(path)
            if server is not None and answers(server.base_url):
                return server
            # Its process was killed, and could not tidy up.
            path.unlink(missing_ok=True)
        return None

    @property
    def _servers(self) -> Path:
        return self._path / "servers"

    def _write(self, path: Path, text: str, *, replace: bool) -> None:
        """Write a whole file at once; without ``replace`` the first of several writers wins."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes it readable by its owner only.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text + "\n")
            if replace:
                Path(name).replace(path)
            else:
                with contextlib.suppress(FileExistsError):
                    os.link(name, path)
        finally:
            Path(name).unlink(missing_ok=True)


def answers(url: str) -> bool:
    """Whether anybody listens at the port of a URL."""
    try:
        address = (urlsplit(url).hostname or "", _port(url))
        socket.create_connection(address, _PROBE_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _age(path: Path) -> int:
    try:
        return -path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read(path: Path) -> Running | None:
    try:
        content = cast("object", json.loads(path.read_text("ascii")))
    except (OSError, ValueError):
        return None
    match content:
        case {"base_url": str(base_url), "api_key": str(api_key)}:
            return Running(base_url=base_url, api_key=Secret(api_key))
        case _:
            return None
