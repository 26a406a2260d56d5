"""The proxy's certificate authority: created once per user, with a private key that only its owner can read.

The files have the names under which mitmproxy looks for them in its `confdir`. They are made here, before any proxy
starts, because two proxies that start at once in an empty folder would each make an authority, and one of them would
sign with a key that the other one has replaced.

Each start of the command line looks at the files, so looking at them needs the standard library alone. mitmproxy, which
takes longer to import than all the rest, is imported to make them.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import OpenAIReplayError

# mitmproxy's name for its files.
_BASENAME = "mitmproxy"
_KEY_BITS = 2048

# An authority that ends sooner is replaced: a run must not outlive it.
_SHORTEST_REST_S = 24 * 60 * 60

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)


class FolderNotWritable(OpenAIReplayError):
    """The folder of the authority cannot be written."""


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """An authority's folder: mitmproxy's `confdir`."""

    folder: Path

    @property
    def certificate_file(self) -> Path:
        """The certificate alone, as PEM, for clients to trust."""
        return self.folder / f"{_BASENAME}-ca-cert.pem"

    @property
    def private_file(self) -> Path:
        """Private key and certificate, as PEM, for the proxy to sign with."""
        return self.folder / f"{_BASENAME}-ca.pem"

    def is_valid(self) -> bool:
        """Tell whether the files are there, belong together, and will still be valid tomorrow."""
        try:
            public = _only_certificate(self.certificate_file)
            return public == _only_certificate(self.private_file) and _end_of(public) > _tomorrow()
        except (OSError, ValueError):
            return False


def _only_certificate(path: Path) -> str:
    """Return the certificate of a PEM file.

    Raises:
        ValueError: there is another number of them than one.
    """
    (certificate,) = _CERTIFICATE.findall(path.read_text("latin-1"))
    return str(certificate)


def _end_of(authority: str) -> float:
    """Return when a PEM of an authority ends, in seconds since 1970.

    Raises:
        ValueError: it is no certificate of an authority.
        OSError: it is no certificate at all (ssl.SSLError).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    (parsed,) = context.get_ca_certs()
    return ssl.cert_time_to_seconds(str(parsed["notAfter"]))


def _tomorrow() -> float:
    return time.time() + _SHORTEST_REST_S


def data_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder for the files that this program makes for its user (XDG Base Directory Specification).

    Raises:
        FolderNotWritable: the user has no home folder.
    """
    configured = environment.get("XDG_DATA_HOME", "")
    base = Path(configured) if os.path.isabs(configured) else in_home(Path("~/.local/share"))
    return base / "openai-replay"


def in_home(path: Path) -> Path:
    """Return a path with the user's home folder in place of `~`.

    Raises:
        FolderNotWritable: HOME is not set, and the system does not know the user, as in many containers.
    """
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise FolderNotWritable(
            f"HOME is not set, and user {os.getuid()} has no home folder. Expected HOME or XDG_DATA_HOME to name a "
            "folder that can be written."
        ) from exc


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
    from mitmproxy.certs import CertStore

    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    try:
        CertStore.create_store(
            unfinished, _BASENAME, _KEY_BITS, organization="openai-replay", cn="openai-replay"
        )
        for path in sorted(unfinished.iterdir(), key=lambda path: path.name == f"{_BASENAME}-ca.pem"):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
