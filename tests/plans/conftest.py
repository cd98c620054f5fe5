"""Plans through both faces of the client, over the real sandbox and real HTTP."""

from tests.client.conftest import connect, face, sandbox, shop

__all__ = ["connect", "face", "sandbox", "shop"]
