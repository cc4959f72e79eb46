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
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from exporter.common.clock import Clock
    from exporter.credentials.credential import Credential, CredentialSource
    from exporter.credentials.renewal import Renewals
    from exporter.transport.http import Transport

    _Look = Callable[[], CredentialSource | str]
    """Returns the source of a place, or why there is none."""

log = structlog.get_logger(__name__)


class DefaultChain:
    """Uses the first place that has credentials: environment, profile file, pod identity, ECS agency.

    The choice is final. A place with unusable credentials (half a key pair, an agent that does not answer) is
    an error and not skipped, because the next place may belong to another user. The ECS agency is the last
    place; it is chosen once it has given keys.

    Args:
        environment: the process's environment variables.
        home: the user's home directory; None if there is none.
        transport: for pod identity and the metadata service; one that never uses a proxy.
        clock: for renewal.
        renewals: what is known of issuers from earlier configurations.
        metadata: the address of the metadata service.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        home: Path | None,
        transport: Transport,
        clock: Clock,
        renewals: Renewals,
        metadata: str = METADATA,
    ) -> None:
        self._agency = RenewedSource(
            EcsAgency(transport, metadata), clock, renewals.of(EcsAgency.name, metadata)
        )
        self._places: tuple[tuple[str, _Look], ...] = (
            (ENVIRONMENT, lambda: environment_keys(environment)),
            (PROFILE, lambda: profile_keys(environment, home)),
            (POD_IDENTITY, lambda: pod_identity(environment, transport, clock, renewals)),
            (EcsAgency.name, lambda: self._agency),
        )
        self._chosen: CredentialSource | None = None

    @property
    def name(self) -> str:
        """The chosen place's name; before the choice, all of them."""
        return self._chosen.name if self._chosen else ", ".join(name for name, _ in self._places)

    async def credential(self) -> Credential:
        """The credential of the chosen place. The first call chooses the place."""
        if self._chosen is not None:
            return await self._chosen.credential()
        looked_at: list[str] = []
        for name, look in self._places:
            found = look()
            if isinstance(found, str):
                looked_at.append(f"{name}: {found}")
                continue
            if found is not self._agency:
                # The choice comes before the first request, so that concurrent callers share one request.
                self._choose(found)
                return await found.credential()
            try:
                credential = await found.credential()
            except PollError as error:
                looked_at.append(f"{name}: {error.what}")
            else:
                self._choose(found)
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

    def _choose(self, source: CredentialSource) -> None:
        if self._chosen is None:  # a concurrent call may have chosen already
            self._chosen = source
            log.info("credentials found", source=source.name)
