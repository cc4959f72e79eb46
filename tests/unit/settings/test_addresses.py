from __future__ import annotations

import pytest

from exporter.settings.types import ListenAddress, parse_listen_address, parse_url


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":10310", None, 10310),
        (":0", None, 0),
        (":65535", None, 65535),
        ("127.0.0.1:10310", "127.0.0.1", 10310),
        ("localhost:9100", "localhost", 9100),
        ("[::1]:10310", "::1", 10310),
    ],
)
def test_listen_address(text: str, host: str | None, port: int) -> None:
    """An address has a port, and may have a host; it is printed as it was written."""
    address = parse_listen_address(text)

    assert address == ListenAddress(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", ":", "10310", "host", "a:b", ":-1", "::1:80", "[]:80", "[::1]", ":80 ", "http://a:80"]
)
def test_no_listen_address(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="address"):
        parse_listen_address(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://modelarts.example.com", "https://modelarts.example.com"),
        ("https://modelarts.example.com/", "https://modelarts.example.com"),
        ("http://[::1]:8080/cloud/", "http://[::1]:8080/cloud"),
    ],
)
def test_service_url(text: str, url: str) -> None:
    """A URL stays as it is but for trailing slashes, so that paths can be put behind it."""
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "//host",
        "https://",
        "https://:80",
        "host:80",
        "https://a:b",
        "https://a:0",
        "https://[::1",
        "https://a/\tb",
        "https://me@a",
        "https://:hush@a",
        "https://a?",
        "https://a#",
    ],
)
def test_no_service_url(text: str) -> None:
    """Anything else is refused, and never quoted: it may hold a password."""
    with pytest.raises(ValueError, match=r"^must ") as raised:
        parse_url(text)

    assert "hush" not in str(raised.value)
