"""What one exchange says, in the words that all wires share."""

import json
from dataclasses import asdict, dataclass, field

from errors import Failure


@dataclass
class ToolCall:
    """A call that the client is asked to run; arguments that are text are parsed by `Answer.line`."""

    id: str | None
    name: str
    arguments: str | dict = ""


@dataclass
class Answer:
    """The facts of one answer. `None` means that the wire does not say.

    `found` holds what is no chat, under the name of its kind.
    """

    kind: str = "ok"
    skip_reason: str | None = None
    text: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    refusal: str | None = None
    finish: str | None = None
    finish_raw: str | None = None
    usage_total_input: int | None = None
    usage_total_output: int | None = None
    response_id: str | None = None
    response_model: str | None = None
    found: dict = field(default_factory=dict)
    # What a server said of its failure, verbatim, where that is not the whole body.
    reported: dict | str | None = None
    error: Failure | None = None

    def line(self, file):
        """One line of JSON for this answer."""
        fields = asdict(self)
        fields.update(fields.pop("found"))
        del fields["reported"]
        for call in fields["tool_calls"]:
            call["arguments"] = parse_arguments(call["arguments"])
        return json.dumps({"file": file, **fields}, ensure_ascii=False)


def skip(reason):
    """An exchange that no call of the project asks for."""
    return Answer(kind="skip", skip_reason=reason)


def failed(reported=None):
    """An exchange that the server refused, and what it said if that is in an answer like any other."""
    return Answer(kind="error", reported=reported)


def parse_arguments(text):
    """The value that the text of arguments stands for, or `None` where it stands for none.

    A tool without parameters is called with no text at all, or with `null`. Routers open a call with
    the empty object of another wire and send the arguments after it.
    """
    if not isinstance(text, str):
        return text
    if text.strip() in ("", "null"):
        return {}
    try:
        return json.loads(text.removeprefix("{}") or text)
    except ValueError:
        return None


def add(*numbers):
    """The sum of the numbers that are known; `None` where none is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def outrank(reason, has_calls):
    """The unified finish reason, given whether the client is asked to run tools.

    Servers say that they stopped although they ask for calls. A cut or filtered answer stays what it
    is, because a cut call must not run.
    """
    return "tool_calls" if has_calls and reason == "stop" else reason
