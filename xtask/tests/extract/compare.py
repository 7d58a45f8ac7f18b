"""Compares two files of facts, field by field.

`compare.py A B [--wire PROVIDER/API]…` prints, for each wire, how many of the exchanges that both
sides have read agree in each field, what both leave out, and then every disagreement with both
values. To leave out what the other reads is one. It exits with 1 where there is any. A is the judge;
B is the side that is judged.
"""

import argparse
import json
import math
import sys
from collections import Counter, defaultdict
from fnmatch import fnmatch

FIELDS = (
    "kind",
    "text",
    "thinking",
    "tool_calls",
    "refusal",
    "finish",
    "finish_raw",
    "usage_total_input",
    "usage_total_output",
    "response_id",
    "response_model",
    "embeddings",
    "rerank",
    "models",
    "batch",
    "batch_results",
    "token_count",
    "moderation",
    "speech",
    "transcription",
    "images",
)
# Of what is no chat, only the kind that was found is there.
MODALITIES = FIELDS[FIELDS.index("embeddings") :]
# What is known not to agree, and why neither side is to change.
EXCEPTIONS = {
    ("openai/responses/ad06273cb816dd28.json", "text"): "cut by hand: its deltas are not its text",
}
# Of an error, each on its own.
ERROR = ("kind", "status", "code", "type", "message")
DEFAULTS = {"text": "", "thinking": "", "tool_calls": []}


def load(path):
    """The records of a file, by recording."""
    with open(path, encoding="utf-8") as file:
        records = map(json.loads, file)
        return {record["file"]: record for record in records}


def differences(judge, judged):
    """Each field in which the judged record is not what the judge says."""
    if judge["kind"] != judged["kind"]:
        yield "kind", judge["kind"], judged["kind"]
    yield from error_differences(judge.get("error"), judged.get("error"))
    if judge["kind"] == "error" == judged["kind"]:
        return
    for field in FIELDS[1:]:
        ours, theirs = value(judge, field), value(judged, field)
        if field == "tool_calls":
            theirs = forgive(ours, theirs)
        if field == "response_model" and ours is None:
            # Where the wire names no model, the one that was asked for stands in.
            continue
        if field in MODALITIES and alike(ours, theirs):
            continue
        if ours != theirs:
            yield field, ours, theirs


def error_differences(judge, judged):
    """What of an error is not as the server said it. Its words may be followed by advice."""
    if judge is None or judged is None:
        if judge is not judged:
            yield "error", judge, judged
        return
    for field in ERROR:
        ours, theirs = judge[field], judged[field]
        if field == "message":
            # Where the server said nothing, there is something to say all the same.
            is_same = bool(theirs) and (ours is None or is_told(ours, theirs))
        else:
            is_same = ours == theirs
        if not is_same:
            yield f"error {field}", ours, theirs


def is_told(words, message):
    """Whether a message is these words, or begins with them and goes on with advice."""
    return message == words or message.startswith(words.removesuffix(".") + "; ")


def alike(ours, theirs):
    """Whether two values are the same but for the last digits of numbers, which are 32 bits wide."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(
            alike(ours[name], theirs[name]) for name in ours
        )
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(ours, float) or isinstance(theirs, float):
        return (
            ours is not None
            and theirs is not None
            and math.isclose(ours, theirs, rel_tol=1e-5, abs_tol=1e-6)
        )
    return ours == theirs


def value(record, field):
    found = record.get(field)
    if found is None:
        found = DEFAULTS.get(field)
    if field == "tool_calls":
        return [{key: call.get(key) for key in ("id", "name", "arguments")} for call in found]
    return found


def forgive(ours, theirs):
    """The judged calls with the id left out wherever it is present only because it was made up."""
    made_up = [call["id"] is None for call in ours] + [False] * len(theirs)
    return [
        {**call, "id": None} if absent and call["id"] else call
        for call, absent in zip(theirs, made_up)
    ]


def said(record):
    """What a side says of an exchange that the other leaves out."""
    if record["kind"] == "skip":
        return f"left out: {record['skip_reason']}"
    facts = {field: value(record, field) for field in FIELDS if value(record, field)}
    return {**facts, "error": record.get("error")}


def short(found):
    text = json.dumps(found, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:140]} … {text[-140:]} ({len(text)} characters)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("judge", help="the facts of the judge")
    parser.add_argument("judged", help="the facts of the replay")
    parser.add_argument("--wire", action="append", help="only wires like this, such as openai/*")
    options = parser.parse_args()
    judge, judged = load(options.judge), load(options.judged)

    compared, outside, read, missing = Counter(), Counter(), Counter(), []
    agreed, found = defaultdict(Counter), []
    for file, record in judge.items():
        wire = file.rpartition("/")[0]
        if options.wire and not any(fnmatch(wire, pattern) for pattern in options.wire):
            continue
        other = judged.get(file)
        if other is None:
            missing.append(file)
            continue
        if record["kind"] == "skip" == other["kind"]:
            reasons = f"{wire}: {record['skip_reason']} | {other.get('skip_reason')}"
            outside[reasons] += 1
            read[reasons] += len(record["text"])
            continue
        compared[wire] += 1
        if "skip" in (record["kind"], other["kind"]):
            found.append((file, "kind", said(record), said(other)))
            continue
        wrong = [
            found for found in differences(record, other) if (file, found[0]) not in EXCEPTIONS
        ]
        agreed[wire].update(
            field for field in FIELDS if field not in {field for field, *_ in wrong}
        )
        found += [(file, *difference) for difference in wrong]

    for wire, number in sorted(compared.items()):
        shares = (f"{field} {agreed[wire][field]}/{number}" for field in FIELDS)
        bad = [share for share in shares if not share.endswith(f" {number}/{number}")]
        print(f"{wire}: {number} compared, " + (", ".join(bad) or "all fields agree"))
    print("left out by both, with the reasons of the judge and of the replay:")
    for reasons, number in sorted(outside.items()):
        print(f"    {number} of {reasons} ({read[reasons]} characters of text)")
    for file, field, ours, theirs in found:
        print(f"{file}: {field}\n    judge    {short(ours)}\n    replayed {short(theirs)}")
    if not options.wire:
        missing += sorted(judged.keys() - judge.keys())
    for file in missing:
        print(f"{file}: read by one side only")
    print(
        f"{sum(compared.values())} exchanges compared, {sum(outside.values())} left out by both, "
        f"{len(found)} disagreements, {len(missing)} missing"
    )
    sys.exit(1 if found or missing else 0)


if __name__ == "__main__":
    main()
