from __future__ import annotations

import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from hypothesis import given
from hypothesis import strategies as st

from exporter.credentials.credential import KeyPair
from exporter.credentials.signing import canonical_url, signed_headers, signer_of
from exporter.transport import Request

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
        headers["X-Security-Token"] = pair.security_token
    theirs = SdkRequest(
        method=request.method,
        schema="https",
        host=address.netloc,
        resource_path=address.path,
        query_params=list(query.items()),
        header_params=headers,
        body=request.body,
    )
    Signer(SimpleNamespace(ak=pair.access_key, sk=pair.secret_key)).sign(theirs)
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


@given(methods, paths, queries, st.binary(max_size=50), pairs)
def test_signer_is_recognised_by_what_arrives(
    method: str, path: str, query: dict[str, str | int], body: bytes, pair: KeyPair
) -> None:
    """The server's side finds the access key again, and finds nobody when any part was changed."""
    url = canonical_url("https://example.test", path, query)
    headers = signed_headers(Request(method, url, body=body), pair, project_id=PROJECT, now=NOW)
    arrived = {name.lower(): value for name, value in headers.items()}
    target = url.removeprefix("https://example.test")
    secrets = {pair.access_key: pair.secret_key}

    assert signer_of(method, target, arrived, body, secrets.get) == pair.access_key
    assert signer_of("PATCH", target, arrived, body, secrets.get) is None
    assert signer_of(method, target + "x", arrived, body, secrets.get) is None
    assert signer_of(method, target, arrived, body + b"x", secrets.get) is None
    assert signer_of(method, target, arrived | {"x-project-id": "other"}, body, secrets.get) is None
    assert signer_of(method, target, arrived, body, {pair.access_key: pair.secret_key + "x"}.get) is None
    assert signer_of(method, target, arrived, body, lambda _: None) is None


def test_requests_signed_by_the_sdk_are_recognised() -> None:
    """Whatever further headers a client signs, the server's side takes them into account."""
    request = SdkRequest(
        method="GET",
        schema="https",
        host="example.test",
        resource_path="/v2/p/pools",
        query_params=[("sort", "create_time"), ("ascend", True)],
        header_params={"Content-Type": "application/json", "User-Agent": "huaweicloud-sdk-python"},
        body="",
    )
    Signer(SimpleNamespace(ak="AK", sk="SK")).sign(request)
    headers = {name.lower(): value for name, value in request.header_params.items()}
    assert signer_of("GET", request.uri, headers, b"", {"AK": "SK"}.get) == "AK"
    assert signer_of("GET", request.uri, headers | {"content-type": "x"}, b"", {"AK": "SK"}.get) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic QUs6U0s=",
        "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date",
        "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature=00",
    ],
)
def test_claims_that_are_no_signature_are_nobodys(authorization: str) -> None:
    """A missing, foreign or shortened Authorization names nobody."""
    headers = {"authorization": authorization, "host": "example.test", "x-sdk-date": "20231114T221320Z"}
    assert signer_of("GET", "/", headers, b"", {"AK": "SK"}.get) is None


def test_signature_without_host_and_date_is_nobodys() -> None:
    """A signature that could be replayed elsewhere or later does not count, though its key made it."""
    request = SdkRequest("GET", "https", "h", "/", query_params=[], header_params={"Host": "h"}, body="")
    signer = Signer(SimpleNamespace(ak="AK", sk="SK"))
    canonical = signer._process_canonical_request(request, ["host"])
    text = f"SDK-HMAC-SHA256\n\n{signer._hash_hex_string(canonical.encode())}"
    signature = signer._sign_string_to_sign(text, "SK")
    claim = f"SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature={signature}"
    assert signer_of("GET", "/", {"host": "h", "authorization": claim}, b"", {"AK": "SK"}.get) is None


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
