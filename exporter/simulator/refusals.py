"""What the cloud answers when it does not answer what was asked: the documented bodies."""

from __future__ import annotations


class Refusal(Exception):
    """An answer that ends a request.

    Args:
        status: the HTTP status.
        body: the JSON body. `request_id`, if there, is filled in by the server.
    """

    def __init__(self, status: int, body: dict[str, object]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def by_modelarts(status: int, code: str, message: str) -> Refusal:
    """`{"error_code", "error_msg"}`, as ModelArts itself refuses."""
    return Refusal(status, {"error_code": f"ModelArts.{code}", "error_msg": message})


def by_gateway(status: int, code: str, message: str) -> Refusal:
    """`{"error_msg", "error_code", "request_id"}`, as the gateway before it refuses."""
    return Refusal(status, {"error_msg": message, "error_code": f"APIGW.{code}", "request_id": ""})


def by_iam(status: int, message: str, title: str) -> Refusal:
    """`{"error": {"code", "message", "title"}}`, as IAM refuses."""
    return Refusal(status, {"error": {"code": status, "message": message, "title": title}})


def not_authenticated(reason: str) -> Refusal:
    """401 APIGW.0301: whatever is wrong with an AK/SK request, or no credentials at all."""
    return by_gateway(401, "0301", f"Incorrect IAM authentication information: {reason}")


def pool_not_found(pool: str) -> Refusal:
    """404 ModelArts.50015001."""
    return by_modelarts(404, "50015001", f"Pool {pool} not found.")


def bad_request() -> Refusal:
    """400 ModelArts.50004000."""
    return by_modelarts(400, "50004000", "Bad request.")


def wrong_project() -> Refusal:
    """403 ModelArts.0210."""
    return by_modelarts(403, "0210", "The project ID does not match the credentials.")


def no_permission() -> Refusal:
    """403 ModelArts.0108."""
    return by_modelarts(403, "0108", "The user is not authorized to perform this operation.")


def throttled(limit: int = 200, minutes: int = 5) -> Refusal:
    """429 APIGW.0308, with the gateway's real text."""
    policy = f"policy user over ratelimit,limit:{limit},time:{minutes} minute"
    return by_gateway(429, "0308", f"The throttling threshold has been reached: {policy}")
