"""Builds the source of a project's credentials: the configured one, or the default chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exporter.common.errors import ConfigurationError, CredentialsError, Problem
from exporter.credentials.chain import DefaultChain
from exporter.credentials.ecs_agency import EcsAgency
from exporter.credentials.iam import IamLogin
from exporter.credentials.key_files import configured_keys
from exporter.credentials.renewal import RenewedSource
from exporter.settings.credentials import AgencyForm, KeysForm, PasswordForm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from exporter.app.process import Process
    from exporter.credentials.credential import CredentialSource
    from exporter.settings.project import Project
    from exporter.transport.http import Transport


def credential_source(
    project: Project,
    where: str,
    process: Process,
    *,
    transport: Transport,
    direct_transport: Callable[[], Transport],
    timeout: float,
) -> CredentialSource:
    """The source of a project's credentials; it is not used yet.

    Args:
        project: the project's settings.
        where: their place in the settings, for problems: `projects[0]`.
        process: clock, lockout, home and environment.
        transport: the project's, for a login.
        direct_transport: makes a transport that never uses a proxy, for services of the machine itself.
        timeout: seconds for a login.

    Raises:
        ConfigurationError: a configured key is not valid.
    """
    match project.credentials:
        case KeysForm() as keys:
            try:
                return _key_source(keys)
            except CredentialsError as error:
                raise ConfigurationError(Problem(f"{where}.credentials", error.explanation)) from None
        case PasswordForm() as form:
            login = IamLogin(
                endpoint=project.iam_endpoint,
                username=form.username,
                password=_plain(form.secret),
                domain=form.domain,
                project_id=project.project_id,
                lockout=process.lockout,
                transport=transport,
                timeout=timeout,
            )
            renewal = process.renewals.of(
                *("login", project.iam_endpoint, form.domain, form.username, project.project_id),
                *(str(_plain(form.secret)), str(project.ca_file), str(project.proxy)),
            )
            return RenewedSource(login, process.context.clock, renewal)
        case AgencyForm():
            agency = EcsAgency(direct_transport())
            return RenewedSource(agency, process.context.clock, process.renewals.of(agency.name))
        case None:
            return DefaultChain(
                process.environment,
                process.home,
                direct_transport(),
                process.context.clock,
                process.renewals,
            )


def _key_source(form: KeysForm) -> CredentialSource:
    token = None if form.token is None else _plain(form.token)
    return configured_keys(_plain(form.access_key), _plain(form.secret_key), token)


def _plain(secret: SecretStr | Path) -> str | Path:
    return secret if isinstance(secret, Path) else secret.get_secret_value()
