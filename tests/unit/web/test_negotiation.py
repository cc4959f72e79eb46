from __future__ import annotations

import pytest

from exporter.web.negotiation import Format, chosen_format, gzip_accepted

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS

# Real headers: Prometheus 2.42, and 3.x with its escaping schemes.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT_ONLY = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3"


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_3_TEXT_ONLY, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("application/*", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ('Application/OpenMetrics-Text; Version="1.0.0"; charset=utf-8', OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=many", TEXT),
        ("application/openmetrics-text;q=2", TEXT),
        ("application/openmetrics-text,text/plain", OPENMETRICS),
        ("text/plain,application/openmetrics-text;q=0.9", TEXT),
        ("text/plain;q=0.9,application/openmetrics-text", OPENMETRICS),
        # The range that names the version rules over the one that does not, wherever it stands.
        (
            "application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text,text/plain;q=0.5",
            TEXT,
        ),
        ("application/openmetrics-text;q=0.2,*/*;q=0.9", TEXT),
        ("application/json", TEXT),
        (",;,/;q=,=;==", TEXT),
    ],
)
def test_format_follows_quality_and_specificity(accept: str, format_: Format) -> None:
    """OpenMetrics for who names it in a version we speak and wants it as much as text; else text."""
    assert chosen_format(accept) is format_


def test_content_types_are_what_prometheus_accepts() -> None:
    """Prometheus 3 refuses unknown content types, so the two are fixed to the letter."""
    assert TEXT.value == "text/plain; version=0.0.4; charset=utf-8"
    assert OPENMETRICS.value == "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.mark.parametrize(
    ("accept_encoding", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("identity;q=0.5, *;q=0.8", True),
        ("", False),
        ("identity", False),
        ("deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=x", False),
    ],
)
def test_gzip_only_where_accepted(accept_encoding: str, accepted: bool) -> None:
    """Compressed answers go to who accepts them and does not want plain ones more."""
    assert gzip_accepted(accept_encoding) is accepted
