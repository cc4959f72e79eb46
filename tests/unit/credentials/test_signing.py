from __future__ import annotations

import time
from types import SimpleNamespace
from urllib.parse import urlsplit

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from exporter.common.secrets import secret_value
from exporter.credentials.credential import KeyPair
from exporter.credentials.signing import canonical_url, signed_headers
from exporter.transport.http import Request

NOW = 1_700_000_000.75
PROJECT = "0123456789abcdef0123456789abcdef"

text = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("/~%+ &=?#;:@é中\u20ac"), max_size=12
)
paths = text.map("/{}".format)
queries = st.dictionaries(text.filter(bool), text | st.integers() | st.booleans(), max_size=5)
keys = st.text("ABCxyz019", min_size=1, max_size=40)
pairs = st.builds(lambda ak, sk, token: KeyPair(ak, sk, token, None, "test"), keys, keys, st.none() | keys)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE"])
hosts = st.sampled_from(["modelarts.cn-north-4.myhuaweicloud.com", "127.0.0.1:8443", "gateway:443"])


def signed_by_the_sdk(
    request: Request, pair: KeyPair, query: dict[str, str | int]
) -> tuple[dict[str, str], str]:
    """The headers and the URI that Huawei's own signer makes."""
    address = urlsplit(request.url)
    headers = {
        "Host": address.netloc,
        "X-Sdk-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW)),
        "X-Project-Id": PROJECT,
    }
    if pair.security_token:
        headers["X-Security-Token"] = secret_value(pair.security_token)
    theirs = SdkRequest(
        method=request.method,
        schema="https",
        host=address.netloc,
        resource_path=address.path,
        query_params=list(query.items()),
        header_params=headers,
        body=request.body,
    )
    Signer(SimpleNamespace(ak=secret_value(pair.access_key), sk=secret_value(pair.secret_key))).sign(theirs)
    return theirs.header_params, theirs.uri


@given(methods, hosts, paths, queries, st.binary(max_size=50), pairs)
def test_headers_and_address_equal_the_sdks(
    method: str, host: str, path: str, query: dict[str, str | int], body: bytes, pair: KeyPair
) -> None:
    """For every request, signature and address on the wire are what Huawei's SDK makes, byte for byte."""
    request = Request(method, canonical_url(f"https://{host}", path, query), body=body)
    headers, uri = signed_by_the_sdk(request, pair, query)
    assert signed_headers(request, pair, project_id=PROJECT, now=NOW) == headers
    assert request.url == f"https://{host}{uri}"


def test_order_and_encoding_of_an_address_do_not_change_its_signature() -> None:
    """An address that somebody else wrote, unsorted and with other escapes, is signed in canonical form."""
    pair = KeyPair("AK", "SK", None, None, "test")
    ours = Request("GET", canonical_url("https://h", "/a b", {"x": "1", "a~": "2 3"}))
    theirs = Request("GET", "https://h/a%20b?x=1&%61%7e=2%203")
    assert ours.url == "https://h/a%20b?a~=2%203&x=1"
    signatures = [
        signed_headers(request, pair, project_id=PROJECT, now=NOW)["Authorization"]
        for request in (ours, theirs)
    ]
    assert signatures[0] == signatures[1]


def test_endpoint_may_have_a_path_of_its_own() -> None:
    """A gateway before a private cloud puts a path before all paths."""
    assert canonical_url("https://gw/modelarts/", "/v2/p", {}) == "https://gw/modelarts/v2/p"


def test_the_queries_of_pages_are_not_kept() -> None:
    """Urlsplit keeps what it has split; the pages of a large listing would fill it."""
    pair = KeyPair("AK", "SK", None, None, "test")
    urlsplit.cache_clear()  # type: ignore[attr-defined]  # it has been an lru_cache since 3.11
    for offset in range(5):
        request = Request("GET", f"https://host.example/path/?offset={offset}")
        signed_headers(request, pair, project_id=PROJECT, now=NOW)
    assert urlsplit.cache_info().currsize == 1  # type: ignore[attr-defined]
