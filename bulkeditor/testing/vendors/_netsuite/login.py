"""Who may speak to the NetSuite stand-in: signatures and assertions checked by computations of its own.

Token-based authentication is OAuth 1.0a with HMAC-SHA256; machine to machine is OAuth 2.0 with a signed JWT.
https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/section_1534941088.html
https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/section_162686838198.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import attrs

from bulkeditor.errors import MissingExtraError

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# RS256 is not accepted.
_ALGORITHMS: Final = frozenset({"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
_SKEW: Final = 300
_LIFETIME: Final = 3600
_PAIR: Final = re.compile(r'(\w+)="([^"]*)"')


class NotLetInError(Exception):
    """Access is refused.

    Args:
        reason: Why, for whoever debugs a test; NetSuite itself says little.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.frozen(kw_only=True)
class Consumer:
    """The keys of token-based authentication.

    Args:
        key: Of the integration.
        secret: Its secret.
        token: Of the user and role.
        token_secret: Its secret.
        realm: The account, as it stands in the realm.
    """

    key: str
    secret: str
    token: str
    token_secret: str
    realm: str


@attrs.frozen(kw_only=True)
class Certificate:
    """What an assertion is checked with.

    Args:
        public_key: PEM.
        until: When it ends; None = never.
    """

    public_key: bytes
    until: datetime | None = None


class Gate:
    """Everybody who may come in.

    Args:
        consumer: The keys of token-based authentication.
        client_id: The client of machine to machine.
        certificates: Its certificates, by their ids.
    """

    def __init__(self, consumer: Consumer, client_id: str, certificates: dict[str, Certificate]) -> None:
        self.certificates = certificates
        self.issued: list[str] = []
        self._consumer = consumer
        self._client_id = client_id
        self._valid: dict[str, datetime] = {}
        self._used: set[tuple[str, str]] = set()

    def expire(self) -> None:
        """Every access token has ended."""
        self._valid.clear()

    def token(self, form: Mapping[str, str], audiences: Iterable[str], now: datetime) -> str:
        """An access token for a signed assertion.

        Raises:
            NotLetInError: It is refused.
        """
        if form.get("grant_type") != "client_credentials":
            raise NotLetInError("grant_type must be client_credentials")
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise NotLetInError("client_assertion_type is not that of JWTs")
        check_assertion(
            form.get("client_assertion", ""),
            client_id=self._client_id,
            certificates=self.certificates,
            audiences=audiences,
            now=now,
        )
        token = f"netsuite-access-{len(self.issued) + 1}-e83b"
        self._valid[token] = now
        self.issued.append(token)
        return token

    def let_in(self, header: str, method: str, url: str, now: datetime) -> None:
        """Let a request in, by its access token or its signature.

        Raises:
            NotLetInError: It is refused.
        """
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "bearer":
            since = self._valid.get(rest)
            if since is None or (now - since).total_seconds() >= _LIFETIME:
                raise NotLetInError("the access token is unknown or has ended")
        elif scheme == "OAuth":
            check_signature(header, method, url, self._consumer, now=now, used=self._used)
        else:
            raise NotLetInError("there is no Authorization")


def key_pair() -> tuple[str, bytes]:
    """A new key for ES256: the private one as text, the public one in bytes, both PEM."""
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above
    except ImportError as error:
        raise MissingExtraError("vendors", feature="the NetSuite stand-in") from error
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public


def base_string(method: str, url: str, oauth: Mapping[str, str]) -> str:
    """The text that is signed (RFC 5849, 3.4.1): realm, signature and a body of JSON are not in it.

    Args:
        method: HTTP method.
        url: The address as it was sent, with its query.
        oauth: The members of the header.
    """
    parts = urlsplit(url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *oauth.items()]
    told = sorted(
        (_encoded(name), _encoded(value)) for name, value in pairs if name not in ("realm", "oauth_signature")
    )
    joined = "&".join(f"{name}={value}" for name, value in told)
    bare = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"
    return "&".join((method.upper(), _encoded(bare), _encoded(joined)))


def signature(text: str, consumer_secret: str, token_secret: str) -> str:
    """HMAC-SHA256 of a base string, in base64."""
    key = f"{_encoded(consumer_secret)}&{_encoded(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()


