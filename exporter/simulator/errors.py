"""The documented error answers of ModelArts, of the API gateway before it, and of IAM."""

from __future__ import annotations

from http import HTTPStatus


class ApiError(Exception):
    """Ends a request with an error answer.

    Args:
        status: the HTTP status.
        body: the JSON body. The server fills in `request_id` where there is one.
    """

    def __init__(self, status: int, body: dict[str, object]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def modelarts_error(status: int, code: str, message: str) -> ApiError:
    """`{"error_code", "error_msg"}`, the form of ModelArts itself."""
    return ApiError(status, {"error_code": f"ModelArts.{code}", "error_msg": message})


def gateway_error(status: int, code: str, message: str) -> ApiError:
    """`{"error_msg", "error_code", "request_id"}`, the form of the API gateway."""
    return ApiError(status, {"error_msg": message, "error_code": f"APIGW.{code}", "request_id": ""})


def iam_error(status: int, message: str, title: str) -> ApiError:
    """`{"error": {"code", "message", "title"}}`, the form of IAM."""
    return ApiError(status, {"error": {"code": status, "message": message, "title": title}})


def unauthenticated(reason: str) -> ApiError:
    """401 APIGW.0301: anything wrong with an AK/SK request, or no credentials at all."""
    return gateway_error(
        HTTPStatus.UNAUTHORIZED, "0301", f"Incorrect IAM authentication information: {reason}"
    )


def pool_not_found(pool: str) -> ApiError:
    """404 ModelArts.50015001."""
    return modelarts_error(HTTPStatus.NOT_FOUND, "50015001", f"Pool {pool} not found.")


def bad_request() -> ApiError:
    """400 ModelArts.50004000."""
    return modelarts_error(HTTPStatus.BAD_REQUEST, "50004000", "Bad request.")


def wrong_project() -> ApiError:
    """403 ModelArts.0210."""
    return modelarts_error(HTTPStatus.FORBIDDEN, "0210", "The project ID does not match the credentials.")
