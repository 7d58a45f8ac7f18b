"""OpenAI Chat Completions, as OpenAI and the many hosts that copy it answer."""

import re

from answer import Answer, ToolCall, add, failed, outrank
from frames import events

FINISH = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
# Hosts whose documentation says that thinking stays in the text, in the tags of the model's template, unless
# they are asked or set up to take it out.
TAGGED = {
    "cerebras",
    "fireworks",
    "gpustack",
    "groq",
    "huggingface",
    "hyperbolic",
    "llamacpp",
    "llamafile",
    "lmstudio",
    "minimax",
    "mistralrs",
    "mlx",
    "perplexity",
    "portkey",
    "sambanova",
    "together",
    "vllm",
}
TAGS = re.compile(r"\s*<think>\s*(?:(.*?)\s*</think>\s*|(.*))", re.DOTALL)


def extract(exchange):
    """Reads one exchange."""
    answer = read(exchange)
    if exchange["provider"] in TAGGED and (found := TAGS.match(answer.text)):
        answer.text = answer.text[found.end() :]
        # Some write the same in a field of its own as well.
        answer.thinking = answer.thinking or found[1] or found[2] or ""
    return answer


def read(exchange):
    """Reads one exchange, its text as it is."""
    response = exchange["response"]
    if response["body_kind"] == "sse":
        return stream(events(response["body"]))
    body = response["body"]
    if not isinstance(body, dict) or (body.get("error") and not body.get("choices")):
        return failed(body)
    reading = Reading()
    reading.chunk(body, "message")
    return reading.finished(True)


def stream(pieces):
    """Reads a stream of chunks that ends with `[DONE]`, or with a finish reason and nothing more."""
    reading, done = Reading(), False
    for event in pieces:
        if event.data.strip() == "[DONE]":
            done = True
            break
        chunk = event.json()
        if isinstance(chunk, dict):
            reading.chunk(chunk, "delta")
        if reading.error:
            break
    return reading.finished(done)


class Reading:
    """What has been read of the first choice; a whole answer is read as if it were one chunk."""

    def __init__(self, reasons=None):
        self.answer = Answer()
        self.reasons = reasons or FINISH
        self.usage = None
        self.google = None
        self.error = False
        self.open = {}  # index of a call on the wire -> the call that its pieces belong to
        self.function = None

    def chunk(self, chunk, key):
        answer = self.answer
        answer.response_id = answer.response_id or chunk.get("id") or None
        answer.response_model = answer.response_model or chunk.get("model") or None
        usage = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage")
        if isinstance(usage, dict):
            self.usage = usage
        for choice in chunk.get("choices") or []:
            if not choice.get("index"):
                self.piece(choice.get(key) or {})
                if choice.get("finish_reason"):
                    answer.finish_raw = choice["finish_reason"]
                self.fail(choice)
        # In an `error` event of Groq the body is the error; elsewhere the error is a member of a chunk.
        self.fail(chunk)

    def fail(self, place):
        if place.get("error") and not self.error:
            self.error, self.answer.reported = True, place

    def piece(self, piece):
        answer = self.answer
        if isinstance(piece.get("content"), str):
            answer.text += piece["content"]
        answer.thinking += thought(piece)
        # What Google counted, handed on by Vercel's gateway beside counters of its own.
        vendors = piece.get("provider_metadata") or {}
        google = vendors.get("google") or vendors.get("vertex") or {}
        self.google = google.get("usageMetadata") or self.google
        if piece.get("refusal"):
            answer.refusal = (answer.refusal or "") + piece["refusal"]
        for call in piece.get("tool_calls") or []:
            self.call(call)
        if function := piece.get("function_call"):
            if self.function is None:
                self.function = ToolCall(None, "")
                answer.tool_calls.append(self.function)
            self.function.name = self.function.name or function.get("name") or ""
            self.function.arguments += function.get("arguments") or ""

    def call(self, piece):
        """A call, or a piece of one. A different id opens another call, whatever its index."""
        function = piece.get("function") or {}
        index = piece.get("index")
        if index is None:
            index = len(self.open)
        call = self.open.get(index)
        if call is None or (piece.get("id") and call.id and piece["id"] != call.id):
            call = ToolCall(None, "")
            self.open[index] = call
            self.answer.tool_calls.append(call)
        call.id = call.id or piece.get("id") or None
        call.name = call.name or function.get("name") or ""
        call.arguments += function.get("arguments") or ""

    def finished(self, complete):
        answer = self.answer
        if self.error:
            # What ends with an error has not finished, whatever was said before.
            answer.kind, answer.finish_raw = "stream_error", None
        elif not complete and answer.finish_raw is None:
            answer.kind = "truncated"
        if answer.finish_raw is not None:
            reason = self.reasons.get(answer.finish_raw.lower(), "other")
            answer.finish = outrank(reason, bool(answer.tool_calls))
        if self.usage is not None:
            answer.usage_total_input = self.usage.get("prompt_tokens")
            answer.usage_total_output = written(self.usage)
            if self.google:
                # What is not read is written, thoughts included: the gateway leaves those out.
                answer.usage_total_output = (
                    self.google["totalTokenCount"] - self.google["promptTokenCount"]
                )
        return answer


def thought(piece):
    """The thinking of a piece. Hosts repeat the same text under up to three names."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(piece.get(name), str) and piece[name]:
            return piece[name]
    details = piece.get("reasoning_details") or []
    return "".join(detail.get("text") or detail.get("summary") or "" for detail in details)


def written(usage):
    """All output tokens. xAI counts reasoning apart: only the total tells, also behind routers."""
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")
    if reasoning and usage.get("total_tokens") == add(prompt, completion, reasoning):
        return completion + reasoning
    return completion
