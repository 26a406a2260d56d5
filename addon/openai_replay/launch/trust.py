"""Trust stores (PEM bundles, and Java's) with a client's usual certificate authorities and the proxy's.

SSL_CERT_FILE and its like replace a program's list of trusted authorities, and a Java trust store replaces Java's
default one, so each gets a file with both. The files are kept under a hash of their sources: a run uses files that it
finds, and runs side by side share them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import ssl
import subprocess
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TRUST_STORE_PASSWORD = "changeit"  # Java's default; the store holds public certificates

# Where systems keep the authorities that they trust: Debian, Fedora, openSUSE, Alpine and macOS, FreeBSD.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
)

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)

_LONGEST_KEYTOOL_S = 60

_SYSTEM_WGETRC = "/etc/wgetrc"

# wget reads names without regard to case, "-" and "_" (its function parse_line).
_WGET_AUTHORITIES = re.compile(r"\s*ca[-_]?certificate\s*=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JavaTrustStore:
    """A trust store that Java has now, and its password."""

    path: Path
    password: str


class Trust:
    """Makes the files, in a folder of the user's.

    Args:
        folder: where they are kept.
        authority: the PEM of the proxy's certificate.
    """

    def __init__(self, folder: Path, authority: Path) -> None:
        self._folder = folder
        self.authority_file = authority
        self._authority = authority.read_bytes()
        self._joined_with: dict[Path, Path] = {}

    def bundle(self, *replaced: str) -> Path:
        """Return a PEM with the proxy's certificate and the authorities that a program trusts without it.

        Args:
            replaced: files or folders that the program was told to trust; the first that exists counts,
                and without any, the trust store of the system.
        """
        return self._joined(
            next((Path(name) for name in replaced if name and Path(name).exists()), system_bundle())
        )

    def addition(self, added: str) -> Path:
        """Return a PEM with the proxy's certificate and the certificates in the file `added`, if there is one."""
        if not added or not Path(added).exists():
            return self.authority_file
        besides = set(_certificates(_content(Path(added)))) - set(_certificates(self._authority))
        return self._joined(Path(added)) if besides else self.authority_file

    def php_ini_folder(self, bundle: Path) -> Path:
        """Return a folder with an ini file that makes PHP trust `bundle`."""
        text = f'openssl.cafile="{bundle}"\ncurl.cainfo="{bundle}"\n'.encode()
        return self._kept(f"php-{_digest(text)}/openai-replay.ini", text).parent

    def wgetrc(self, bundle: Path, replaced: str) -> Path:
        """Return wget's system-wide settings with one more, which makes it trust `bundle`.

        Args:
            replaced: the file that SYSTEM_WGETRC names now; /etc/wgetrc without it, as wget has it.
        """
        source = Path(replaced or _SYSTEM_WGETRC)
        lines = source.read_text("latin-1").splitlines() if source.is_file() else []
        kept = [line for line in lines if not _WGET_AUTHORITIES.match(line)]
        text = "\n".join([*kept, f"ca_certificate = {bundle}", ""]).encode("latin-1")
        return self._kept(f"wgetrc-{_digest(text)}", text)

    def java_trust_store(self, bundle: Path, replaced: JavaTrustStore | None, java_home: Path | None) -> Path:
        """Return a PKCS #12 trust store with the proxy's certificate and the authorities that Java trusts.

        Args:
            bundle: the system's, for a machine whose Java cannot be found.
            replaced: the trust store that Java has been told to use.
            java_home: the Java whose own trust store counts otherwise.
        """
        if replaced is not None and replaced.path.parent == self._folder:
            return replaced.path  # made here, for a run around this one
        source = replaced or _cacerts(java_home)
        name = f"java-{_digest(self._authority, _signature(source.path if source else bundle))}.p12"
        path = self._folder / name
        if path.exists():
            return path
        trusted = _read_by_keytool(source, java_home) if source else b""
        certificates = _certificates(trusted or bundle.read_bytes(), self._authority)
        return self._kept(name, _pkcs12(certificates))

    def _joined(self, source: Path) -> Path:
        if source not in self._joined_with:
            self._joined_with[source] = self._newly_joined(source)
        return self._joined_with[source]

    def _newly_joined(self, source: Path) -> Path:
        pem = b"\n".join(_certificates(_content(source), self._authority)) + b"\n"
        return self._kept(f"bundle-{_digest(pem)}.pem", pem)

    def _kept(self, name: str, content: bytes) -> Path:
        """Return the file under a hash of its content, written now unless it is there."""
        path = self._folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=".", suffix=".tmp", delete=False
            ) as beside:
                beside.write(content)
            os.chmod(beside.name, 0o644)  # public, and a command may run as somebody else
            os.replace(beside.name, path)
        return path


