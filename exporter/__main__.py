"""`python -m exporter` is `modelarts-exporter`."""

import sys

from exporter.cli import main

sys.exit(main())
