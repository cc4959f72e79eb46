"""The one tree of errors.

    ExporterError
    ├── ConfigurationError      the operator's settings; carries every problem found    exit 2
    ├── TooManyChecks           so many passwords wait to be checked that one is not    503
    └── PollError               a pool could not be read; carries its outcome
        ├── CredentialsError    no usable credentials                                   unauthorized
        │   └── LockedOut       refused lately; nothing is sent, so that no key is locked
        ├── RequestTimeout      no whole answer in time                                 timeout
        ├── ConnectionFailed    no connection, or it broke                              connection
        ├── TlsFailed           no trusted connection                                   tls
        └── AnswerError         the cloud answered, but not with what was asked
            ├── Unauthorized    401                                                     unauthorized
            ├── Forbidden       403                                                     forbidden
            ├── NotFound        404                                                     not_found
            ├── Throttled       429, or APIGW.0308 in any answer                        throttled
            ├── ServerError     5xx                                                     server_error
            └── BadResponse     anything else that is not the documented answer         bad_response

Every error says what happened (`what`), where (`where`) and what to do about it (`advice`). None of them
ever holds a secret.
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
"""Characters of what happened: some of it is said by whoever answers."""

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class ExporterError(Exception):
    """Whatever this program expects to go wrong."""


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


class TooManyPasswordChecks(ExporterError):
    """So many passwords wait to be checked that this one is not; whether it is right, nobody knows."""

    def __init__(self) -> None:
        super().__init__("too many passwords wait to be checked; try again")


class PollError(ExporterError):
    """Something a poll can run into.

    Args:
        what: what happened, one clause, no secret; what others said in it is made printable, and cut.
        where: what was asked, e.g. `GET https://modelarts.../v2/.../workloads`; a file; a source's name.
        advice: what the operator can do; empty where nobody knows.
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
        """What happened and what to do, for a place that already tells which pool was asked."""
        return f"{self.what}; {self.advice}" if self.advice else self.what


class CredentialsError(PollError):
    """There are no usable credentials."""

    outcome = "unauthorized"

    @property
    def explanation(self) -> str:
        """Where the credentials come from belongs to it: no pool tells."""
        return f"{self.where}: {super().explanation}"

    def __str__(self) -> str:
        return self.explanation


class LockedOut(CredentialsError):
    """The cloud refused the credentials lately, and nothing was sent: to go on would lock them."""


class RequestTimeout(PollError):
    """The whole answer did not arrive in time."""

    outcome = "timeout"


class ConnectionFailed(PollError):
    """No connection came about, or it broke before the answer was whole."""

    outcome = "connection"


class TlsFailed(PollError):
    """The other end could not be trusted."""

    outcome = "tls"


class AnswerError(PollError):
    """The cloud answered with something else than what was asked.

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
    """403: the credentials are good, the permission is missing."""

    outcome = "forbidden"


class NotFound(AnswerError):
    """404: there is no such pool in this project."""

    outcome = "not_found"


class Throttled(AnswerError):
    """429, or the gateway's APIGW.0308.

    Args:
        retry_after: seconds to leave the project alone, from `Retry-After`; None where not given.
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
