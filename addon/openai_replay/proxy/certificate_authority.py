"""The certificate authority that the proxy signs with: made once per user, the private key readable by its owner alone.

The files are those that mitmproxy makes and looks for in its `confdir`. They are made here, before any proxy starts,
because two proxies that start at once in an empty folder would each make an authority, and one of them would sign with
what the other one has replaced.
"""

from __future__ import annotations

import datetime
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from mitmproxy.certs import CertStore

from ..errors import OpenAIReplayError

# What mitmproxy calls its files.
_BASENAME = "mitmproxy"
_KEY_BITS = 2048

# One that ends sooner is replaced: a run must not outlive it.
_SHORTEST_REST = datetime.timedelta(days=1)


class FolderNotWritable(OpenAIReplayError):
    """The folder of the authority cannot be written."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """An authority's folder: mitmproxy's `confdir`."""

    folder: Path

    @property
    def certificate_file(self) -> Path:
        """The certificate alone, as PEM: what clients trust."""
        return self.folder / f"{_BASENAME}-ca-cert.pem"

    @property
    def private_file(self) -> Path:
        """Private key and certificate, as PEM: what the proxy signs with."""
        return self.folder / f"{_BASENAME}-ca.pem"

    def is_valid(self) -> bool:
        """Tell whether the files are there, belong together, and will still do tomorrow."""
        try:
            public = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            private = x509.load_pem_x509_certificate(self.private_file.read_bytes())
        except (OSError, ValueError):
            return False
        return public == private and public.not_valid_after_utc > _soon()


def _soon() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + _SHORTEST_REST


def data_folder(environment: Mapping[str, str]) -> Path:
    """Return where this program keeps what it makes for its user, by the XDG Base Directory Specification."""
    configured = environment.get("XDG_DATA_HOME", "")
    base = Path(configured) if os.path.isabs(configured) else Path.home() / ".local" / "share"
    return base / "openai-replay"


def certificate_authority(folder: Path) -> CertificateAuthority:
    """Return the authority kept in `folder`, made now if there is none.

    Raises:
        FolderNotWritable: there is none, and none can be made.
    """
    authority = CertificateAuthority(folder)
    if authority.is_valid():
        return authority
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _only_one(folder):
            if not authority.is_valid():
                _make(folder)
    except OSError as exc:
        raise FolderNotWritable(
            f"The proxy's certificate authority cannot be kept in {folder}: {exc.strerror}. Expected a folder that "
            "can be written; XDG_DATA_HOME names another."
        ) from exc
    return authority


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(folder: Path) -> None:
    """Make the files beside their place, and move them there; the private key last, which makes them count."""
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    try:
        CertStore.create_store(
            unfinished, _BASENAME, _KEY_BITS, organization="openai-replay", cn="openai-replay"
        )
        for path in sorted(unfinished.iterdir(), key=lambda path: path.name == f"{_BASENAME}-ca.pem"):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
