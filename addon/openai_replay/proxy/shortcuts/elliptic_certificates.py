"""Use an ECDSA key for leaf certificates: signing with RSA takes a third of the time of a new connection.

mitmproxy makes the certificates and its authority signs them, as always. Only their key is replaced, by an ECDSA key of
this process. Certificates that the user gives (mitmproxy's option `certs`) stay unchanged.
"""

from __future__ import annotations

from collections.abc import Container

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mitmproxy import ctx
from mitmproxy.addons import tlsconfig
from mitmproxy.certs import Cert, CertStoreEntry
from mitmproxy.proxy import context

from .guarded import Shortcut

ELLIPTIC_CERTIFICATES = Shortcut(
    "elliptic certificates",
    "serve: 16 % of the CPU time of a replayed request on a new connection through CONNECT and TLS",
    {
        "mitmproxy.addons.tlsconfig:TlsConfig.get_cert": "(self, conn_context)",
        "mitmproxy.addons.tlsconfig:TlsConfig.configure": "(self, updated)",
        "mitmproxy.addons.tlsconfig:TlsConfig.running": "(self)",
        "mitmproxy.certs:CertStoreEntry": "(cert, privatekey, chain_file, chain_certs)",
        "mitmproxy.certs:Cert.__init__": "(self, cert)",
        "mitmproxy.certs:CertStore.__init__": (
            "(self, default_privatekey, default_ca, default_chain_file, default_crl, dhparams)"
        ),
    },
)

# As many certificates as mitmproxy's certificate store keeps.
_MOST_KEPT = 100


class EllipticTlsConfig(tlsconfig.TlsConfig):
    """mitmproxy's addon `tlsconfig`, with an ECDSA key for certificates that mitmproxy makes."""

    name = "tlsconfig"  # mitmproxy and other addons look it up by this name

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._kept: dict[int, CertStoreEntry] = {}
        self._read_from: str | None = None

    def configure(self, updated: Container[str]) -> None:
        """Read the authority when its folder or its options change."""
        super().configure(updated)  # type: ignore[no-untyped-call]
        if "confdir" in updated:
            self._read_from = ctx.options.confdir

    def running(self) -> None:
        """Read the authority, unless `configure` has read it."""
        if self._read_from != ctx.options.confdir:
            super().running()  # type: ignore[no-untyped-call]

    def get_cert(self, conn_context: context.Context) -> CertStoreEntry:
        """Return the certificate for a connection's server, and its key."""
        entry = super().get_cert(conn_context)
        # A user's list of ciphers may lack the ECDSA ciphers, which TLS before 1.3 needs for such a key.
        if not self._is_of_authority(entry) or ctx.options.ciphers_client:
            return entry
        serial = entry.cert.serial
        if serial not in self._kept:
            if len(self._kept) == _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[serial] = self._for_key(entry)
        return self._kept[serial]

    def _is_of_authority(self, entry: CertStoreEntry) -> bool:
        """Tell whether mitmproxy has made a certificate itself."""
        return entry.chain_certs is self.certstore.default_chain_certs

    def _for_key(self, entry: CertStoreEntry) -> CertStoreEntry:
        made = entry.cert.to_cryptography()
        certificate = with_key(made, self._key.public_key(), signed_by=self.certstore.default_privatekey)
        # mitmproxy's annotation says RSA, but its code works with keys of every kind.
        return CertStoreEntry(Cert(certificate), self._key, entry.chain_file, entry.chain_certs)  # type: ignore[arg-type]


def with_key(
    certificate: x509.Certificate, key: ec.EllipticCurvePublicKey, *, signed_by: rsa.RSAPrivateKey
) -> x509.Certificate:
    """Return a copy of a certificate for another key."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .public_key(key)
    )
    for extension in certificate.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(signed_by, hashes.SHA256())
