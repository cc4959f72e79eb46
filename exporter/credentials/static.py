"""Key pairs that stay as they are while the process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.credentials.credential import key_pair
from exporter.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.credentials.credential import Credential, KeyPair

ENVIRONMENT = "environment"
"""The name of the source in the environment."""

_AK, _SK, _TOKEN = "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"


class StaticKeys:
    """A source that always gives the same key pair."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair

    @property
    def name(self) -> str:
        """Where the pair comes from."""
        return self._pair.source

    async def credential(self) -> KeyPair:
        """The pair."""
        return self._pair

    def refused(self, credential: Credential) -> None:
        """Nothing to do: there is no other."""


def environment_has_keys(environment: Mapping[str, str]) -> bool:
    """Whether anything of a key pair is there, so that no other place is looked at."""
    return bool(environment.get(_AK) or environment.get(_SK))


def environment_keys(environment: Mapping[str, str]) -> StaticKeys | str:
    """The key pair in the variables that Huawei's SDKs read, or why there is none.

    Raises:
        CredentialsError: half a pair, or what can be no key.
    """
    access_key, secret_key = environment.get(_AK), environment.get(_SK)
    match access_key, secret_key:
        case (None | "", None | ""):
            return f"{_AK} and {_SK} are not set"
        case (None | "", _) | (_, None | ""):
            given, missing = (_AK, _SK) if access_key else (_SK, _AK)
            raise CredentialsError(
                f"{given} is set, {missing} is not", where=ENVIRONMENT, advice="set both or none"
            )
        case _:
            pair = key_pair(access_key, secret_key, environment.get(_TOKEN), source=ENVIRONMENT)
            return StaticKeys(pair)
