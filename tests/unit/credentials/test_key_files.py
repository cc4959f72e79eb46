from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from exporter.common.errors import CredentialsError
from exporter.credentials.credential import KeyPair, Token, key_pair
from exporter.credentials.key_files import (
    KeyFiles,
    StaticKeys,
    configured_keys,
    environment_keys,
    profile_keys,
)

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path, **contents: str) -> KeyFiles:
    for name, content in contents.items():
        (folder / name).write_text(content)
    source = configured_keys(*(folder / name for name in contents))
    assert isinstance(source, KeyFiles)
    return source


def profile(folder: Path, content: str) -> KeyFiles:
    path = folder / "profile"
    path.write_text(content)
    source = profile_keys({"HUAWEICLOUD_SDK_CREDENTIALS_FILE": str(path)}, folder)
    assert isinstance(source, KeyFiles)
    return source


async def test_configured_keys_are_given_as_they_are() -> None:
    """A pair in the configuration is given with its source's name, a line's end dropped."""
    source = configured_keys("AK", "SK\n", "TOKEN")
    pair = await source.credential()
    assert (pair.access_key, pair.secret_key, pair.security_token) == ("AK", "SK", "TOKEN")
    assert source.name == pair.source == "ak and sk in the configuration"


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (("", "SK"), "the access key is empty"),
        (("AK", " \n"), "the secret key is empty"),
        (("AK", "S K"), "the secret key holds white space, quotes or characters that no key has"),
        (("AK", '"SK"'), "the secret key holds white space, quotes or characters that no key has"),
        (("AK", "SK", "tök"), "the security token holds white space, quotes or characters that no key has"),
    ],
)
def test_what_can_be_no_key_is_refused(parts: tuple[str, ...], problem: str) -> None:
    """Empty parts and text that no header can carry are errors that name the part, not its content."""
    with pytest.raises(CredentialsError) as caught:
        key_pair(*parts, source="somewhere")
    assert str(caught.value) == f"somewhere: {problem}"


async def test_environment_gives_the_sdks_variables() -> None:
    """The variables of Huawei's SDKs are a source."""
    source = environment_keys(
        {
            "HUAWEICLOUD_SDK_AK": "AK",
            "HUAWEICLOUD_SDK_SK": "SK",
            "HUAWEICLOUD_SDK_SECURITY_TOKEN": "TOKEN",
        }
    )
    assert isinstance(source, StaticKeys)
    assert await source.credential() == KeyPair("AK", "SK", "TOKEN", None, "environment")


@pytest.mark.parametrize("given", ["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"])
def test_half_a_pair_in_the_environment_is_an_error(given: str) -> None:
    """Half a pair is a mistake to be told, not an empty place to be passed over."""
    with pytest.raises(CredentialsError, match=f"{given} is set, HUAWEICLOUD_SDK_.K is not; set both"):
        environment_keys({given: "x"})


async def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    """The next request after a rotation bears the new pair; parts may stand in the configuration."""
    sk = tmp_path / "sk"
    sk.write_text("old\n")
    source = configured_keys("AK", sk)
    assert (await source.credential()).secret_key == "old"
    sk.write_text("brand-new")
    assert await source.credential() == KeyPair("AK", "brand-new", None, None, str(sk))


