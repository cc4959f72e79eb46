"""What the command line can ask for: the daemon itself, demo, check, once."""

import sys

import structlog  # noqa: F401  (now, while it cannot take rich along; see exporter/__init__.py)

if sys.modules.get("rich") is None:
    del sys.modules["rich"]
