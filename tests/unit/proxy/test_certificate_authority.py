"""The certificate authority: made once, looked at often."""

import datetime
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from openai_replay.proxy.certificate_authority import (
    CertificateAuthority,
    FolderNotWritable,
    certificate_authority,
    data_folder,
    in_home,
)


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return certificate_authority(tmp_path / "authority")


def test_it_is_made_once(authority: CertificateAuthority) -> None:
    before = authority.certificate_file.read_bytes()
    assert authority.is_valid()
    assert certificate_authority(authority.folder).certificate_file.read_bytes() == before


def test_its_key_is_its_owners_alone(authority: CertificateAuthority) -> None:
    assert authority.private_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_damaged_files_are_replaced(authority: CertificateAuthority, content: bytes) -> None:
    authority.certificate_file.write_bytes(content)
    assert not authority.is_valid()
    assert certificate_authority(authority.folder).is_valid()


def test_files_that_do_not_belong_together_are_replaced(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    other = certificate_authority(tmp_path / "other")
    authority.certificate_file.write_bytes(other.certificate_file.read_bytes())
    assert not authority.is_valid()


def ending_in(rest: datetime.timedelta) -> bytes:
    """Return the PEM of an authority that ends after some time."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "short")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + rest)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("rest", "is_valid"), [(datetime.timedelta(hours=1), False), (datetime.timedelta(days=3), True)]
)
def test_one_that_ends_soon_is_replaced(tmp_path: Path, rest: datetime.timedelta, is_valid: bool) -> None:
    authority = CertificateAuthority(tmp_path)
    pem = ending_in(rest)
    authority.certificate_file.write_bytes(pem)
    authority.private_file.write_bytes(b"the key\n" + pem)
    assert authority.is_valid() is is_valid


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotWritable, match="XDG_DATA_HOME names another"):
        certificate_authority(tmp_path / "file" / "authority")
    assert os.listdir(tmp_path) == ["file"]


def test_a_user_without_a_home_is_told_what_to_set() -> None:
    with pytest.raises(FolderNotWritable, match="Expected HOME or XDG_DATA_HOME to name a folder"):
        in_home(Path("~no-user-of-this-name/.local"))
    assert data_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/openai-replay")
