from __future__ import annotations

import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from exporter.common.errors import ConfigurationError
from exporter.settings.load import load
from exporter.web.config import read_web_config

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "hUsH0secret0hUsH"
CONFIGURATION = f"""\
poll: {{interval: 60s}}
projects:
  - region: cn-north-4
    project_id: 0123456789abcdef0123456789abcdef
    pools: [pool-0123456789abcdef0123456789abcdef]
    credentials:
      ak: AK
      sk: {SECRET}
      security_token: "{SECRET}"
  - region: cn-north-1
    project_id: 0123456789abcdef0123456789abcdef
    discover: {{}}
    credentials: {{username: u, password: '{SECRET}', domain: d}}
"""
WEB = f"""\
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
basic_auth_users:
  alice: {SECRET}
  bob: "{SECRET}"
"""
PIECES = [
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "&",
    "*",
    "!",
    "%",
    "|",
    ">",
    "@",
    "`",
    "#",
    "?",
    "-",
    "\t",
    "\\",
]


@st.composite
def broken(draw: st.DrawFn, text: str) -> str:
    """The file with slips of the finger in its lines, also beside the secrets and within them."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        piece = draw(st.sampled_from([*PIECES, "\n", "  ", "x", ""]))
        text = text[:at] + piece + text[at + draw(st.integers(0, 2)) :]
    return text


def said(read: Callable[[], object]) -> str:
    """Everything that could be shown of a configuration, or of what is wrong with it."""
    try:
        return repr(read())
    except ConfigurationError as error:
        return str(error) + repr(error) + "".join(traceback.format_exception(error))


def shown(text: str) -> bool:
    """Whether half of the secret is in it: a slip may have cut it."""
    half = len(SECRET) // 2
    return any(SECRET[start : start + half] in text for start in range(half + 1))


@given(broken(CONFIGURATION))
def test_no_slip_of_the_finger_shows_a_secret(text: str) -> None:
    """However the configuration is broken, what is said about it, or is in a repr, holds no secret."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "exporter.yml")
        path.write_text(text)
        assert not shown(said(lambda: load(path, {}, {})))


@given(broken(WEB))
def test_no_slip_of_the_finger_shows_a_hash(text: str) -> None:
    """However the web configuration is broken, what is said about it holds no hash."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "web.yml")
        path.write_text(text)
        assert not shown(said(lambda: read_web_config(path)))
