from __future__ import annotations

import pytest

from exporter.settings.types import ListenAddress, parse_endpoint, parse_listen_address, parse_url


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
        ("https://[2001:DB8::AB12]", "https://[2001:DB8::AB12]"),
        ("https://ModelArts.PRIVATE.example.com:8443", "https://ModelArts.PRIVATE.example.com:8443"),
        ("https://Gateway/ModelArts/v2", "https://Gateway/ModelArts/v2"),
        ("https://apigw2prod01:8443", "https://apigw2prod01:8443"),
        ("https://vpcep-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9.cn-north-4.huaweicloud.com",) * 2,
        ("https://0123456789abcdef0123456789abcdef.apig.example.com",) * 2,
        ("https://modelarts_svc.my-namespace.svc.cluster.local",) * 2,
        ("https://modelarts.münchen.example",) * 2,
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
        "https://a..b",
        "https://a,b",
        "https://hush!",
        "https://${HOST}",
    ],
)
def test_no_service_url(text: str) -> None:
    """Anything else is refused, and never quoted: it may hold a password."""
    with pytest.raises(ValueError, match=r"^must ") as raised:
        parse_url(text)

    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "https://hushWx7Kd9mPq2Rt5Vb8Nc3Jf6Hg1Ly4Zs0Ta7Ue",
        "https://HUSH7Q2WX9KD4MPR1T8V:443",
        "https://hushXUt7FEMI/K7MDENG/bPxRfiCYzzzzz",
        "https://example.com/hushWx7Kd9mPq2Rt5Vb8Nc3Jf6Hg1Ly4Zs0Ta7Ue",
    ],
)
def test_a_key_is_no_service_url(text: str) -> None:
    """The host and the path are shown, so a key in their place is refused, and not quoted."""
    with pytest.raises(ValueError, match="looks like a key") as raised:
        parse_url(text)

    assert "hush" not in str(raised.value).lower()


@pytest.mark.parametrize("path", ["", "/modelarts", "/gateway/v1", "/v1/modelarts", "/v2x"])
def test_an_endpoint_may_have_a_path(path: str) -> None:
    """A gateway of a private cloud may serve it anywhere; only the API's own path is a mistake."""
    assert parse_endpoint(f"https://example.com{path}") == f"https://example.com{path}"
