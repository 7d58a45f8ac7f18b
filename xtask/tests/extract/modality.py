"""What is no chat: vectors, rankings, models, batches, token counts, judgements, speech, images.

Each reader fills `Answer.found` with one entry, under the name of its kind.
"""

import base64
import json
import struct

from answer import Answer, add, failed
from errors import ANTHROPIC, OF_STATUS, by_words
from frames import events


def embeddings(exchange):
    """Vectors: how many, how long, the first four numbers and the sum of each, the tokens read."""
    body = exchange["response"]["body"]
    request = exchange["request"].get("body") or {}
    if not isinstance(body, dict):
        return failed(body)
    if "predictions" in body:
        found = [item["embeddings"] for item in body["predictions"]]
        vectors = [item["values"] for item in found]
        tokens = add(*(item.get("statistics", {}).get("token_count") for item in found))
    elif "data" in body:
        items = body["data"]
        if all("index" in item for item in items):
            items = sorted(items, key=lambda item: item["index"])
        small = exchange["provider"] == "perplexity" and not request.get("encoding_format")
        vectors = [numbers(item["embedding"], small) for item in items]
        usage = body.get("usage") or {}
        tokens = usage.get("prompt_tokens", usage.get("total_tokens"))
    else:
        vectors, tokens = native(body)
    return found_as(
        "embeddings",
        {
            "count": len(vectors),
            "dimensions": len(vectors[0]) if vectors else 0,
            "first": [vector[:4] for vector in vectors],
            "sums": [sum(vector) for vector in vectors],
            "input_tokens": tokens,
        },
    )


def native(body):
    """The vectors and tokens of Cohere, Google AI Studio and Ollama."""
    vectors = body["embeddings"]
    if isinstance(vectors, dict):
        vectors = vectors.get("float") or next(iter(vectors.values()))
    elif vectors and isinstance(vectors[0], dict):
        vectors = [item["values"] for item in vectors]
    billed = body.get("meta", {}).get("billed_units", {}).get("input_tokens")
    google = body.get("usageMetadata", {}).get("promptTokenCount")
    tokens = [
        count for count in (billed, google, body.get("prompt_eval_count")) if count is not None
    ]
    return vectors, tokens[0] if tokens else None


def numbers(vector, small):
    """A vector that may be written in base64, as floats or as small whole numbers."""
    if not isinstance(vector, str):
        return vector
    data = base64.b64decode(vector)
    return list(struct.unpack(f"<{len(data)}b" if small else f"<{len(data) // 4}f", data))


def rerank(exchange):
    """A ranking: index and score of each document, the best first."""
    body = exchange["response"]["body"]
    places = [
        {"index": item["index"], "score": item["relevance_score"]}
        for item in body.get("results", body.get("data"))
    ]
    return found_as("rerank", sorted(places, key=lambda place: -place["score"]))


def models(exchange):
    """The ids of the models of a list."""
    body = exchange["response"]["body"]
    entries = body if isinstance(body, list) else body.get("data", body.get("models"))
    ids = [entry.get("id") or entry.get("model") or entry["name"] for entry in entries]
    return found_as("models", [name.removeprefix("models/") for name in ids])


STATUS = {
    # Anthropic
    "in_progress": "running",
    "canceling": "cancelling",
    "ended": "completed",
    # OpenAI
    "validating": "running",
    "finalizing": "running",
    "completed": "completed",
    "failed": "failed",
    "expired": "expired",
    "cancelling": "cancelling",
    "cancelled": "cancelled",
    # Mistral
    "QUEUED": "running",
    "RUNNING": "running",
    "SUCCESS": "completed",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLATION_REQUESTED": "cancelling",
    "CANCELLED": "cancelled",
}


def batches(exchange):
    """A batch, or the answers of one."""
    body = exchange["response"]["body"]
    path = exchange["request"].get("path", "")
    if path.endswith("/results"):
        lines = list(map(json.loads, body.splitlines())) if isinstance(body, str) else [body]
        return found_as("batch_results", [anthropic_result(line) for line in lines])
    counts = body.get("request_counts") or {}
    batch = {
        "id": body["id"],
        "status": STATUS[body.get("processing_status") or body["status"]],
        "total": body.get("total_requests", counts.get("total")),
        "succeeded": body.get("succeeded_requests", counts.get("completed")),
        "failed": body.get("failed_requests", counts.get("failed")),
    }
    if "processing_status" in body:
        batch["total"] = add(*counts.values())
        batch["succeeded"] = counts.get("succeeded")
        batch["failed"] = add(counts.get("errored"), counts.get("expired"))
    if body.get("outputs"):
        batch["results"] = [chat_result(line) for line in body["outputs"]]
    return found_as("batch", batch)


# What a batch left unanswered, and how each is told.
UNANSWERED = {"canceled": "Cancelled", "expired": "Timeout(Whole)"}