def check_signature(
    header: str, method: str, url: str, consumer: Consumer, *, now: datetime, used: set[tuple[str, str]]
) -> None:
    """Let a signed request in.

    Args:
        header: Its ``Authorization``.
        method: HTTP method.
        url: The address as it was sent.
        consumer: The keys.
        now: The time here.
        used: Nonces that came before, with their timestamps; this one is added.

    Raises:
        NotLetInError: It is not signed as it must be.
    """
    oauth = {name: unquote(value) for name, value in _PAIR.findall(header)}
    expected = {
        "realm": consumer.realm,
        "oauth_consumer_key": consumer.key,
        "oauth_token": consumer.token,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_version": "1.0",
    }
    for name, value in expected.items():
        if oauth.get(name) != value:
            raise NotLetInError(f"{name} is {oauth.get(name)!r}, not {value!r}")
    stamp, nonce = oauth.get("oauth_timestamp", ""), oauth.get("oauth_nonce", "")
    if not stamp.isdecimal() or abs(int(stamp) - now.timestamp()) > _SKEW:
        raise NotLetInError(f"oauth_timestamp {stamp!r} is more than {_SKEW} s off")
    if not nonce or (stamp, nonce) in used:
        raise NotLetInError("oauth_nonce came before, or is missing")
    used.add((stamp, nonce))
    if "+" in urlsplit(url).query:
        # A space is %20, in what is signed and in what is sent.
        raise NotLetInError("the address holds a space as +")
    wanted = signature(base_string(method, url, oauth), consumer.secret, consumer.token_secret)
    if not hmac.compare_digest(wanted.encode(), oauth.get("oauth_signature", "").encode()):
        raise NotLetInError("oauth_signature is wrong")


def check_assertion(
    assertion: str,
    *,
    client_id: str,
    certificates: Mapping[str, Certificate],
    audiences: Iterable[str],
    now: datetime,
) -> None:
    """Let a client's signed assertion pass.

    Args:
        assertion: The JWT.
        client_id: Whose it must be.
        certificates: By their ids.
        audiences: For whom it may be.
        now: The time here.

    Raises:
        NotLetInError: It is not what NetSuite wants.
    """
    try:
        head, body, sign = assertion.split(".")
        header, claims = (json.loads(_decoded(part)) for part in (head, body))
        raw = _decoded(sign)
    except ValueError as error:
        raise NotLetInError("the assertion is no JWT") from error
    certificate = certificates.get(str(header.get("kid")))
    if header.get("typ") != "JWT" or header.get("alg") not in _ALGORITHMS:
        raise NotLetInError(f"typ {header.get('typ')!r}, alg {header.get('alg')!r}")
    if certificate is None or (certificate.until is not None and certificate.until <= now):
        raise NotLetInError(f"the certificate {header.get('kid')!r} is unknown or has ended")
    if not _signed(header["alg"], certificate.public_key, f"{head}.{body}".encode(), raw):
        raise NotLetInError("the signature is wrong")
    _check_claims(claims, client_id=client_id, audiences=audiences, now=now)


def _check_claims(
    claims: Mapping[str, Any], *, client_id: str, audiences: Iterable[str], now: datetime
) -> None:
    scope = claims.get("scope")
    scopes = re.split(r"[ ,]+", scope) if isinstance(scope, str) else scope or ()
    issued, ends = claims.get("iat"), claims.get("exp")
    if claims.get("iss") != client_id:
        raise NotLetInError("iss is not the client's id")
    if "rest_webservices" not in scopes:
        raise NotLetInError("scope lacks rest_webservices")
    if claims.get("aud") not in set(audiences):
        raise NotLetInError(f"aud is {claims.get('aud')!r}")
    if not isinstance(issued, int) or not isinstance(ends, int) or not 0 < ends - issued <= _LIFETIME:
        raise NotLetInError("iat and exp must be there, and at most 60 minutes apart")
    if not issued - _SKEW <= now.timestamp() < ends:
        raise NotLetInError("it is not valid at this time")


def _signed(algorithm: str, public_key: bytes, text: bytes, sign: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils  # noqa: PLC0415 - as above
    except ImportError as error:
        raise MissingExtraError("vendors", feature="the NetSuite stand-in") from error
    kinds: Mapping[str, hashes.HashAlgorithm] = {
        "256": hashes.SHA256(),
        "384": hashes.SHA384(),
        "512": hashes.SHA512(),
    }
    digest = kinds[algorithm[2:]]
    key = serialization.load_pem_public_key(public_key)
    try:
        if algorithm.startswith("PS") and isinstance(key, rsa.RSAPublicKey):
            key.verify(sign, text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        elif algorithm.startswith("ES") and isinstance(key, ec.EllipticCurvePublicKey):
            half = len(sign) // 2
            pair = (int.from_bytes(sign[:half]), int.from_bytes(sign[half:]))
            key.verify(utils.encode_dss_signature(*pair), text, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


__all__ = [
    "Certificate",
    "Consumer",
    "Gate",
    "NotLetInError",
    "base_string",
    "check_assertion",
    "check_signature",
    "key_pair",
    "signature",
]
