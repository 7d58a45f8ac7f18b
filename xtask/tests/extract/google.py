"""Google generateContent, from the Gemini API and from Vertex."""

import json
import re

from answer import Answer, ToolCall, add, failed, outrank
from frames import events

FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "LANGUAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MALFORMED_FUNCTION_CALL": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "TOO_MANY_TOOL_CALLS": "error",
}


def extract(exchange):
    """Reads one exchange. Without `alt=sse` a stream is one array of chunks."""
    response = exchange["response"]
    body = response["body"]
    if response["body_kind"] == "sse":
        return stream([event.json() for event in events(body)])
    if isinstance(body, list):
        return stream(body)
    if body.get("error"):
        return failed(body)
    answer = stream([body])
    if answer.kind in ("truncated", "stream_error"):
        answer.kind = "error"
    return answer


def stream(chunks):
    """Reads chunks; the stream has ended well where a candidate has a finish reason."""
    reading = Reading()
    for chunk in filter(None, chunks):
        reading.chunk(chunk)
    return reading.finished()


class Reading:
    """What has been read of the first candidate."""

    def __init__(self):
        self.answer = Answer()
        self.usage = {}
        self.error = False
        self.open = None  # the call whose arguments still come, as [call, value]

    def chunk(self, chunk):
        answer = self.answer
        answer.response_id = answer.response_id or chunk.get("responseId")
        answer.response_model = answer.response_model or chunk.get("modelVersion")
        feedback = chunk.get("promptFeedback") or {}
        blocked = feedback.get("blockReason") and not chunk.get("candidates")
        if (chunk.get("error") or blocked) and not self.error:
            self.error, answer.reported = True, feedback if blocked else chunk
        self.usage.update(chunk.get("usageMetadata") or {})
        for candidate in chunk.get("candidates") or []:
            if candidate.get("index"):
                continue
            for part in (candidate.get("content") or {}).get("parts") or []:
                self.part(part)
            reason = candidate.get("finishReason")
            if reason != "FINISH_REASON_UNSPECIFIED":  # "has not stopped"
                answer.finish_raw = reason or answer.finish_raw

    def part(self, part):
        answer = self.answer
        if "functionCall" in part:
            self.call(part["functionCall"])
        elif part.get("thought"):
            answer.thinking += part.get("text") or ""
        else:
            answer.text += part.get("text") or ""

    def call(self, piece):
        """A whole call, or with `willContinue` its start, and then pieces of its arguments."""
        if piece.get("name"):
            call = ToolCall(piece.get("id"), piece["name"], json.dumps(piece.get("args") or {}))
            self.answer.tool_calls.append(call)
            self.open = (call, piece.get("args") or {})
        if self.open is None:
            return
        call, value = self.open
        for argument in piece.get("partialArgs") or []:
            place(value, argument)
        call.arguments = json.dumps(value)
        if not piece.get("willContinue"):
            self.open = None

    def finished(self):
        answer = self.answer
        if self.error:
            answer.kind, answer.finish_raw = "stream_error", None
        elif answer.finish_raw is None:
            answer.kind = "truncated"
        else:
            reason = FINISH.get(answer.finish_raw, "other")
            answer.finish = outrank(reason, bool(answer.tool_calls))
        usage = self.usage
        # Vertex documents the total as the sum of prompt, candidates, tool use and thoughts: what the
        # server's own tools brought in was read, too, and is no part of `promptTokenCount`.
        answer.usage_total_input = add(
            usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount")
        )
        answer.usage_total_output = add(
            usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
        )
        return answer


def place(value, argument):
    """Puts a piece of an argument where its JSON path says; text is added to text."""
    steps = [
        int(index) if index else name
        for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", argument["jsonPath"])
    ]
    for step, following in zip(steps, steps[1:]):
        value = enter(value, step, [] if isinstance(following, int) else {})
    last = steps[-1]
    if "stringValue" in argument:
        before = enter(value, last, "")
        value[last] = before + argument["stringValue"]
    else:
        kinds = [key for key in argument if key.endswith("Value")]
        enter(value, last, None)
        value[last] = None if kinds in ([], ["nullValue"]) else argument[kinds[0]]


def enter(value, step, empty):
    """What is at this step, put there where it is missing."""
    if isinstance(step, int):
        value.extend([None] * (step + 1 - len(value)))
    elif step not in value:
        value[step] = empty
    if value[step] is None:
        value[step] = empty
    return value[step]