def anthropic_result(line):
    result = line["result"]
    if result["type"] != "succeeded":
        error = (result.get("error") or {}).get("error") or {}
        kind = UNANSWERED.get(result["type"]) or ANTHROPIC.get(error.get("type"), "Server")
        return {"id": line["custom_id"], "error": by_words(kind, error.get("message"))}
    message = result["message"]
    usage = message["usage"]
    reads = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return {
        "id": line["custom_id"],
        "text": "".join(part.get("text", "") for part in message["content"]),
        "finish": {"end_turn": "stop", "max_tokens": "length"}[message["stop_reason"]],
        "input_tokens": add(*(usage.get(name) for name in reads)),
        "output_tokens": usage["output_tokens"],
    }


def chat_result(line):
    status, body = line["response"]["status_code"], line["response"]["body"]
    if status != 200:
        text = body.get("message") or body.get("detail")
        return {"id": line["custom_id"], "error": by_words(OF_STATUS[status], str(text))}
    choice = body["choices"][0]
    return {
        "id": line["custom_id"],
        "text": choice["message"]["content"],
        "finish": choice["finish_reason"],
        "input_tokens": body["usage"]["prompt_tokens"],
        "output_tokens": body["usage"]["completion_tokens"],
    }


def count_tokens(exchange):
    """How many tokens a request has."""
    body = exchange["response"]["body"]
    return found_as("token_count", body.get("input_tokens", body.get("totalTokens")))


def predict(exchange):
    """Vertex AI's predictions, which are vectors."""
    return embeddings(exchange)


def moderations(exchange):
    """Judgements: each category by its name."""
    results = []
    for result in exchange["response"]["body"]["results"]:
        scores = result.get("category_scores") or {}
        categories = {
            name: {"flagged": bool(found), "score": scores.get(name)}
            for name, found in result["categories"].items()
        }
        flagged = result.get("flagged", any(result["categories"].values()))
        results.append({"flagged": flagged, "categories": categories})
    return found_as("moderation", results)


MAGIC = ((b"ID3", "audio/mp3"), (b"\xff\xfb", "audio/mp3"), (b"\xff\xf3", "audio/mp3"))


def speech(exchange):
    """A recording: how long it is, what its bytes add up to, its type."""
    response = exchange["response"]
    body = response["body"]
    if response["body_kind"] == "sse":
        body = [event.json() or {} for event in events(body)]
        data = b"".join(base64.b64decode(event.get("audio_data", "")) for event in body)
        told = next((kind for magic, kind in MAGIC if data.startswith(magic)), None)
        return found_as("speech", {"bytes": len(data), "sum": sum(data), "media_type": told})
    data = base64.b64decode(body if isinstance(body, str) else body["audio_data"])
    told = (response.get("headers") or {}).get("content-type", "").split(";")[0]
    if told in ("", "application/json", "application/octet-stream"):
        told = next((kind for magic, kind in MAGIC if data.startswith(magic)), None)
    return found_as("speech", {"bytes": len(data), "sum": sum(data), "media_type": told})


def transcription(exchange):
    """What was said, and when."""
    response = exchange["response"]
    body = response["body"]
    if response["body_kind"] == "text":
        body = {"text": body}
    if response["body_kind"] == "sse":
        all_events = [event.json() for event in events(body)]
        body = [event for event in all_events if event and event["type"].endswith(".done")][-1]
    usage = body.get("usage") or {}
    return found_as(
        "transcription",
        {
            "text": body["text"],
            "language": body.get("language"),
            "duration": body.get("duration"),
            "segments": [timed(segment, "text") for segment in body.get("segments") or []],
            "words": [timed(word, "word") for word in body.get("words") or []],
            "input_tokens": usage.get("input_tokens", usage.get("prompt_tokens")),
            "output_tokens": usage.get("output_tokens", usage.get("completion_tokens")),
        },
    )


def timed(piece, name):
    found = {"text": piece[name], "start": piece["start"], "end": piece["end"]}
    speaker = piece.get("speaker", piece.get("speaker_id"))
    return {**found, "speaker": speaker} if speaker else found


IMAGES = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def images(exchange):
    """Images: their bytes or addresses."""
    body = exchange["response"]["body"]
    told = f"image/{body['output_format']}" if "output_format" in body else None
    found = []
    for item in body["data"]:
        data = base64.b64decode(item.get("b64_json") or "")
        magic = next((kind for magic, kind in IMAGES if data.startswith(magic)), None)
        found.append(
            {
                "bytes": len(data),
                "url": item.get("url"),
                "media_type": magic or item.get("mime_type") or told,
                "revised_prompt": item.get("revised_prompt"),
            }
        )
    return found_as("images", found)


def found_as(kind, value):
    return Answer(found={kind: value})
