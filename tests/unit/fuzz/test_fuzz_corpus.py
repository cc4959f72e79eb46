from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.fuzz.targets import TARGETS

CORPUS = Path(__file__).parents[2] / "tools" / "fuzz" / "corpus"
BAD_FILES = Path(__file__).parent.parent / "settings" / "bad"
SEEDS = {
    **{f"{path.parent.name}/{path.name}": (path.parent.name, path) for path in CORPUS.glob("*/*")},
    **{f"configuration/{path.name}": ("configuration", path) for path in BAD_FILES.glob("*.yaml")},
}


@pytest.mark.parametrize("seed", sorted(SEEDS))
def test_every_seed_of_the_corpus_holds(seed: str) -> None:
    """Documented answers, good and bad files, and whatever fuzzing ever found, go through their target."""
    target, path = SEEDS[seed]
    TARGETS[target](path.read_bytes())


def test_every_target_has_a_corpus() -> None:
    """No folder of seeds without a target, no target without seeds."""
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()


@st.composite
def mutations(draw: st.DrawFn, target: str) -> bytes:
    """A seed of the target with a few bytes cut out, put in, or taken from another seed; or any bytes."""
    seeds = [path.read_bytes() for name, path in SEEDS.values() if name == target]
    content = draw(st.sampled_from(seeds) | st.binary(max_size=50))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 12)))
        other = draw(st.sampled_from(seeds))
        cut = draw(st.integers(0, len(other)))
        new = draw(st.binary(max_size=4) | st.sampled_from(_SPECIAL) | st.just(other[cut : cut + 20]))
        content = content[:start] + new + content[end:]
    return content


_SPECIAL = [
    b"-",
    b"0",
    b"9" * 400,
    b"e9",
    b"null",
    b"[",
    b"{",
    b'"',
    b"\n",
    b"\0",
    b": ",
    b"\\ud800",
    b"\xff",
    b"%",
]


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_seeds_with_changes_hold_too(target: str) -> None:
    """What is almost right reaches further than random bytes."""

    @given(mutations(target))
    @settings(max_examples=settings().max_examples // (4 if target in {"state", "exposition"} else 1))
    def hold(content: bytes) -> None:
        TARGETS[target](content)

    hold()
