from __future__ import annotations

from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr, ValidationError

from exporter.settings.credentials import AgencyForm, KeysForm, PasswordForm
from exporter.settings.load import load
from exporter.settings.model import Capacity, Log, Poll, Settings, Web, Workloads
from exporter.settings.types import ListenAddress

EXAMPLE = """
poll:
  interval: 60s
  timeout: 10s
  stale_after: 5m
  requests_per_second: 10
  concurrency: 8
  cross_check: paged
workloads:
  series: waiting
  limit: 200
capacity:
  read: pools
  interval: 60s
projects:
  - region: cn-north-4
    project_id: 0123456789abcdef0123456789abcdef
    pools: [pool-a1-0123456789abcdef0123456789abcdef]
    endpoint: https://modelarts.cn-north-4.myhuaweicloud.com
    iam_endpoint: https://iam.cn-north-4.myhuaweicloud.com
    ca_file: authorities.pem
    proxy: http://proxy.example.com:3128/
    credentials:
      ak: AKIA-hush
      sk: hush
      security_token: hush-too
  - region: cn-north-4
    project_id: 01234567890123456789012345678901
    discover: {include: ".*", exclude: "", workspace_id: "0"}
web:
  listen_address: [":10310"]
"""

CREDENTIALS = """
projects:
  - region: cn-north-4
    project_id: 0123456789abcdef0123456789abcdef
    discover: {{}}
    credentials: {credentials}
"""


@pytest.fixture(autouse=True)
def _beside_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path("authorities.pem")
    Path("secret").write_text("hush\n")


def loaded(text: str) -> Settings:
    file = Path("exporter.yml")
    file.write_text(text)
    return load(file, {}, {})


def test_documented_example_loads() -> None:
    """The example of the contract with operators means what its comments say."""
    settings = loaded(EXAMPLE)
    listed, discovered = settings.projects

    assert settings.poll == Poll()
    # A further setting is not a mistake: what is held is what the example documents.
    assert (
        settings.poll.model_dump().items()
        >= {
            "interval": 60.0,
            "timeout": 10.0,
            "stale_after": 300.0,
            "requests_per_second": 10.0,
            "concurrency": 8,
            "cross_check": "paged",
        }.items()
    )
    assert settings.workloads == Workloads()
    assert (
        settings.workloads.model_dump().items()
        >= {
            "series": "waiting",
            "limit": 200,
            "user_metrics": False,
            "user_limit": 20,
            "estimates": False,
        }.items()
    )
    assert settings.capacity == Capacity()
    assert settings.capacity.model_dump().items() >= {"read": "pools", "interval": 60.0}.items()
    assert settings.web == Web()
    assert settings.web.listen_address == (ListenAddress(None, 10310),)
    assert (settings.web.telemetry_path, settings.web.enable_lifecycle) == ("/metrics", False)
    assert settings.log == Log(level="info", format=None)
    assert listed.pools == ("pool-a1-0123456789abcdef0123456789abcdef",)
    assert listed.discover is None
    assert listed.ca_file == Path("authorities.pem")
    assert listed.proxy == "http://proxy.example.com:3128"
    # All digits, and with a zero in front: text all the way.
    assert discovered.project_id == "01234567890123456789012345678901"
    assert discovered.discover
    assert (discovered.discover.include.pattern, discovered.discover.exclude) == (".*", None)
    assert discovered.discover.workspace_id == "0"


def test_secrets_are_hidden() -> None:
    """No way of printing the settings shows a secret."""
    settings = loaded(EXAMPLE)

    assert "hush" not in f"{settings!r} {settings}"
    assert "hush" not in repr(settings.projects[0].credentials)
    credentials = settings.projects[0].credentials
    assert isinstance(credentials, KeysForm)
    assert credentials.access_key == SecretStr("AKIA-hush")


def test_settings_can_be_dumped() -> None:
    """As JSON and as values, without a warning, and without a secret; addresses as they are written."""
    settings = loaded(EXAMPLE)

    assert settings.model_dump(mode="json", include={"web": {"listen_address"}}) == {
        "web": {"listen_address": [":10310"]}
    }
    assert "hush" not in f"{settings.model_dump()} {settings.model_dump_json(fallback=str)}"


