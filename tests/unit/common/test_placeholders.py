"""What was meant to be replaced is told from what only looks like it."""

from __future__ import annotations

import pytest

from exporter.common.placeholders import is_example, is_variable


@pytest.mark.parametrize(
    "text",
    [
        "${AK}",
        "${AK:-default}",
        "https://${HOST}:443/",
        "$AK",
        "$env:AK",
        "$CREDENTIALS_DIRECTORY/ak",
        "$(AK)",
        "{{ AK }}",
        "{{AK}}",
        "x-{{ .Values.ak }}",
        "${{ secrets.AK }}",
        "<AK>",
        "<your access key>",
        "%AK%",
        "@AK@",
    ],
)
def test_variable(text: str) -> None:
    """Of a shell, a template, Kubernetes, a workflow, a handbook."""
    assert is_variable(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$",
        "^pool-$",
        ".*$",
        "^(a|b){2}$",
        "(?P<team>x)-",
        "^team-.*$|^night-.*$",
        "[<>]",
        "a<b>",
        "pa$$word",
        "p$w",
        "$p/w",
        "{x}",
        "100%",
        "$2y$10$ZsT5sQxOvZgdo9XcGnIsXuwyiyKSzS0cFkhCLuDSI4/GqTYZ9qzJe",
        "/etc/ssl/ca.pem",
        "$1",
    ],
)
def test_no_variable(text: str) -> None:
    """Expressions, hashes and passwords may hold any of these characters."""
    assert not is_variable(text)


@pytest.mark.parametrize(
    "text",
    ["...", "xxx", "XXXXXXXXXXXXXXXXXXXX", "****", "changeme", "CHANGE_ME", "your-ak", "YOUR_ACCESS_KEY",
     "replace-me", "TODO", "your secret key", "insert_key_here"],
)  # fmt: skip
def test_example(text: str) -> None:
    """What handbooks write where a secret belongs."""
    assert is_example(text)


@pytest.mark.parametrize("text", ["AK", "hush", "x", "Change-Me-1!", "changeme7", "Yours", "S3cret", "a.b"])
def test_no_example(text: str) -> None:
    """Any other word may be a password."""
    assert not is_example(text)
