"""The HTTP protocol of aiohttp, with our own responses to invalid requests."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

ALWAYS = {"Server": "modelarts-exporter", "X-Content-Type-Options": "nosniff"}
"""Headers of every response. `Server` is set, because the default of aiohttp reveals versions."""


class HttpProtocol(web.RequestHandler):
    """Answers an invalid request with one sentence.

    The response of aiohttp contains its version and quotes the request. It also logs a traceback.
    """

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response. For an unknown Expect header, the one of aiohttp would quote the request."""
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = web.Response(status=resp.status, text="Expect supports only 100-continue\n")
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A response to an invalid or failed request; the connection is closed after it."""
        if status != HTTPStatus.BAD_REQUEST:
            response = super().handle_error(request, status, exc, message)
        else:
            response = web.Response(status=status, text="not an HTTP request, or too large\n")
            response.force_close()
        response.headers.update(ALWAYS)
        return response