def system_bundle() -> Path:
    """Return the PEM of the machine's trusted certificates; where it keeps none, of Mozilla's list."""
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.openssl_cafile, *_SYSTEM_BUNDLES):
        if Path(candidate).is_file() and _CERTIFICATE.search(Path(candidate).read_bytes()):
            return Path(candidate)
    import certifi  # a tenth of a second, for machines that need it

    return Path(certifi.where())


def java_home(environment: Mapping[str, str]) -> Path | None:
    """Return the home of the Java that a command would run, None without Java."""
    candidates = [Path(environment["JAVA_HOME"])] if environment.get("JAVA_HOME") else []
    if program := shutil.which("java", path=environment.get("PATH", os.defpath)):
        candidates.append(Path(program).resolve().parent.parent)
    return next((home for home in candidates if _cacerts(home) is not None), None)


def java_options(text: str) -> list[str]:
    """Split the value of JAVA_TOOL_OPTIONS as Java does: at white space, quotes keep it.

    Quotes that are not closed are Java's to complain about: then the text is one option.
    """
    words = shlex.shlex(text, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters, words.escape = True, "", ""
    try:
        return list(words)
    except ValueError:
        return [text]


def trust_store_of(options: Iterable[str]) -> JavaTrustStore | None:
    """Return the trust store that Java is told to use by `-Djavax.net.ssl.trustStore=…`, None without."""
    values = dict(option[2:].split("=", 1) for option in options if option.startswith("-D") and "=" in option)
    path = Path(values.get("javax.net.ssl.trustStore", ""))
    password = values.get("javax.net.ssl.trustStorePassword", TRUST_STORE_PASSWORD)
    return JavaTrustStore(path, password) if path.is_file() else None


def _cacerts(home: Path | None) -> JavaTrustStore | None:
    if home is None:
        return None
    candidates = (home / "lib/security/cacerts", home / "jre/lib/security/cacerts")
    return next((JavaTrustStore(path, TRUST_STORE_PASSWORD) for path in candidates if path.is_file()), None)


def _read_by_keytool(store: JavaTrustStore, home: Path | None) -> bytes:
    """Return a trust store's certificates as PEM, b"" when there is no keytool to read them.

    keytool, because the store may have any of Java's formats. JAVA_TOOL_OPTIONS is not for it.
    """
    keytool = shutil.which(home / "bin" / "keytool") if home else None
    if keytool is None:
        return b""
    command = [keytool, "-list", "-rfc", "-keystore", str(store.path), "-storepass", store.password]
    environment = {name: value for name, value in os.environ.items() if "JAVA" not in name}
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=_LONGEST_KEYTOOL_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return result.stdout


def _pkcs12(certificates: Iterable[bytes]) -> bytes:
    # Imported by the first run alone, which is slow anyway: later ones find the file.
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    entries = []
    for number, certificate in enumerate(certificates):
        # Skip an authority that the parser refuses, or will refuse by its warning: clients do not need it here.
        with suppress(ValueError, Warning), warnings.catch_warnings(action="error"):
            parsed = x509.load_pem_x509_certificate(certificate)
            entries.append(pkcs12.PKCS12Certificate(parsed, f"ca-{number}".encode()))
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(TRUST_STORE_PASSWORD.encode()))


def _certificates(*contents: bytes) -> list[bytes]:
    """Return the certificates among PEM texts, each once, the first text's first."""
    return list(dict.fromkeys(match for content in contents for match in _CERTIFICATE.findall(content)))


def _content(source: Path) -> bytes:
    """Return the content of a file, or of all files of a folder: REQUESTS_CA_BUNDLE may be one."""
    return b"\n".join(path.read_bytes() for path in _files(source))


def _files(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield from sorted(path for path in source.iterdir() if path.is_file())
    else:
        yield source


def _signature(path: Path) -> bytes:
    status = path.stat()
    return f"{path} {status.st_mtime_ns} {status.st_size}".encode()


def _digest(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()[:16]
