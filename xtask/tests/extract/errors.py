"""What a failed exchange says: the kind of the error, and the server's own status, code, type and words.

The kinds are those of the project; which code means which is taken from the vendors' documentation of
their errors, a table each. A code decides before a status, and a status before the words.
"""

import json
import re
from dataclasses import dataclass

OF_STATUS = {
    400: "InvalidRequest",
    401: "Authentication",
    402: "InsufficientFunds",
    403: "PermissionDenied",
    404: "NotFound",
    405: "InvalidRequest",
    408: "Timeout(FirstEvent)",
    409: "Conflict",
    410: "NotFound",
    413: "RequestTooLarge",
    415: "InvalidRequest",
    422: "InvalidRequest",
    429: "RateLimit",
    500: "Server",
    501: "Server",
    502: "Server",
    503: "Overloaded",
    504: "Server",
    529: "Overloaded",
}
# docs.claude.com/en/api/errors
ANTHROPIC = {
    "invalid_request_error": "InvalidRequest",
    "authentication_error": "Authentication",
    "billing_error": "InsufficientFunds",
    "permission_error": "PermissionDenied",
    "not_found_error": "NotFound",
    "request_too_large": "RequestTooLarge",
    "rate_limit_error": "RateLimit",
    "api_error": "Server",
    "timeout_error": "Timeout(FirstEvent)",
    "overloaded_error": "Overloaded",
}
# cloud.google.com/apis/design/errors, and the reasons of `google.rpc.ErrorInfo`
GOOGLE = {
    "API_KEY_INVALID": "Authentication",
    "CREDENTIALS_MISSING": "Authentication",
    "INVALID_ARGUMENT": "InvalidRequest",
    "FAILED_PRECONDITION": "InvalidRequest",
    "OUT_OF_RANGE": "InvalidRequest",
    "UNAUTHENTICATED": "Authentication",
    "PERMISSION_DENIED": "PermissionDenied",
    "NOT_FOUND": "NotFound",
    "RESOURCE_EXHAUSTED": "RateLimit",
    "INTERNAL": "Server",
    "UNAVAILABLE": "Overloaded",
    "DEADLINE_EXCEEDED": "Timeout(FirstEvent)",
}
# docs.aws.amazon.com: the errors of Converse and InvokeModel, and those that all services share
BEDROCK = {
    "accessdeniedexception": "PermissionDenied",
    "expiredtokenexception": "Authentication",
    "internalserverexception": "Server",
    "invalidsignatureexception": "Authentication",
    "modelerrorexception": "Server",
    "modelnotreadyexception": "Overloaded",
    "modelstreamerrorexception": "Server",
    "modeltimeoutexception": "Timeout(FirstEvent)",
    "resourcenotfoundexception": "ModelNotFound",
    "servicequotaexceededexception": "RateLimit",
    "serviceunavailableexception": "Overloaded",
    "throttlingexception": "RateLimit",
    "unrecognizedclientexception": "Authentication",
    "validationexception": "InvalidRequest",
}
# What OpenAI and the hosts of its wires document, by code or type
OPENAI = {
    "context_length_exceeded": "ContextLength",
    "exceed_context_size_error": "ContextLength",
    "content_filter": "ContentFilter",
    "content_policy_violation": "ContentFilter",
    "data_inspection_failed": "ContentFilter",
    "model_not_found": "ModelNotFound",
    "model_decommissioned": "ModelNotFound",
    "invalid_model": "ModelNotFound",
    "DeploymentNotFound": "ModelNotFound",
    "authentication_error": "Authentication",
    "invalid_api_key": "Authentication",
    "insufficient_quota": "InsufficientFunds",
    "rate_limit_exceeded": "RateLimit",
    "RateLimitReached": "RateLimit",
    "tool_use_failed": "InvalidRequest",
    "not_supported_error": "InvalidRequest",
}
# Numbers that mean something at one host only
NUMBERS = {
    ("mistral", "1500"): "ModelNotFound",
    ("hyperbolic", "40301"): "ModelNotFound",
    ("minimax", "1002"): "RateLimit",
    ("minimax", "1004"): "Authentication",
    ("minimax", "1008"): "InsufficientFunds",
    ("minimax", "2013"): "InvalidRequest",
}
# What only the words tell, and of which kinds: the first that fits counts.
BLAMED = ("InvalidRequest", "RequestTooLarge")
WORDS = (
    (
        BLAMED,
        r"prompt is too long|context (length|window|size)|number of input tokens exceeds",
        "ContextLength",
    ),
    ((*BLAMED, "PermissionDenied"), r"violates usage guidelines|content management", "ContentFilter"),
    (BLAMED, r"(incorrect|invalid) api key|api key not valid", "Authentication"),
    (
        ("PermissionDenied",),
        r"security token included in the request is (expired|invalid)",
        "Authentication",
    ),
    (
        (*BLAMED, "NotFound"),
        r"provided model identifier is invalid|model version has reached the end of its life"
        r"|models?\b.*\b(not found|does not exist|is not found|deprecated|decommissioned|has ended)"
        r"|not a valid model|invalid model|^model: |^no endpoints found for |supported models are",
        "ModelNotFound",
    ),
    # The place is there, the model cannot do what was asked of it.
    (("NotFound",), r"not supported in this model|that support tool use", "InvalidRequest"),
)


@dataclass
class Failure:
    """What a server said. `None` means that it did not say."""

    kind: str
    status: int | None = None
    code: str | None = None
    type: str | None = None
    message: str | None = None


