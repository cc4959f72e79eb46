"""Which proxy a request goes through: as curl and Go read the environment, and never past one by mistake."""

from __future__ import annotations

import pytest
from support.wires import transport
from yarl import URL

from exporter.common.errors import ConfigurationError, ConnectionFailed
from exporter.transport.http import Request
from exporter.transport.proxy import ProxyChoice

ENDPOINT = "https://modelarts.cn-north-4.myhuaweicloud.com/v2"


def proxy_for(url: str = ENDPOINT, **environment: str) -> str | None:
    """The address of the proxy."""
    proxy = ProxyChoice(environment).proxy_for(URL(url))
    return None if proxy is None else str(proxy.url)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("http://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("http://proxy.example.com:3128/", "http://proxy.example.com:3128"),
        ("https://proxy.example.com", "https://proxy.example.com"),
        ("proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("proxy", "http://proxy"),
        ("10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("[fd00::1]:3128", "http://[fd00::1]:3128"),
        (" HTTP://proxy:3128 ", "http://proxy:3128"),
        ("", None),
        (" ", None),
    ],
)
def test_a_proxy_with_and_without_scheme_is_used(value: str, address: str | None) -> None:
    """`host:3128` is an http proxy, as for curl and Go; an empty variable is not set."""
    assert proxy_for(HTTPS_PROXY=value) == address


@pytest.mark.parametrize(
    "value",
    [
        "socks5://proxy:1080",
        "socks5h://me:s3cretPassword@proxy",
        "ftp://proxy",
        "http://",
        "://proxy",
        ":3128",
        "proxy:port",
        "proxy:0",
        "proxy:99999",
        "http:/proxy:3128",
        "http://me:s3cretPassword",
        "http://me:12/s3cretPassword@proxy:3128",
        "http://me:12#s3cretPassword@proxy:3128",
        "http://me:12?s3cretPassword@proxy:3128",
        "http://proxy:3128/s3cretPassword",
        "http://[fd00::1:3128",
        "http://a:b:s3cretPassword:c",
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_that_cannot_be_used_is_a_problem_and_not_the_direct_way(
    variable: str, value: str
) -> None:
    """The problem names the variable and quotes nothing: a password may be anywhere in it."""
    with pytest.raises(ConfigurationError) as caught:
        proxy_for(**{variable: value})
    [problem] = caught.value.problems
    assert problem.where == variable
    assert "s3cret" not in str(problem)
    async with transport(environment={variable: value}) as http:
        with pytest.raises(ConnectionFailed, match=f"no usable proxy; {variable}: "):
            await http.send(Request("GET", "https://127.0.0.1:1/"))


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"https_proxy": "a", "HTTPS_PROXY": "b", "all_proxy": "c", "ALL_PROXY": "d"}, "http://a"),
        ({"https_proxy": "", "HTTPS_PROXY": "b", "all_proxy": "c"}, "http://b"),
        ({"all_proxy": "c", "ALL_PROXY": "d"}, "http://c"),
        ({"ALL_PROXY": "d"}, "http://d"),
        ({"HTTP_PROXY": "e", "http_proxy": "f"}, None),
        ({"HTTPS_PROXY": "b", "REQUEST_METHOD": "GET"}, "http://b"),
        ({"HTTPS_PROXY": "b", "no_proxy": "", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "b", "no_proxy": "elsewhere", "NO_PROXY": "*"}, "http://b"),
    ],
)
def test_the_variables_have_an_order(environment: dict[str, str], address: str | None) -> None:
    """Lower case first, HTTPS_PROXY before ALL_PROXY; HTTP_PROXY is for plain http, which goes direct."""
    assert proxy_for(**environment) == address


