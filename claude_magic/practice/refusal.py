"""How does the service say no?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPES = {
    # HTTP status -> error.type: https://docs.claude.com/en/api/errors
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Refusal(Exception):  # noqa: N818 - it never leaves the practice server: it becomes an error answer
    """An answer with an error status: `details` go into `error.details`, `headers` beside the usual ones.

    `kind` is `error.type` where the status alone does not tell it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        kind: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.headers, self.details = status, message, headers or {}, details
        self.kind = kind or TYPES[status]

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the error object of the API."""
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.details:
            error["details"] = self.details
        return {"type": "error", "error": error, "request_id": request_id}


def refuse(where: str, why: str, **details: Any) -> NoReturn:
    """Refuse a request with 400, naming the field as the service does: `messages.0.content: …`."""
    raise Refusal(400, f"{where}: {why}" if where else why, **details)
