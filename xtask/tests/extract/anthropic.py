"""Anthropic Messages, from Anthropic, Vertex and Azure."""

from answer import Answer, ToolCall, add, failed, outrank
from frames import events

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "paused",
    "compaction": "paused",
}


def extract(exchange):
    """Reads one exchange."""
    response = exchange["response"]
    if response["body_kind"] == "sse":
        return stream(event.json() for event in events(response["body"]))
    body = response["body"]
    if body.get("type") != "message":
        return failed(body)
    return read(body)


def stream(messages):
    """Reads a stream: puts the message together first, and then reads it like a whole one."""
    message, blocks, kind, reported = {"usage": {}}, {}, "truncated", None
    for data in filter(None, messages):
        match data.get("type"):
            case "message_start":
                message = {"usage": {}, **data["message"]}
            case "content_block_start":
                blocks[data["index"]] = {**data["content_block"], "partial_json": ""}
            case "content_block_delta":
                grow(blocks[data["index"]], data["delta"])
            case "message_delta":
                message.update(data["delta"])
                # The counters are totals so far. Vertex repeats only some of them.
                usage = {
                    key: value
                    for key, value in (data.get("usage") or {}).items()
                    if value is not None
                }
                message["usage"].update(usage)
            case "message_stop":
                # Some recordings go on with the next answer.
                kind = "ok"
                break
            case "error":
                kind, reported = "stream_error", data
                break
    message["content"] = [blocks[index] for index in sorted(blocks)]
    answer = read(message)
    answer.kind, answer.reported = kind, reported
    if kind != "ok":
        answer.finish = answer.finish_raw = None
    return answer


def grow(block, delta):
    """Adds a delta to its block."""
    for key in ("text", "thinking", "partial_json"):
        if isinstance(delta.get(key), str):
            block[key] = block.get(key, "") + delta[key]


def read(message):
    """Reads a whole message. Tools that the server runs are no calls for the client."""
    answer = Answer(response_id=message.get("id"), response_model=message.get("model"))
    for block in message.get("content") or []:
        match block.get("type"):
            case "text":
                answer.text += block["text"]
            case "thinking":
                answer.thinking += block["thinking"]
            case "tool_use":
                arguments = block.get("partial_json") or block.get("input") or {}
                answer.tool_calls.append(ToolCall(block["id"], block["name"], arguments))
    answer.finish_raw = message.get("stop_reason")
    if answer.finish_raw:
        reason = FINISH.get(answer.finish_raw, "other")
        answer.finish = outrank(reason, bool(answer.tool_calls))
    usage = message.get("usage") or {}
    # Input that was read from the cache or written to it is counted apart.
    answer.usage_total_input = add(
        usage.get("input_tokens"),
        usage.get("cache_creation_input_tokens"),
        usage.get("cache_read_input_tokens"),
    )
    answer.usage_total_output = usage.get("output_tokens")
    return answer
