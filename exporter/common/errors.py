"""All errors of the exporter.

    ExporterError
    ├── ConfigurationError      the operator's settings; carries every problem found    exit 2
    ├── InUse                   another process has what this one needs                 exit 1
    ├── TooManyPasswordChecks   too many passwords wait to be checked                   503
    ├── OutputFailed            a command's answer could not be written                 exit 1, 141
    └── PollError               a pool could not be read; carries its outcome
        ├── CredentialsError    no usable credentials                                   unauthorized
        │   └── LockedOut       refused recently; nothing is sent, to avoid a lockout
        ├── RequestTimeout      no complete answer in time                              timeout
        ├── ConnectionFailed    no connection, or it broke                              connection
        ├── TlsFailed           no trusted connection                                   tls
        ├── IncompleteList      the list of pools says that there are more              incomplete
        └── AnswerError         the cloud answered, but not with what was asked
            ├── Unauthorized    401                                                     unauthorized
            ├── Forbidden       403                                                     forbidden
            ├── NotFound        404                                                     not_found
            ├── Throttled       429, or APIGW.0308 in any answer                        throttled
            ├── ServerError     5xx                                                     server_error
            └── BadResponse     anything else that is not the documented answer         bad_response
                └── EndlessList a list that goes on and on

Every error says what happened (`what`), where (`where`) and what to do about it (`advice`). None of them
contains a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from exporter.common.text import escape_unprintable

Outcome = Literal[
    "ok",
    "timeout",
    "connection",
    "tls",
    "unauthorized",
    "forbidden",
    "not_found",
    "throttled",
    "server_error",
    "bad_response",
    "incomplete",
]
"""How a poll ended: the closed set behind the labels `outcome` and `reason`."""

LONGEST = 1000
"""Characters of `what`: part of it can come from a server."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class ExporterError(Exception):
    """Base of all errors that the exporter expects."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the configuration, and where: `poll.interval: must be positive`."""

    where: str
    what: str

    def __str__(self) -> str:
        return escape_unprintable(f"{self.where}: {self.what}")


class ConfigurationError(ExporterError):
    """The settings cannot be used; `problems` lists everything that is wrong with them, at once."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class InUse(ExporterError):
    """Another process has what this one needs; a later start may succeed. The settings are not at fault."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class TooManyPasswordChecks(ExporterError):
    """Too many passwords wait to be checked, so this one was not checked."""

    def __init__(self) -> None:
        super().__init__("too many passwords wait to be checked; try again")


class OutputFailed(ExporterError):
    """A command's answer could not be written.

    Args:
        where: standard output, or the path of a file.
        error: why.

    Attributes:
        reader_left: whether it was a pipe whose reader has gone, as `head` does; that is nobody's mistake.
    """

    def __init__(self, where: str, error: OSError) -> None:
        super().__init__(escape_unprintable(f"{where} cannot be written: {error.strerror or error}"))
        self.reader_left = isinstance(error, BrokenPipeError)


class PollError(ExporterError):
    """A reason for which a poll fails.

    Args:
        what: what happened, one clause, no secret. It is escaped and truncated.
        where: what was asked, e.g. `GET https://modelarts.../v2/.../workloads`; a file; a source's name.
        advice: what the operator can do; empty if unknown.
    """

    outcome: ClassVar[Outcome]

    def __init__(self, what: str, *, where: str, advice: str = "") -> None:
        what = escape_unprintable(what[:LONGEST])
        super().__init__(what, where, advice)
        self.what = what
        self.where = escape_unprintable(where)
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.where}: {self.explanation}"

    @property
    def explanation(self) -> str:
        """What happened and what to do, for a place that already names the pool."""
        return f"{self.what}; {self.advice}" if self.advice else self.what


class CredentialsError(PollError):
    """There are no usable credentials."""

    outcome = "unauthorized"

    @property
    def explanation(self) -> str:
        """Includes the source of the credentials, because the pool does not name it."""
        return f"{self.where}: {super().explanation}"

    def __str__(self) -> str:
        return self.explanation


class LockedOut(CredentialsError):
    """The cloud refused the credentials recently. Nothing was sent: more attempts could lock them."""


class RequestTimeout(PollError):
    """The complete answer did not arrive in time."""

    outcome = "timeout"


class ConnectionFailed(PollError):
    """No connection was made, or it broke before the answer was complete."""

    outcome = "connection"


class TlsFailed(PollError):
    """The TLS connection could not be trusted."""

    outcome = "tls"


class IncompleteList(PollError):
    """The list of pools says that it does not have all of them. What it has is used."""

    outcome = "incomplete"


class AnswerError(PollError):
    """The cloud answered, but not with what was requested.

    Args:
        what: what happened.
        where: what was asked.
        advice: what the operator can do.
        status: the HTTP status.
        code: the cloud's own error code (`APIGW.0301`, `ModelArts.50015001`), empty where it gave none.
        request_id: `X-Request-Id` of the answer, for a support ticket; empty where it gave none.
    """

    def __init__(
        self, what: str, *, where: str, advice: str = "", status: int, code: str = "", request_id: str = ""
    ) -> None:
        super().__init__(what, where=where, advice=advice)
        self.status = status
        self.code = code
        self.request_id = request_id


class Unauthorized(AnswerError):
    """401: the cloud does not accept these credentials."""

    outcome = "unauthorized"


class Forbidden(AnswerError):
    """403: the credentials are valid, but a permission is missing."""

    outcome = "forbidden"


class NotFound(AnswerError):
    """404: there is no such pool in this project."""

    outcome = "not_found"


class Throttled(AnswerError):
    """429, or the gateway's APIGW.0308.

    Args:
        retry_after: seconds to pause the project, from `Retry-After`; None if not given.
        limit: (requests, seconds) of the limit, from the gateway's message; None where not given.
    """

    outcome = "throttled"

    def __init__(
        self,
        what: str,
        *,
        where: str,
        advice: str = "",
        status: int,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        limit: tuple[int, float] | None = None,
    ) -> None:
        super().__init__(what, where=where, advice=advice, status=status, code=code, request_id=request_id)
        self.retry_after = retry_after
        self.limit = limit


class ServerError(AnswerError):
    """5xx."""

    outcome = "server_error"


class BadResponse(AnswerError):
    """Not the documented answer: a redirect, HTML, cut or empty JSON, the wrong kind, no items."""

    outcome = "bad_response"


class EndlessList(BadResponse):
    """A list whose cursor leads on and on. It is not asked for again soon: that costs many requests."""
