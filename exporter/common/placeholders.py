"""Values that somebody meant to replace and did not: variables, fields of templates, words of examples.

The exporter replaces nothing in a configuration. Sent to the cloud as keys, such values would only look like
wrong keys.
"""

from __future__ import annotations

import re

_VARIABLE = re.compile(
    # Anywhere in the text. As a regular expression, these never match.
    r"\$\{\s*[A-Za-z_][^{}]*\}"  # ${AK}, https://${HOST:-x}/
    r"|\{\{[^{}]*\}\}"  # {{ AK }}, ${{ secrets.AK }}
    r"|\A\$[A-Z_][A-Z0-9_]*/"  # $CREDENTIALS_DIRECTORY/ak; in capitals, because passwords may begin with $
    # As the whole text. A part could belong to a password, or to an expression like ^team-$ or (?P<name>x).
    r"|\A(?:\$\([A-Za-z_]\w*\)|\$[A-Za-z_][\w:]*"  # $(AK), $AK, $env:AK
    r"|<[^<>]+>|%[A-Za-z_]\w*%|@[A-Z_]+@)\Z"  # <AK>, %AK%, @AK@
)

_EXAMPLE = re.compile(
    r"\.{2,}|…|x{3,}|\*{3,}|todo|redacted|placeholder"
    r"|(?:change|fill|insert|replace|your)[-_ ]?(?:access|ak|here|in|it|key|me|password|secret|sk|this|token)"
    r"(?:[-_ ][A-Za-z]+)*",
    re.IGNORECASE,
)

A_PLACEHOLDER = "a variable or placeholder"


def is_variable(text: str) -> bool:
    """Whether it is or contains a variable or a template's field: `${AK}`, `$AK`, `{{ AK }}`, `<AK>`."""
    return bool(_VARIABLE.search(text))


def is_example(text: str) -> bool:
    """Whether it is what examples have in the place of a secret: `...`, `changeme`, `your-access-key`."""
    return bool(_EXAMPLE.fullmatch(text))


def is_placeholder(text: str) -> bool:
    """Whether a key is one of both."""
    return is_variable(text) or is_example(text)
