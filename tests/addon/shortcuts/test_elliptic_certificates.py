"""`elliptic_certificates`: mitmproxy's leaf certificates with an ECDSA key, which signs faster than RSA."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from mitmproxy.certs import CertStore, CertStoreEntry
from mitmproxy.proxy import context
from mitmproxy.test import taddons, tflow

from openai_replay.proxy.shortcuts.elliptic_certificates import EllipticTlsConfig

HOST = "api.openai.com"


@pytest.fixture(scope="module")
def confdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority, as mitmproxy makes it."""
    folder = tmp_path_factory.mktemp("confdir")
    CertStore.from_store(folder, "mitmproxy", 2048)
    return folder


def entry_for(host: str, addon: EllipticTlsConfig, confdir: Path, **options: object) -> CertStoreEntry:
    """Return the addon's certificate for a client that asks for a host."""
    with taddons.context(addon) as test:
        test.configure(addon, confdir=str(confdir), **options)
        client = tflow.tclient_conn()
        client.sni = host
        return addon.get_cert(context.Context(client, test.options))


def test_a_certificate_says_the_same_of_another_key(confdir: Path) -> None:
    made = entry_for(HOST, EllipticTlsConfig(), confdir)

    certificate = made.cert.to_cryptography()
    authority = x509.load_pem_x509_certificate((confdir / "mitmproxy-ca-cert.pem").read_bytes())
    certificate.verify_directly_issued_by(authority)
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert made.privatekey.public_key() == certificate.public_key()
    assert [str(name.value) for name in made.cert.altnames] == [HOST]
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_host_has_one_certificate(confdir: Path) -> None:
    addon = EllipticTlsConfig()
    with taddons.context(addon) as test:
        test.configure(addon, confdir=str(confdir))
        client = tflow.tclient_conn()
        client.sni = HOST
        of_client = context.Context(client, test.options)
        assert addon.get_cert(of_client) is addon.get_cert(of_client)


def test_a_certificate_that_the_user_gives_stays_as_it_is(confdir: Path, tmp_path: Path) -> None:
    own = CertStore.from_store(tmp_path / "own", "own", 2048).get_cert(HOST, [x509.DNSName(HOST)])
    given = tmp_path / "own" / "own-ca.pem"
    key = given.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]
    file = tmp_path / "given.pem"
    file.write_bytes(key + own.cert.to_pem())

    made = entry_for(HOST, EllipticTlsConfig(), confdir, certs=[f"{HOST}={file}"])

    assert made.cert == own.cert
    assert isinstance(made.privatekey, rsa.RSAPrivateKey)


def test_a_list_of_ciphers_gets_the_key_that_it_was_made_for(confdir: Path) -> None:
    made = entry_for(HOST, EllipticTlsConfig(), confdir, ciphers_client="ECDHE-RSA-AES128-GCM-SHA256")

    assert isinstance(made.privatekey, rsa.RSAPrivateKey)
