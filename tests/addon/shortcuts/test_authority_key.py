"""`authority_key`: the authority's key is the same, read without a check; other keys are still checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from mitmproxy import certs

from openai_replay.proxy.shortcuts.authority_key import read_authority_without_check

PASSWORD = b"correct horse"


@pytest.fixture(scope="module")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority, as mitmproxy makes it."""
    folder = tmp_path_factory.mktemp("confdir")
    certs.CertStore.create_store(folder, "mitmproxy", 2048)
    return folder


@pytest.fixture
def unchecked() -> Iterator[None]:
    """The shortcut, taken for a test."""
    undo = read_authority_without_check()
    yield
    undo()


def numbers_of(confdir: Path, passphrase: bytes | None = None) -> rsa.RSAPrivateNumbers:
    store = certs.CertStore.from_store(confdir, "mitmproxy", 2048, passphrase)
    return store.default_privatekey.private_numbers()


def inconsistent(key: rsa.RSAPrivateKey) -> bytes:
    """Return a PEM of the key with another private exponent."""
    whole = key.private_numbers()
    changed = rsa.RSAPrivateNumbers(
        whole.p, whole.q, whole.d - 2, whole.dmp1, whole.dmq1, whole.iqmp, whole.public_numbers
    )
    return pem_of(changed.private_key(unsafe_skip_rsa_key_validation=True))


def pem_of(key: rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption
    )


def test_the_key_is_the_same(confdir: Path) -> None:
    checked = numbers_of(confdir)
    undo = read_authority_without_check()
    try:
        assert numbers_of(confdir) == checked
        assert numbers_of(confdir, PASSWORD) == checked
    finally:
        undo()


@pytest.mark.usefixtures("unchecked")
def test_a_key_with_a_password_is_read(confdir: Path, tmp_path: Path) -> None:
    certificate = (confdir / "mitmproxy-ca-cert.pem").read_bytes()
    key = certs.CertStore.from_store(confdir, "mitmproxy", 2048).default_privatekey
    (tmp_path / "mitmproxy-ca.pem").write_bytes(pem_of(key, PASSWORD) + certificate)
    assert numbers_of(tmp_path, PASSWORD) == key.private_numbers()
    with pytest.raises(TypeError):
        numbers_of(tmp_path)


def test_the_check_is_left_out_for_the_authority_alone(confdir: Path, tmp_path: Path) -> None:
    key = certs.CertStore.from_store(confdir, "mitmproxy", 2048).default_privatekey
    certificate = (confdir / "mitmproxy-ca-cert.pem").read_bytes()
    damaged = inconsistent(key)
    (tmp_path / "mitmproxy-ca.pem").write_bytes(damaged + certificate)
    undo = read_authority_without_check()
    try:
        with pytest.raises(ValueError, match=r"[Ii]nvalid|[Cc]ould not"):
            certs.load_pem_private_key(damaged, None)
    finally:
        undo()
    with pytest.raises(ValueError, match=r"[Ii]nvalid|[Cc]ould not"):
        numbers_of(tmp_path)
