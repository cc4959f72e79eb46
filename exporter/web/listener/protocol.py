"""HTTP itself is aiohttp's; only what it says to who speaks none is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

ALWAYS = {"Server": "modelarts-exporter", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer: no version for who looks for old ones, no text taken for HTML."""


class HttpProtocol(web.RequestHandler):
    """Answers what is no request in one sentence.

    Aiohttp's own answer tells its version and quotes the client, and its log gets a traceback for each.
    """

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer. Aiohttp's to an odd Expect for what is not there would quote the client."""
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = web.Response(status=resp.status, text="of Expect there is 100-continue alone\n")
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """An answer to what is no proper request, or to one that failed; the connection closes after it."""
        if status != web.HTTPBadRequest.status_code:
            response = super().handle_error(request, status, exc, message)
        else:
            response = web.Response(status=status, text="this is no HTTP request, or one that is too large\n")
            response.force_close()
        response.headers.update(ALWAYS)
        return response
