"""Bedrock: Converse, and InvokeModel, whose bodies are those of the models' vendors."""

import base64
import json

import anthropic
import chat
from answer import Answer, ToolCall, add, failed
from frames import Event, aws_frames

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}


def extract(exchange):
    """Reads one exchange."""
    response = exchange["response"]
    body = response["body"]
    match response["body_kind"]:
        case "aws-eventstream-base64":
            frames = aws_frames(body)
            return stream(
                (frame.exception or frame.headers.get(":event-type"), frame.payload)
                for frame in frames
            )
        case "events-json":
            return stream(pair for event in body for pair in event.items())
    if "output" not in body:
        return failed(body)
    blocks = body["output"]["message"].get("content") or []
    return finished(Answer(), blocks, body.get("stopReason"), body.get("usage"))


def invoke(exchange):
    """Reads one exchange of InvokeModel. The model's name tells whose body it is."""
    response = exchange["response"]
    if response["body_kind"] == "json":
        inner, whole = [response["body"]], True
    else:
        frames = list(aws_frames(response["body"]))
        chunks = [frame.payload["bytes"] for frame in frames if "bytes" in frame.payload]
        inner, whole = [base64.b64decode(chunk) for chunk in chunks], False
    model = exchange["request"]["path"]
    if "anthropic." in model:
        return anthropic.read(inner[0]) if whole else anthropic.stream(map(json.loads, inner))
    if "amazon.nova" in model:
        return (
            extract(exchange)
            if whole
            else stream(pair for event in map(json.loads, inner) for pair in event.items())
        )
    if "mistral." in model or "openai." in model:
        texts = map(json.dumps, inner) if whole else (piece.decode() for piece in inner)
        answer = chat.stream(Event("", as_chunk(json.loads(text))) for text in texts)
        return without_tags(answer) if "openai." in model else answer
    return Answer(kind="unknown")


def without_tags(answer):
    """OpenAI's open models write their thinking in front of the text, in tags."""
    if answer.text.startswith("<reasoning>"):
        thinking, tag, text = answer.text.removeprefix("<reasoning>").partition("</reasoning>")
        if tag:
            answer.thinking += thinking
            answer.text = text
    return answer


def as_chunk(body):
    """What Mistral's models write on Bedrock, as Chat Completions: messages in place of deltas, and
    another name for the reason."""
    for choice in body.get("choices") or []:
        choice.setdefault("delta", choice.get("message"))
        choice["finish_reason"] = choice.get("finish_reason") or choice.get("stop_reason")
    metrics = body.get("amazon-bedrock-invocationMetrics")
    if metrics and not body.get("usage"):
        body["usage"] = {
            "prompt_tokens": metrics.get("inputTokenCount"),
            "completion_tokens": metrics.get("outputTokenCount"),
        }
    return json.dumps(body)


def stream(pairs):
    """Reads the events of a stream. Text has no start event; what the server runs has one."""
    blocks, reason, usage, kind, reported = {}, None, None, "truncated", None
    for name, payload in pairs:
        index = payload.get("contentBlockIndex")
        if name == "contentBlockStart":
            blocks[index] = json.loads(json.dumps(payload["start"]))
        elif name == "contentBlockDelta":
            grow(blocks.setdefault(index, {}), payload["delta"])
        elif name == "messageStop":
            reason, kind = payload.get("stopReason"), "ok"
        elif name == "metadata":
            usage = payload.get("usage")
        elif name and name.endswith(("Exception", "Error")):
            reason, kind, reported = None, "stream_error", {":exception": name, **payload}
            break
    answer = Answer(kind=kind, reported=reported)
    return finished(answer, [blocks[index] for index in sorted(blocks)], reason, usage)


def grow(block, delta):
    """Adds a delta to its block."""
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    if "toolUse" in delta:
        call = block.setdefault("toolUse", {})
        call["json"] = call.get("json", "") + (delta["toolUse"].get("input") or "")
    if "text" in (delta.get("reasoningContent") or {}):
        thought = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
        thought["text"] += delta["reasoningContent"]["text"]


def finished(answer, blocks, reason, usage):
    """Reads whole blocks, and adds how the answer ended."""
    for block in blocks:
        answer.text += block.get("text") or ""
        for part in (block.get("citationsContent") or {}).get("content") or []:
            answer.text += part.get("text") or ""
        thought = (block.get("reasoningContent") or {}).get("reasoningText") or {}
        answer.thinking += thought.get("text") or ""
        call = block.get("toolUse")
        if call and call.get("type") != "server_tool_use":
            arguments = call.get("json") or json.dumps(call.get("input") or {})
            answer.tool_calls.append(ToolCall(call["toolUseId"], call["name"], arguments))
    answer.finish_raw = reason
    if reason:
        answer.finish = FINISH.get(reason, "other")
    usage = usage or {}
    answer.usage_total_input = add(
        usage.get("inputTokens"),
        cached(usage, "cacheReadInputToken"),
        cached(usage, "cacheWriteInputToken"),
    )
    answer.usage_total_output = usage.get("outputTokens")
    return answer


def cached(usage, name):
    """A counter of the cache. Converse writes it under two names, InvokeModel under the second alone."""
    return usage.get(f"{name}s", usage.get(f"{name}Count"))
