"""The search for credentials when the configuration has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from exporter.common.errors import CredentialsError, PollError
from exporter.credentials.ecs_agency import METADATA, EcsAgency
from exporter.credentials.key_files import ENVIRONMENT, PROFILE, environment_keys, profile_keys
from exporter.credentials.pod_identity import POD_IDENTITY, pod_identity
from exporter.credentials.renewal import RenewedSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from exporter.common.clock import Clock
    from exporter.credentials.credential import Credential, CredentialSource
    from exporter.transport.http import Transport

log = structlog.get_logger(__name__)


class DefaultChain:
    """Uses the first place that has credentials: environment, profile file, pod identity, ECS agency.

    The choice is final. A place with unusable credentials (half a key pair, an agent that does not answer) is
    an error and not skipped, because the next place may belong to another user. The ECS agency is the last
    place; it is chosen once it has given keys.

    Args:
        environment: the process's environment variables.
        home: the user's home directory.
        transport: for pod identity and the metadata service; one that never uses a proxy.
        clock: for renewal.
        metadata: the address of the metadata service.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        home: Path,
        transport: Transport,
        clock: Clock,
        metadata: str = METADATA,
    ) -> None:
        self._environment = environment
        self._home = home
        self._transport = transport
        self._clock = clock
        self._agency = RenewedSource(EcsAgency(transport, metadata), clock)
        self._chosen: CredentialSource | None = None

    @property
    def name(self) -> str:
        """The chosen place's name; before the choice, all of them."""
        return self._chosen.name if self._chosen else "environment, profile file, pod identity, ECS agency"

    async def credential(self) -> Credential:
        """The credential of the chosen place. The first call chooses the place."""
        looked_at: list[str] = []
        if self._chosen is None:
            # The choice comes before the first request, so that concurrent callers share one request.
            self._chosen = self._find(looked_at)
        if self._chosen is not None:
            return await self._chosen.credential()
        try:
            credential = await self._agency.credential()
        except PollError as error:
            looked_at.append(f"{self._agency.name}: {error.what}")
        else:
            if self._chosen is None:
                self._chosen = self._agency
                log.info("credentials found", source=self._agency.name)
            return credential
        raise CredentialsError(
            f"no credentials were found ({'; '.join(looked_at)})",
            where="credentials",
            advice="provide one of these, or credentials in the configuration",
        )

    def refused(self, credential: Credential) -> None:
        """Pass this on to the chosen place."""
        if self._chosen is not None:
            self._chosen.refused(credential)

    def _find(self, looked_at: list[str]) -> CredentialSource | None:
        """The first place that has credentials; None if only the ECS agency is left.

        To add a place, add one line: its name, and a call that returns a source or the reason for none.

        Args:
            looked_at: receives the reason of each place that has none.
        """
        for name, look in (
            (ENVIRONMENT, lambda: environment_keys(self._environment)),
            (PROFILE, lambda: profile_keys(self._environment, self._home)),
            (POD_IDENTITY, lambda: pod_identity(self._environment, self._transport, self._clock)),
        ):
            found = look()
            if not isinstance(found, str):
                log.info("credentials found", source=found.name)
                return found
            looked_at.append(f"{name}: {found}")
        return None
