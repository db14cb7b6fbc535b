"""The proxy as it is shipped (`deploy/proxy/nginx.conf`) on loopback, with certificates of a private authority."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONFIGURATION = Path(__file__).parents[2] / "deploy/proxy/nginx.conf"
START_SECONDS = 60.0
INSTALL = "nginx is not installed, and this test needs it: run `make system-packages` (see README.md)"


@dataclass(frozen=True)
class Authority:
    """A private certificate authority."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, name: str) -> "Authority":
        """One with a key of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        return cls(key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))

    def write(self, file: Path) -> Path:
        """Its certificate as PEM."""
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def issue(self, host: str, certificate: Path, key_file: Path) -> None:
        """A server's certificate and key as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(host), self.certificate.subject, key)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        issued = builder.sign(self.key, hashes.SHA256())
        certificate.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        unencrypted = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, unencrypted))


@contextmanager
def proxy(root: Path, authority: Authority, *, port: int, broker_port: int, names: int | None = None) -> Iterator[Path]:
    """nginx between https://localhost:port and a broker on loopback; the file with its configuration.

    `names`: the broker keeps its name, which the DNS server at this port knows, and is asked for again each second.
    """
    authority.issue("localhost", root / "certificate.pem", root / "key.pem")
    text = CONFIGURATION.read_text(encoding="utf-8").replace(" /tmp/", f" {root}/")
    for shipped, here in (
        ("set $broker broker:8440;", f"set $broker {'127.0.0.1' if names is None else 'broker'}:{broker_port};"),
        ("resolver 127.0.0.11 valid=10s;", "" if names is None else f"resolver 127.0.0.1:{names} valid=1s;"),
        ("listen 8443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("listen [::]:8443 ssl;", ""),
        ("/run/secrets/certificate.pem", str(root / "certificate.pem")),
        ("/run/secrets/key.pem", str(root / "key.pem")),
    ):
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, here)
    file = root / "nginx.conf"
    file.write_text(text)
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    assert program is not None, INSTALL
    with (root / "nginx.log").open("wb") as log:
        command = ["setpriv", "--pdeathsig", "TERM", program, "-c", str(file), "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, (root / "nginx.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                assert time.monotonic() < give_up, "nginx did not start"
                time.sleep(0.05)
        yield file
    finally:
        process.terminate()
        process.wait()


def handshake(port: int, authority: Path, version: ssl.TLSVersion) -> str | None:
    """The version that a client agrees on which speaks this one only. Raises `ssl.SSLError`."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as tls,
    ):
        return tls.version()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
