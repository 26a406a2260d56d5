"""Convert each certificate and private key for OpenSSL once: mitmproxy does it again for each TLS connection.

The converted objects are shared by all connections. mitmproxy changes none of them; in a user's mitmdump, where other
addons may get hold of them and change them, each connection keeps its copy.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.crypto import X509, PKey

from .guarded import Shortcut, Undo

CONVERTED_CERTIFICATES = Shortcut(
    "converted certificates",
    "serve: 14 % of the CPU time of a new connection through CONNECT and TLS",
    {
        "OpenSSL.crypto:X509.from_cryptography": "(crypto_cert)",
        "OpenSSL.crypto:PKey.from_cryptography_key": "(crypto_key)",
    },
)

# As many certificates as mitmproxy's certificate store keeps.
_MOST_KEPT = 100


def convert_certificates_once() -> Undo:
    """Keep the latest certificates and keys that pyOpenSSL has converted."""
    undo = [_keep(X509, X509.from_cryptography.__name__), _keep(PKey, PKey.from_cryptography_key.__name__)]

    def undo_both() -> None:
        for one in undo:
            one()

    return undo_both


def _keep(owner: type, name: str) -> Undo:
    original = vars(owner)[name]
    kept: dict[int, tuple[object, object]] = {}  # by identity: to compare certificates takes longer

    def convert(cls: type, given: object) -> Any:
        if id(given) not in kept:
            if len(kept) == _MOST_KEPT:
                del kept[next(iter(kept))]
            kept[id(given)] = given, original.__get__(None, cls)(given)
        return kept[id(given)][1]

    setattr(owner, name, classmethod(convert))
    return lambda: setattr(owner, name, original)
