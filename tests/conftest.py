"""What every test may ask for, and the order of the tests."""

from __future__ import annotations

import logging
import pkgutil
from importlib import import_module

import pytest
import structlog
from hypothesis import settings
from support.fakes import FakeClock

import exporter

# Tests see the log lines that an operator sees: the level is info unless it is set.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
# Machines are slow and busy; no test is about how long it takes.
settings.register_profile("search", deadline=None, print_blob=True)  # `make search`: new inputs in every run
settings.register_profile("fuzz", parent=settings.get_profile("search"), max_examples=2_000)  # `make fuzz`
# The same inputs in every run, so that no test is red by chance; --hypothesis-profile names another.
settings.register_profile("repeatable", parent=settings.get_profile("search"), derandomize=True)
settings.load_profile("repeatable")
# Hypothesis also draws constants that it finds in loaded modules. Load all of them, so that its inputs do not
# depend on which test imported what before.
for module in pkgutil.walk_packages(exporter.__path__, "exporter."):
    if not module.name.endswith("__main__"):
        import_module(module.name)


@pytest.hookimpl(trylast=True)  # after pytest-randomly
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start long tests first, so that none runs alone at the end; the longest have a timeout of their own."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("long", "timeout")])


@pytest.fixture
def clock() -> FakeClock:
    """Time under the test's control."""
    return FakeClock()
