"""Texts that others wrote, freed of secrets."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from dataclasses import asdict
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeClock
from support.secrecy.canaries import AK, CANARIES, PASSWORD, SECURITY_TOKEN, SK, found_in

from exporter.common.secrets import Headers, redacted, secret_value
from exporter.credentials.authenticator import Authenticator
from exporter.credentials.credential import KeyPair, Token
from exporter.credentials.key_files import StaticKeys
from exporter.credentials.lockout import Lockout
from exporter.settings.load import load
from exporter.transport.http import Request, Response


@pytest.mark.parametrize("name", CANARIES)
def test_no_form_of_a_secret_stays(name: str) -> None:
    """Plain, in capitals, cut, URL-encoded, in JSON, hexadecimal, base64 behind anything: all of it goes."""
    secret = CANARIES[name]
    raw = secret.encode()
    encoded = [base64.b64encode(before + raw + b"?!").decode() for before in (b"", b"u:", b"me:")]
    forms = [
        secret,
        secret[:14],
        secret[-14:],
        quote(secret, safe=""),
        json.dumps(secret),
        raw.hex(),
        *encoded,
    ]
    for form in forms:
        for given_form in (form, form.upper()):
            told = redacted(f"the request [{given_form}] was refused", [secret])
            assert given_form[2:14] not in told
            assert told.startswith("the request [")
            assert told.endswith("] was refused")
    assert found_in(redacted(" | ".join(forms), [secret])) == []


@given(st.text(max_size=60), st.text(min_size=1, max_size=30), st.text(max_size=60))
def test_a_secret_is_gone_whatever_stands_around_it(before: str, secret: str, after: str) -> None:
    """Of any secret in any text no eleven characters in a row stay, nor a shorter one whole."""
    told = redacted(before + secret + after, [secret])
    size = min(11, len(secret))
    marked = set("...")
    pieces = {secret[start : start + size] for start in range(len(secret) - size + 1)}
    assert not [piece for piece in pieces if piece in told and not set(piece) <= marked]


def test_what_holds_no_secret_stays_as_it_is() -> None:
    """A sentence is not touched, and empty secrets hide nothing."""
    text = "policy user over ratelimit,limit:200,time:5 minute İ"
    assert redacted(text, [AK, "", SK]) == text


def _holders() -> list[object]:
    pair = KeyPair(AK, SK, SECURITY_TOKEN, None, "test")
    headers = Headers({"Authorization": SK, "X-Auth-Token": SECURITY_TOKEN})
    return [
        pair,
        Token(SECURITY_TOKEN, 1.0, "test"),
        Request("POST", "https://x/y", headers, PASSWORD.encode()),
        Response(200, headers, SK.encode(), (SK, AK)),
        headers,
    ]


@pytest.mark.parametrize("holder", _holders(), ids=lambda holder: type(holder).__name__)
def test_what_holds_a_secret_does_not_show_it(holder: object) -> None:
    """Not by repr, str, format, in a container; a copy is the same; it cannot be pickled."""
    assert found_in(f"{holder} {holder!r} {[holder]} {({'x': holder},)}") == []
    assert copy.copy(holder) is holder
    assert copy.deepcopy(holder) is holder
    with pytest.raises(TypeError, match="holds a secret"):
        pickle.dumps(holder)


def test_a_credential_as_a_dictionary_shows_no_secret_either() -> None:
    """`dataclasses.asdict` keeps the parts covered; only `secret_value` gives them."""
    pair = KeyPair(AK, SK, SECURITY_TOKEN, None, "test")
    assert found_in(f"{asdict(pair)} {pair.secret_key} {pair.secret_key!s:>9} {pair.secret_key!r}") == []
    assert secret_value(pair.secret_key) == SK
    authenticator = Authenticator(StaticKeys(pair), Lockout(FakeClock()), "p", FakeClock())
    assert found_in(f"{authenticator!r} {vars(authenticator)}") == []
    assert found_in(f"{vars(StaticKeys(pair))}") == []


def test_the_settings_show_no_secret() -> None:
    """By repr, str, model_dump and JSON, and in copies; pickling is refused."""
    forms: list[dict[str, str]] = [
        {"ak": AK, "sk": SK, "security_token": SECURITY_TOKEN},
        {"username": "exporter", "password": PASSWORD, "domain": "acme"},
    ]
    for form in forms:
        project = {"region": "cn-north-4", "project_id": "0" * 32, "discover": {}, "credentials": form}
        settings = load(None, {}, {"projects": [project]})
        again = copy.deepcopy(settings)
        assert again == settings
        shown = f"{settings} {settings!r} {again!r} {settings.model_dump(warnings=False)}"
        assert found_in(shown + settings.model_dump_json(warnings=False)) == []
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(settings)
