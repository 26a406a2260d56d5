"""`converted_certificates`: the same certificate or key is converted once, and a few are kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL
from OpenSSL.crypto import X509, PKey

from openai_replay.proxy.shortcuts.converted_certificates import convert_certificates_once


def identity() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a certificate and its key."""
    issued = trustme.CA().issue_cert("api.openai.com")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()), key


@pytest.fixture
def undone() -> Iterator[None]:
    undo = convert_certificates_once()
    yield
    undo()


@pytest.mark.usefixtures("undone")
def test_the_same_object_is_converted_once() -> None:
    certificate, key = identity()
    converted = X509.from_cryptography(certificate)
    assert X509.from_cryptography(certificate) is converted
    assert converted.to_cryptography() == certificate
    assert PKey.from_cryptography_key(key) is PKey.from_cryptography_key(key)


@pytest.mark.usefixtures("undone")
def test_a_connection_takes_the_pair_again_and_again() -> None:
    certificate, key = identity()
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    for _ in range(2):
        connection = SSL.Connection(context)
        connection.use_certificate(certificate)
        connection.use_privatekey(key)
        assert connection.get_certificate(as_cryptography=True) == certificate


@pytest.mark.usefixtures("undone")
def test_other_types_are_refused_as_before() -> None:
    with pytest.raises(TypeError, match="Must be a certificate"):
        X509.from_cryptography("a certificate")  # type: ignore[arg-type]


def test_a_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai_replay.proxy.shortcuts.converted_certificates._MOST_KEPT", 1)
    undo = convert_certificates_once()
    try:
        (first, _), (second, _) = identity(), identity()
        converted = X509.from_cryptography(first)
        X509.from_cryptography(second)
        assert X509.from_cryptography(first) is not converted
    finally:
        undo()
    assert X509.from_cryptography(first) is not X509.from_cryptography(first)
