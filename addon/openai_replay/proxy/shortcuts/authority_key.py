"""Read the key of the certificate authority without OpenSSL's check that its numbers are primes that fit together.

The check is for keys of strangers. mitmproxy has made this key itself; a key that were damaged would only make
handshakes fail. Keys that the user gives (mitmproxy's option `certs`) are checked as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from mitmproxy import certs

from .guarded import Shortcut, Undo

AUTHORITY_KEY = Shortcut(
    "authority's key",
    "serve: 50 ms until the proxy listens",
    {
        "mitmproxy.certs:load_pem_private_key": "(data, password)",
        "mitmproxy.certs:CertStore.from_files": "(ca_file, dhparam_file, passphrase=None)",
    },
)


def read_authority_without_check() -> Undo:
    """Leave out the check of an RSA key where mitmproxy reads an authority's files."""
    original = certs.CertStore.from_files

    def from_files(ca_file: Path, dhparam_file: Path, passphrase: bytes | None = None) -> certs.CertStore:
        with _unchecked_keys():
            return original(ca_file, dhparam_file, passphrase)

    setattr(certs.CertStore, "from_files", staticmethod(from_files))  # noqa: B010  # mypy forbids the other
    return lambda: setattr(certs.CertStore, "from_files", original)


@contextmanager
def _unchecked_keys() -> Iterator[None]:
    original = certs.load_pem_private_key
    setattr(certs, "load_pem_private_key", _unchecked)  # noqa: B010  # as above
    try:
        yield
    finally:
        setattr(certs, "load_pem_private_key", original)  # noqa: B010  # as above


def _unchecked(data: bytes, password: bytes | None) -> Any:
    """Return a private key; as with mitmproxy, a password that the file does not need makes no difference."""
    try:
        return serialization.load_pem_private_key(data, password, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        if password is None:
            raise
        return _unchecked(data, None)
