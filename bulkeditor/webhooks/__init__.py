"""Receiving webhooks: the signature check.

Answer 401 to whatever :func:`verify_signature` refuses, and give it the raw bytes of the request: a body that
was parsed and written again has another signature.
"""

from __future__ import annotations

from collections.abc import Sequence

from bulkeditor import signature as _signature
from bulkeditor._secret import Secret

__all__ = ["verify_signature"]


def verify_signature(
    body: bytes, signature: str | bytes | None, secret: str | Secret | Sequence[str | Secret]
) -> None:
    """Check that a webhook comes from the product and was not altered.

    Args:
        body: The raw bytes of the request.
        signature: The value of ``X-Webhook-Signature``, as it came; ``None`` where the header is missing.
        secret: The webhook's secret, or several while one is being rotated.

    Raises:
        WebhookVerificationError: It is not genuine.
        TypeError: ``body`` is text or parsed data, which can't be verified.
    """
    _signature.verify(body, signature, secret)