async def test_kubernetes_swap_is_seen(tmp_path: Path) -> None:
    """A mounted secret changes by a link on the way; files of the same size and time are still others."""
    for version in ("first", "later"):
        folder = tmp_path / version
        folder.mkdir()
        for name in ("ak", "sk"):
            (folder / name).write_text(f"{name}-{version}")
            os.utime(folder / name, ns=(0, 0))
    data = tmp_path / "..data"
    data.symlink_to("first")
    for name in ("ak", "sk"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    source = configured_keys(tmp_path / "ak", tmp_path / "sk")
    assert (await source.credential()).access_key == "ak-first"

    (tmp_path / "..new").symlink_to("later")
    (tmp_path / "..new").replace(data)
    pair = await source.credential()
    assert (pair.access_key, pair.secret_key) == ("ak-later", "sk-later")


async def test_unusable_change_keeps_the_last_good_pair(tmp_path: Path) -> None:
    """A half-written or vanished file leaves the last pair in use, says so once, and recovers."""
    source = files(tmp_path, ak="AK", sk="SK")
    good = await source.credential()
    with capture_logs() as logs:
        (tmp_path / "sk").write_text("")
        assert await source.credential() == good
        assert await source.credential() == good
        (tmp_path / "sk").unlink()
        assert await source.credential() == good
        (tmp_path / "sk").write_text("SK2")
        assert (await source.credential()).secret_key == "SK2"
        (tmp_path / "sk").unlink()
        await source.credential()
    assert [(log["problem"], log["source"], log["log_level"]) for log in logs] == [
        ("the file is empty", str(tmp_path / "sk"), "warning"),
        ("the file cannot be read: No such file or directory", str(tmp_path / "sk"), "warning"),
        ("the file cannot be read: No such file or directory", str(tmp_path / "sk"), "warning"),
    ]


async def test_files_changed_while_read_are_read_again(tmp_path: Path) -> None:
    """An old access key is never paired with a new secret because the swap fell between two reads."""
    reads: list[str] = []
    path = tmp_path / "keys"
    path.write_text("old")

    def read() -> KeyPair:
        first = path.read_text()
        if not reads:
            path.write_text("newer")
        reads.append(first)
        return KeyPair(first, path.read_text(), None, None, "test")

    pair = await KeyFiles("test", (path,), read).credential()
    assert (pair.access_key, pair.secret_key) == ("newer", "newer")


async def test_refused_pair_is_read_again_though_the_file_looks_the_same(tmp_path: Path) -> None:
    """A change within the file system's clock tick is found after the cloud refused the old pair."""
    source = files(tmp_path, ak="AK", sk="OLD")
    status = (tmp_path / "sk").stat()
    old = await source.credential()
    (tmp_path / "sk").write_text("NEW")
    os.utime(tmp_path / "sk", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert await source.credential() == old
    source.refused(old)
    assert (await source.credential()).secret_key == "NEW"


async def test_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    """A file written by a Windows editor holds the same key."""
    (tmp_path / "sk").write_bytes(b"\xef\xbb\xbfSK\r\n")
    assert (await configured_keys("AK", tmp_path / "sk").credential()).secret_key == "SK"


async def test_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    """Without a good pair before, an unreadable file is an error with its path and what to do."""
    with pytest.raises(CredentialsError, match=f"{tmp_path}/ak: the file cannot be read.*who may read it"):
        await configured_keys(tmp_path / "ak", "SK").credential()


async def test_file_that_is_no_text_is_an_error_without_its_content(tmp_path: Path) -> None:
    """Binary content is refused, and no part of it hangs on the error."""
    (tmp_path / "ak").write_bytes(b"SECRET\xff")
    with pytest.raises(CredentialsError, match="is not text in UTF-8") as caught:
        await configured_keys(tmp_path / "ak", "SK").credential()
    assert caught.value.__context__ is None


async def test_profile_gives_the_basic_section(tmp_path: Path) -> None:
    """The file of Huawei's SDKs is a source, per cent signs as they stand, and is read again on change."""
    source = profile(tmp_path, "[basic]\nak = AK\nsk = S%K\nsecurity_token = T\n\n[global]\nak = other\n")
    assert await source.credential() == KeyPair("AK", "S%K", "T", None, source.name)
    (tmp_path / "profile").write_text("[basic]\nak = AK2\nsk = SK2\n")
    assert await source.credential() == KeyPair("AK2", "SK2", None, None, source.name)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ak = SECRET", "not in INI form at line 1"),
        ("[basic]\nSECRET", "not in INI form"),
        ("[basic]\nak=SECRET\nak=SECRET", "not in INI form at line 3"),
        ("[global]\nak = SECRET", "there is no section [basic]"),
        ("[basic]\nak = SECRET", "section [basic] has no sk"),
        ("[basic]\nproject_id = x", "section [basic] has no ak and no sk"),
        (" ", "the file is empty"),
    ],
)
async def test_broken_profile_is_an_error_without_its_content(
    tmp_path: Path, content: str, problem: str
) -> None:
    """What is wrong with a profile file is said without quoting it."""
    with pytest.raises(CredentialsError) as caught:
        await profile(tmp_path, content).credential()
    assert caught.value.what == problem
    assert caught.value.where == str(tmp_path / "profile")
    assert "SECRET" not in repr(caught.value) + repr(caught.value.__context__)


def test_credentials_show_no_secret() -> None:
    """Neither text form of a credential holds more than what is public."""
    for credential in (KeyPair("AK", "SECRET", "SECRET", 1.0, "s"), Token("SECRET", 1.0, "s")):
        assert "SECRET" not in f"{credential} {credential!r} {credential.identity}"


def test_fingerprints_tell_credentials_apart() -> None:
    """Every part counts, and parts do not run into one another."""
    credentials = [
        KeyPair("AK", "SK", None, None, "s"),
        KeyPair("AKS", "K", None, None, "s"),
        KeyPair("AK", "SK", "T", None, "s"),
        KeyPair("AK", "SKT", None, None, "s"),
    ]
    assert len({credential.identity.fingerprint for credential in credentials}) == 4
