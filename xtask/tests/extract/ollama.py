"""Ollama chat: one object, or lines of them."""

import json

import chat
from answer import Answer, ToolCall, failed, outrank
from frames import lines

FINISH = {"stop": "stop", "length": "length"}


def extract(exchange):
    """Reads one exchange; some were sent to Ollama's copy of the OpenAI wire."""
    response = exchange["response"]
    if response["body_kind"] == "ndjson":
        return read(lines(response["body"]))
    body = response["body"]
    if response["body_kind"] == "sse" or "choices" in body:
        return chat.extract(exchange)
    return failed(body) if body.get("error") else read([body])


def read(pieces):
    """Reads the objects; the one that says `done` is the last."""
    answer = Answer(kind="truncated")
    for piece in pieces:
        if piece.get("error"):
            answer.kind, answer.reported = "stream_error", piece
            break
        answer.response_model = answer.response_model or piece.get("model")
        message = piece.get("message") or {}
        answer.text += message.get("content") or ""
        answer.thinking += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            function = call["function"]
            arguments = json.dumps(function.get("arguments") or {})
            answer.tool_calls.append(ToolCall(call.get("id") or None, function["name"], arguments))
        if piece.get("done"):
            answer.kind = "ok"
            answer.finish_raw = piece.get("done_reason") or None
            answer.usage_total_input = piece.get("prompt_eval_count")
            answer.usage_total_output = piece.get("eval_count")
    if answer.finish_raw:
        answer.finish = outrank(FINISH.get(answer.finish_raw, "other"), bool(answer.tool_calls))
    return answer
