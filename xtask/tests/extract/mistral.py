"""Mistral chat: the shape of OpenAI's, with content that may be a list of texts and thoughts."""

import json

from answer import failed
from chat import Reading
from frames import events

FINISH = {
    "stop": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "error": "error",
}


def extract(exchange):
    """Reads one exchange."""
    response = exchange["response"]
    reading = MistralReading(FINISH)
    if response["body_kind"] == "sse":
        done = False
        for event in events(response["body"]):
            done = done or event.data.strip() == "[DONE]"
            if isinstance(chunk := event.json(), dict):
                # An error in a stream may stand alone, without a wrapper that names it.
                if chunk.get("object") == "error":
                    reading.error, reading.answer.reported = True, chunk
                reading.chunk(chunk, "delta")
        return reading.finished(done)
    body = response["body"]
    if body.get("object") == "error":
        return failed(body)
    reading.chunk(body, "message")
    return reading.finished(True)


class MistralReading(Reading):
    """Reads lists of content besides plain text."""

    def piece(self, piece):
        super().piece(piece)
        if isinstance(piece.get("content"), list):
            for part in piece["content"]:
                self.answer.text += part.get("text") or "" if part.get("type") == "text" else ""
                self.answer.thinking += thoughts(part) if part.get("type") == "thinking" else ""

    def call(self, piece):
        function = piece.get("function") or {}
        if isinstance(function.get("arguments"), dict):
            piece = {
                **piece,
                "function": {**function, "arguments": json.dumps(function["arguments"])},
            }
        super().call(piece)


def thoughts(part):
    """The text of a thought: a string, or a list of texts."""
    thinking = part.get("thinking") or ""
    if isinstance(thinking, str):
        return thinking
    return "".join(inner.get("text") or "" for inner in thinking)