@pytest.mark.parametrize(
    ("entries", "host", "direct"),
    [
        ("*", "modelarts.example.com", True),
        ("elsewhere, *", "modelarts.example.com", True),
        ("example.com", "example.com", True),
        ("example.com", "modelarts.example.com", True),
        ("EXAMPLE.com", "ModelArts.Example.COM", True),
        ("example.com.", "modelarts.example.com", True),
        ("example.com", "modelarts.example.com.", True),
        (".example.com", "modelarts.example.com", True),
        (".example.com", "example.com", True),
        ("*.example.com", "modelarts.example.com", True),
        ("*.example.com", "example.com", False),
        ("example.com", "badexample.com", False),
        (".example.com", "badexample.com", False),
        ("ample.com", "example.com", False),
        ("com.example", "example.com", False),
        ("a, b,example.com", "example.com", True),
        ("a b example.com", "example.com", True),
        ("example.com:443", "example.com", True),
        ("example.com:8443", "example.com", False),
        ("example.com:8443", "example.com:8443", True),
        (".example.com:8443", "modelarts.example.com:8443", True),
        ("example.com:port", "example.com", False),
        (":443", "example.com", False),
        (",, ,.,", "example.com", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.1.2.3/8", "10.200.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "10.example.com", False),
        ("10.0.0.0/33", "10.0.0.1", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.10", False),
        ("0.0.1", "10.0.0.1", False),
        (".0.0.1", "10.0.0.1", False),
        ("10.0.0.1:443", "10.0.0.1", True),
        ("10.0.0.1:8443", "10.0.0.1", False),
        ("fd00::/8", "[fd12::1]", True),
        ("fd00::/8", "[fe80::1]", False),
        ("fd00::1", "[fd00:0:0::1]", True),
        ("[fd00::1]", "[fd00::1]", True),
        ("[fd00::1]:443", "[fd00::1]", True),
        ("[fd00::1]:8443", "[fd00::1]", False),
        ("10.0.0.0/8", "[::ffff:10.0.0.1]", True),
        ("0.0.0.0/0", "[fd00::1]", False),
    ],
)
def test_no_proxy_as_curl_and_go_read_it(entries: str, host: str, *, direct: bool) -> None:
    """Names and their subdomains, addresses, ranges, each with or without a port; `*` for everything."""
    assert (proxy_for(f"https://{host}/x", HTTPS_PROXY="p", NO_PROXY=entries) is None) == direct


def test_a_proxy_that_is_not_needed_may_be_of_any_kind() -> None:
    """Plain http, an exempt host, a configured proxy and link-local services never look at it."""
    environment = {"HTTPS_PROXY": "socks5://proxy", "NO_PROXY": "exempt.example.com"}
    assert ProxyChoice(environment).proxy_for(URL("http://127.0.0.1/")) is None
    assert ProxyChoice(environment).proxy_for(URL("https://exempt.example.com/")) is None
    assert ProxyChoice(environment, direct=True).proxy_for(URL(ENDPOINT)) is None
    assert str(ProxyChoice(environment, "http://mine:1").proxy_for(URL(ENDPOINT))) == (
        "the proxy 'mine:1' (the setting proxy)"
    )


def test_user_and_password_go_to_the_proxy_and_nowhere_else() -> None:
    """They are in its header, and neither in its address nor in what is shown; any script will do."""
    proxy = ProxyChoice({"HTTPS_PROXY": "http://me:p%40ss%C3%A9%E4%B8%AD@proxy:3128"}).proxy_for(
        URL(ENDPOINT)
    )
    assert proxy is not None
    assert proxy.headers == {"Proxy-Authorization": "Basic bWU6cEBzc8Op5Lit"}
    assert repr(proxy) == "Proxy(url=URL('http://proxy:3128'), source='HTTPS_PROXY')"
    assert str(proxy) == "the proxy 'proxy:3128' (HTTPS_PROXY)"


def test_a_key_in_place_of_the_host_is_not_shown() -> None:
    """The variable's name is enough to find it."""
    proxy = ProxyChoice({"HTTPS_PROXY": "aB3dE6gH9jK2mN5pQ8sT"}).proxy_for(URL(ENDPOINT))
    assert "jk2mn5" not in str(proxy).lower()
    assert "HTTPS_PROXY" in str(proxy)
