"""What no public call of the project asks for: why, and what there would have been to read.

A replay that does not play a recording must be of the same mind. What a recording holds is said all
the same, so that what is left out can be weighed.
"""

from frames import events, lines

# The family of endpoints, of whom (`*` for all), and what it is.
FAMILIES = {
    ("realtime", "*"): "a session over WebSocket",
    ("completions", "*"): "text completions of one prompt",
    ("complete", "anthropic"): "text completions of one prompt",
    ("generate_v1", "cohere"): "text completions of one prompt",
    ("generate", "ollama"): "text completions of one prompt",
    ("chat_v1", "cohere"): "a chat of a version that was replaced",
    ("embeddings_legacy", "ollama"): "vectors of a version that was replaced",
    ("interactions", "google"): "stateful interactions",
    ("cached_contents", "google"): "the upkeep of caches",
    ("files", "*"): "the upkeep of files",
    ("tokenize_v1", "cohere"): "tokens themselves",
    ("show", "ollama"): "the description of one model",
    ("count_tokens", "openai"): "a token count that is not offered",
    ("count_tokens", "bedrock"): "a token count that is not offered",
    ("ocr", "mistral"): "the reading of documents",
    ("hf_inference", "huggingface"): "a task of one model",
    ("audio_translation", "*"): "the translation of a recording",
}
# Vendors whose own bodies InvokeModel carries for the project.
INVOKED = ("anthropic.", "amazon.nova", "openai.", "mistral.")


def reason(exchange):
    """Why an exchange is not asked for; `None` where it is."""
    provider, api = exchange["provider"], exchange["api"]
    request, response = exchange["request"], exchange["response"]
    path = (request.get("path") or "").split("?")[0]
    method = request.get("method") or "POST"
    is_answer = (response.get("status") or 200) < 300
    family = FAMILIES.get((api, provider)) or FAMILIES.get((api, "*"))
    if family or response["body_kind"] == "ws-frames":
        return family or "a session over WebSocket"
    match api:
        case "models" if path and not path.endswith(("/models", "/tags")):
            return "one model or operation, no list"
        case "predict" if "embedding" not in path:
            return "a prediction that is no vector"
        case "batches" if is_upkeep(path, request.get("method"), response.get("body")):
            return "the upkeep of batches"
        case "moderations" if path and not path.endswith("v1/moderations"):
            return "no judgement of texts"
        case "audio_speech" if response["body_kind"] == "sse" and provider != "mistral":
            return "speech in events"
        case "audio_transcription" if provider == "openrouter":
            return "a transcription that is asked for in JSON"
        case "images" if path and not path.endswith("/generations"):
            return "an image made from another"
        case "invoke" if is_answer and not any(vendor in path for vendor in INVOKED):
            return "a vendor whose bodies are not written on InvokeModel"
    return None if method in ("GET", "POST") else "upkeep"


def is_upkeep(path, method, body):
    """Whether a request lists batches or removes one."""
    if method not in ("GET", "POST", None):
        return True
    is_list = path.endswith(("/batches", "/jobs")) and isinstance(body, dict) and "data" in body
    return method != "POST" and is_list


def glance(exchange):
    """The text that is in an answer nobody asks for, from wherever its wire keeps it."""
    response = exchange["response"]
    body = response.get("body")
    match response["body_kind"]:
        case "sse":
            return "".join(texts(event.json()) for event in events(body))
        case "ndjson" | "jsonl":
            return "".join(map(texts, lines(body)))
        case "json":
            return texts(body)
        case "text":
            return body
    return ""


NAMES = ("text", "completion", "response", "generated_text", "content", "value", "markdown", "answer")
INSIDE = ("choices", "generations", "message", "delta", "token", "output", "outputs", "pages", "parts")


def texts(value):
    """The texts of a value and of what is inside it, in order."""
    if isinstance(value, list):
        return "".join(map(texts, value))
    if not isinstance(value, dict):
        return ""
    own = "".join(value[name] for name in NAMES if isinstance(value.get(name), str))
    names = (*INSIDE, *(name for name in NAMES if not isinstance(value.get(name), str)))
    return own + "".join(texts(value[name]) for name in names if name in value)
