from __future__ import annotations

import importlib

import pytest

from exporter.settings.regions import REGIONS, check_known, parse_region


def test_regions_are_those_of_the_sdk() -> None:
    """Every region that Huawei's SDK knows has the same endpoint here; Europe is there besides."""
    sdk = importlib.import_module("huaweicloudsdkmodelarts.v1.region.modelarts_region").ModelArtsRegion
    known = {name: region.endpoints[0] for name, region in sdk.static_fields.items()}

    assert {name: endpoints.modelarts for name, endpoints in REGIONS.items()} == {
        **known,
        "eu-west-101": "https://modelarts.eu-west-101.myhuaweicloud.eu",
    }


def test_iam_is_where_the_sdk_has_it() -> None:
    """IAM of every region that Huawei's SDK knows it for is at the SDK's address."""
    endpoint = importlib.import_module("huaweicloudsdkcore.auth.endpoint")
    known = vars(endpoint)["__IAM_ENDPOINT_DICT"]

    both = REGIONS.keys() & known.keys()
    assert len(both) > 10
    assert {name: REGIONS[name].iam for name in both} == {name: known[name] for name in both}
    assert REGIONS["eu-west-101"].iam == "https://iam.eu-west-101.myhuaweicloud.eu"


def test_unknown_region() -> None:
    """An unknown region is told with one that is like it, and with what to do for a private cloud."""
    with pytest.raises(
        ValueError, match=r"did you mean cn-north-4\?\); for a private cloud set endpoint too"
    ):
        check_known("cn-nort-4")


@pytest.mark.parametrize(
    "name",
    [*REGIONS, "eu-de", "eu-west-0", "my-kualalumpur-1", "private-1", "RegionOne", "sa-fb-1", "dc1.az_2"],
)
def test_a_private_cloud_names_its_regions(name: str) -> None:
    """Any words and numbers with something between them are a region."""
    assert parse_region(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " cn-north-4",
        "cn-north-4/",
        "-",
        "HUSH7Q2WX9KD4MPR1T8V",
        "hushWx7Kd9mPq2Rt5Vb8Nc3Jf6Hg1Ly4Zs0Ta7Ue",
        "hush-1n!pA55w0rd",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_no_region(text: str) -> None:
    """It becomes a label: what has not the form of a region may be a key, and is refused."""
    with pytest.raises(ValueError, match="is no region; write it like cn-north-4") as raised:
        parse_region(text)

    assert "hush" not in str(raised.value).lower()