def test_settings_cannot_be_changed() -> None:
    """Settings are a value: a change of configuration is another value."""
    settings = loaded(EXAMPLE)

    with pytest.raises(ValidationError, match="frozen"):
        settings.poll.interval = 1.0  # type: ignore[misc]  # the point of the test


def test_empty_sections_count_as_not_given() -> None:
    """A section whose lines are all commented out, or a key without a value, has its defaults."""
    settings = loaded(EXAMPLE + "log:\n")

    assert settings.log == Log()
    assert loaded(CREDENTIALS.format(credentials="")).projects[0].credentials is None


@pytest.mark.parametrize(
    ("credentials", "parts"),
    [
        ("{ak: A, sk: hush}", (SecretStr("A"), SecretStr("hush"), None)),
        ("{ak: 007, sk: on}", (SecretStr("007"), SecretStr("on"), None)),
        ("{ak: A, sk_file: secret}", (SecretStr("A"), Path("secret"), None)),
        (
            "{ak_file: secret, sk_file: secret, security_token: T}",
            (Path("secret"), Path("secret"), SecretStr("T")),
        ),
        ("{ak: A, sk: B, security_token_file: secret}", (SecretStr("A"), SecretStr("B"), Path("secret"))),
    ],
)
def test_keys(credentials: str, parts: tuple[object, ...]) -> None:
    """Each part of a key pair is the secret itself or the file that holds it."""
    form = loaded(CREDENTIALS.format(credentials=credentials)).projects[0].credentials

    assert isinstance(form, KeysForm)
    assert (form.access_key, form.secret_key, form.token) == parts


@pytest.mark.parametrize(
    ("credentials", "secret"),
    [
        ("{username: u, password: hush, domain: d}", SecretStr("hush")),
        ("{username: u, password_file: secret, domain: d}", Path("secret")),
    ],
)
def test_password(credentials: str, secret: object) -> None:
    """A login has its password in the configuration or in a file."""
    form = loaded(CREDENTIALS.format(credentials=credentials)).projects[0].credentials

    assert isinstance(form, PasswordForm)
    assert (form.username, form.secret, form.domain) == ("u", secret, "d")


def test_agency() -> None:
    """The ECS's agency needs no secret."""
    assert loaded(CREDENTIALS.format(credentials="{agency: true}")).projects[0].credentials == AgencyForm(
        agency=True
    )


def test_pool_id_may_be_in_several_projects() -> None:
    """A pool's ID is only asked to be unique within its project."""
    pool = "pool-a1-0123456789abcdef0123456789abcdef"
    project = "  - {{region: cn-north-4, project_id: {}, pools: [{}]}}\n"
    settings = loaded("projects:\n" + project.format("a" * 32, pool) + project.format("b" * 32, pool))

    assert [project.pools for project in settings.projects] == [(pool,), (pool,)]


def test_byte_order_mark() -> None:
    """A file from a Windows editor is read like any other."""
    assert loaded("\ufeff" + EXAMPLE) == loaded(EXAMPLE)


def test_a_file_may_hold_any_password() -> None:
    """One that looks like a variable is no mistake there: the way out for whoever has such a password."""
    Path("odd").write_text("$ecret")
    form = loaded(CREDENTIALS.format(credentials="{username: u, password_file: odd, domain: d}")).projects[0]

    assert isinstance(form.credentials, PasswordForm)


def test_regular_expressions_are_no_variables() -> None:
    """Anchors, groups and counts are left alone."""
    expressions = r'{include: "^pool-$|^(?P<team>a|b){2}.*$", exclude: "$"}'
    discover = loaded(
        EXAMPLE.replace('{include: ".*", exclude: "", workspace_id: "0"}', expressions)
    ).projects[1]

    assert discover.discover
    assert discover.discover.include.pattern == "^pool-$|^(?P<team>a|b){2}.*$"
