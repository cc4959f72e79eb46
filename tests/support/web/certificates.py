"""An HTTPS site on disk: its web configuration and the files that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path

MUTUAL = "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"


class Site:
    """A directory with a web configuration, a certificate, its key and the authority of the clients."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "web.yml"
        self.cert, self.key, self.ca = (directory / name for name in ("cert.pem", "key.pem", "ca.pem"))
        self.authority = trustme.CA()
        self.clients = trustme.CA()
        self.clients.cert_pem.write_to_path(str(self.ca))
        self.renew(self.authority)
        self.write()

    def write(self, more: str = "", rest: str = "") -> None:
        self.config.write_text(
            f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem, {more}}}\n{rest}"
        )

    def renew(self, authority: trustme.CA) -> None:
        issued = authority.issue_cert("127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(str(self.cert))
        issued.private_key_pem.write_to_path(str(self.key))