def failure(exchange, answer):
    """The error of an exchange that failed; `None` where it did not."""
    error = found(exchange, answer)
    if error and error.message:
        error.message = error.message.strip()
    return error


def found(exchange, answer):
    response = exchange["response"]
    status = response.get("status") or 200
    if answer.kind == "truncated":
        return Failure("StreamInterrupted")
    if answer.kind not in ("error", "stream_error"):
        return None
    if status >= 300:
        return read(exchange, response.get("body"), status)
    return read(exchange, answer.reported, None)


def read(exchange, body, status):
    """Reads an error, whole or from inside a stream."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, str):
        return plain(body, status)
    if not isinstance(body, dict) or not body:
        return Failure(OF_STATUS.get(status or 500, "Other"), status)
    provider, api = exchange["provider"], exchange["api"]
    path = exchange["request"].get("path") or ""
    if "blockReason" in body:
        return Failure("ContentFilter", status, body["blockReason"])
    if body.get("type") == "error" and isinstance(body.get("error"), dict) and api != "responses":
        return anthropic(body["error"], status)
    if provider == "bedrock" and api in ("converse", "invoke", "count_tokens"):
        return bedrock(exchange, body, status)
    if provider in ("google", "vertex") and isinstance(body.get("error"), dict):
        return google(body["error"], status)
    if provider == "cohere" and "/compatibility/" not in path:
        return cohere(body, status)
    if provider == "ollama" and api == "chat" and isinstance(body.get("error"), str):
        kind = "ModelNotFound" if status == 404 else OF_STATUS.get(status or 500, "Server")
        return Failure(kind, status, message=body["error"])
    return openai(provider, body, status)


def plain(text, status):
    kind = OF_STATUS.get(status or 500, "Other")
    return Failure(by_words(kind, text), status, message=text.strip() or None)


def anthropic(error, status):
    named = error.get("type")
    kind = ANTHROPIC.get(named) or OF_STATUS.get(status or 500, "Other")
    text = error.get("message")
    return Failure(by_words(kind, text), status, None, named, text)


def google(error, status):
    details = error.get("details") or []
    reason = next((detail["reason"] for detail in details if "reason" in detail), None)
    kind = GOOGLE.get(reason) or GOOGLE.get(error.get("status"))
    kind = kind or OF_STATUS.get(status or error.get("code"), "Other")
    text = error.get("message")
    inner = error.get("code") if status is None else status
    return Failure(by_words(kind, text), inner, error.get("status"), reason, text)


def bedrock(exchange, body, status):
    """The name of an exception stands in a header, or in the frame of a stream."""
    headers = exchange["response"].get("headers") or {}
    name = body.get(":exception") or headers.get("x-amzn-errortype", "").split(":")[0] or None
    name = name or (body.get("__type") or "").rpartition("#")[2] or None
    kind = BEDROCK.get((name or "").lower()) or OF_STATUS.get(status or 500, "Other")
    text = body.get("message") or body.get("Message")
    return Failure(by_words(kind, text), status, name, None, text)


def cohere(body, status):
    text = body.get("message") or body.get("error")
    if status is None:
        kind = "Timeout(FirstEvent)" if body.get("finish_reason") == "TIMEOUT" else "Server"
        return Failure(kind, None, body.get("error_type"), None, text)
    return Failure(by_words(OF_STATUS.get(status, "Other"), text), status, None, None, text)


def openai(provider, body, status):
    """OpenAI's wires and everything that looks like them."""
    error = body["error"] if isinstance(body.get("error"), dict) else body
    if "response" in error and isinstance(error["response"], dict):
        error = error["response"].get("error") or {}
    inner = upstream(error)
    code = inner.get("code") or error.get("code") or None
    code = code if code is None else str(code)
    named = error.get("type") or error.get("error_type") or inner.get("type") or None
    if status is None:
        told = (error.get(name) for name in ("status_code", "status", "raw_status_code", "code"))
        numbers = (int(one) for one in told if str(one).isdigit())
        status = next((number for number in numbers if 400 <= number < 600), None)
    assumed = 400 if named == "invalid_request_error" else 500
    kind = NUMBERS.get((provider, code)) or OPENAI.get(code) or OPENAI.get(named)
    kind = kind or OF_STATUS.get(status or assumed, "Other")
    text = words(error)
    if inner and words(inner) != text:
        text = f"{text}: {words(inner)}"
    kind = by_words(kind, text)
    if kind == "NotFound" and error.get("param") == "model":
        kind = "ModelNotFound"
    if error.get("param") == "model" and "does not exist" in (text or ""):
        kind = "ModelNotFound"
    return Failure(kind, status, code, named, text)


def upstream(error):
    """What a router's upstream said, which it hands on as text."""
    raw = (error.get("metadata") or {}).get("raw") if isinstance(error.get("metadata"), dict) else None
    if raw is None:
        return {}
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            return {"message": raw}
    if not isinstance(raw, dict):
        return {"message": str(raw)}
    return raw["error"] if isinstance(raw.get("error"), dict) else raw


def words(error):
    """The message of an error, from wherever the server keeps it."""
    for name in ("message", "detail", "error"):
        found = error.get(name)
        if isinstance(found, str) and found:
            return found.strip()
        if isinstance(found, list):
            # What was wrong at which place, after the manner of FastAPI.
            return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
    return None


def by_words(kind, text):
    """The kind that the words make of this one."""
    for kinds, pattern, refined in WORDS:
        if kind in kinds and re.search(pattern, text or "", re.IGNORECASE):
            return refined
    return kind
