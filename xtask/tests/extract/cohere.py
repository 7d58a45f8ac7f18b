"""Cohere chat, version 2."""

import chat
from answer import Answer, ToolCall, failed
from frames import events

FINISH = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
FAILED = ("ERROR", "TIMEOUT")


def extract(exchange):
    """Reads one exchange; a few were sent to Cohere's copy of the OpenAI wire."""
    if "/compatibility/" in (exchange["request"].get("path") or ""):
        return chat.extract(exchange)
    response = exchange["response"]
    if response["body_kind"] == "sse":
        return stream(response["body"])
    body = response["body"]
    if "message" not in body or body.get("finish_reason") in FAILED:
        return failed(body)
    return finished(read(body["message"], body.get("id")), body)


def stream(body):
    """Puts the message of a stream together and reads it like a whole one."""
    identity, message = None, {"tool_plan": "", "content": {}, "tool_calls": {}}
    end = None
    for event in events(body):
        data = event.json() or {}
        delta = data.get("delta") or {}
        piece = delta.get("message") or {}
        match data.get("type"):
            case "message-start":
                identity = data.get("id")
            case "tool-plan-delta":
                message["tool_plan"] += piece["tool_plan"]
            case "content-start":
                message["content"][data["index"]] = dict(piece["content"])
            case "content-delta":
                part = message["content"][data["index"]]
                for key, value in piece["content"].items():
                    part[key] = part.get(key, "") + value
            case "tool-call-start":
                call = piece["tool_calls"]
                message["tool_calls"][data["index"]] = {**call, "function": dict(call["function"])}
            case "tool-call-delta":
                function = message["tool_calls"][data["index"]]["function"]
                function["arguments"] += piece["tool_calls"]["function"]["arguments"]
            case "message-end":
                end = delta
    message["content"] = list(message["content"].values())
    message["tool_calls"] = list(message["tool_calls"].values())
    answer = read(message, identity)
    if end is None:
        answer.kind = "truncated"
        return answer
    if end.get("error") or end.get("finish_reason") in FAILED:
        answer.kind, answer.reported = "stream_error", end
        end = {**end, "finish_reason": None}
    return finished(answer, end)


def read(message, identity):
    """Reads a message. The plan for its tool calls is thinking."""
    answer = Answer(response_id=identity, thinking=message.get("tool_plan") or "")
    for part in message.get("content") or []:
        answer.text += part.get("text") or ""
        answer.thinking += part.get("thinking") or ""
    for call in message.get("tool_calls") or []:
        function = call["function"]
        answer.tool_calls.append(
            ToolCall(call.get("id"), function["name"], function.get("arguments") or "")
        )
    return answer


def finished(answer, end):
    """Adds how the answer ended."""
    answer.finish_raw = end.get("finish_reason")
    if answer.finish_raw:
        answer.finish = FINISH.get(answer.finish_raw, "other")
    tokens = (end.get("usage") or {}).get("tokens") or {}
    answer.usage_total_input = tokens.get("input_tokens")
    answer.usage_total_output = tokens.get("output_tokens")
    return answer
