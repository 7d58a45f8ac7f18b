"""OpenAI Responses, from OpenAI, Azure, xAI, OpenRouter and local servers."""

import json

import chat
from answer import Answer, ToolCall, failed
from frames import events

INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
ENDS = ("response.completed", "response.incomplete", "response.failed")


def extract(exchange):
    """Reads one exchange."""
    response = exchange["response"]
    if response["body_kind"] == "sse":
        return stream(response["body"])
    body = response["body"]
    if "choices" in body:
        # One host answered in the wrong wire.
        return chat.extract(exchange)
    if body.get("error") or body.get("status") == "failed" or "output" not in body:
        return failed(body)
    return read(body, body["output"])


def stream(body):
    """Reads a stream by its whole items, not by its deltas: what a decoder of deltas must arrive at."""
    items, last, kind, reported = {}, {}, "truncated", None
    for event in events(body):
        data = event.json()
        if not isinstance(data, dict):
            continue
        name = data.get("type") or ""
        if name == "response.output_item.done":
            items[data["output_index"]] = data["item"]
        elif name in ENDS:
            last, kind = data["response"], "ok"
            if name == "response.failed":
                kind, reported = "stream_error", data
        elif name in ("response.created", "response.in_progress"):
            last = data["response"]
        elif name == "error":
            kind, reported = "stream_error", data
        if kind == "stream_error":
            break
    answer = read(last, last.get("output") or [items[index] for index in sorted(items)])
    answer.kind, answer.reported = kind, reported
    if kind != "ok":
        answer.finish = answer.finish_raw = None
    return answer


def read(response, items):
    """Reads a whole response. Only calls of the client's own functions are listed as calls."""
    waits = False
    answer = Answer(response_id=response.get("id"), response_model=response.get("model"))
    for item in items:
        match item.get("type"):
            case "message":
                for part in item.get("content") or []:
                    answer.text += part.get("text") or ""
                    if part.get("refusal"):
                        answer.refusal = (answer.refusal or "") + part["refusal"]
            case "reasoning":
                answer.thinking += thought(item)
            case "function_call":
                answer.tool_calls.append(
                    ToolCall(item["call_id"], item["name"], item.get("arguments") or "")
                )
            case "custom_tool_call" if not item["call_id"].startswith("xs_"):
                # The input is free text, not JSON.
                answer.tool_calls.append(
                    ToolCall(item["call_id"], item["name"], json.dumps(item["input"]))
                )
        waits = waits or is_for_client(item)
    status = response.get("status")
    if status == "incomplete":
        answer.finish_raw = (response.get("incomplete_details") or {}).get("reason") or status
        answer.finish = INCOMPLETE.get(answer.finish_raw, "other")
    elif status == "completed":
        answer.finish_raw = status
        answer.finish = "tool_calls" if waits else "stop"
    elif status:
        answer.finish_raw, answer.finish = status, "other"
    usage = response.get("usage") or {}
    answer.usage_total_input = usage.get("input_tokens")
    answer.usage_total_output = usage.get("output_tokens")
    return answer


def is_for_client(item):
    """Whether the client has to run this item and answer it, also where the tool is built in."""
    match item.get("type"):
        case "function_call" | "local_shell_call" | "apply_patch_call" | "computer_call":
            return True
        case "custom_tool_call":
            return not item["call_id"].startswith("xs_")
        case "tool_search_call":
            return item.get("execution") == "client"
        case "shell_call":
            return (item.get("environment") or {}).get("type") == "local"
    return False


def thought(item):
    """The reasoning itself where the host shows it, else its summary."""
    content = "".join(part.get("text") or "" for part in item.get("content") or [])
    return content or "".join(part.get("text") or "" for part in item.get("summary") or [])
