"""Reads recorded exchanges without any code of the project: the judge of its decoders.

`main.py --corpus DIR [--provider P] --json OUT` writes one line of JSON for each exchange. It follows
the vendors' documentation and the recordings, so that an agreement with the replay tool says
something about both.
"""

import argparse
import json
import sys
from pathlib import Path

import anthropic
import bedrock
import chat
import cohere
import google
import mistral
import modality
import ollama
import outside
import responses
from answer import Answer, failed, skip
from errors import failure

WIRES = {
    ("*", "chat"): chat.extract,
    ("mistral", "chat"): mistral.extract,
    ("cohere", "chat"): cohere.extract,
    ("ollama", "chat"): ollama.extract,
    ("*", "responses"): responses.extract,
    ("*", "messages"): anthropic.extract,
    ("vertex", "anthropic_messages"): anthropic.extract,
    ("*", "generate_content"): google.extract,
    ("bedrock", "converse"): bedrock.extract,
    ("bedrock", "invoke"): bedrock.invoke,
    ("mistral", "fim"): mistral.extract,
    ("mistral", "agents"): mistral.extract,
    ("*", "embeddings"): modality.embeddings,
    ("cohere", "embeddings_v1"): modality.embeddings,
    ("vertex", "predict"): modality.predict,
    ("*", "rerank"): modality.rerank,
    ("cohere", "rerank_v1"): modality.rerank,
    ("*", "models"): modality.models,
    ("*", "batches"): modality.batches,
    ("*", "moderations"): modality.moderations,
    ("*", "audio_speech"): modality.speech,
    ("*", "audio_transcription"): modality.transcription,
    ("*", "images"): modality.images,
    ("anthropic", "count_tokens"): modality.count_tokens,
    ("google", "count_tokens"): modality.count_tokens,
    ("vertex", "count_tokens"): modality.count_tokens,
}


def wire(provider, api):
    """The reader of a wire: the provider's own, or the one that all providers share."""
    return WIRES.get((provider, api)) or WIRES.get(("*", api))


def extract(exchange):
    """The facts of one exchange."""
    if reason := outside.reason(exchange):
        answer = skip(reason)
        answer.text = outside.glance(exchange)
        return answer
    read = wire(exchange["provider"], exchange["api"])
    if read is None:
        return Answer(kind="unknown")
    is_refusal = (exchange["response"].get("status") or 200) >= 300
    answer = failed() if is_refusal else read(exchange)
    answer.error = failure(exchange, answer)
    return answer


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument(
        "--corpus", type=Path, required=True, help="the folder of the recordings"
    )
    arguments.add_argument("--provider", default="*", help="only the recordings of this provider")
    arguments.add_argument("--json", type=Path, required=True, help="where to write the lines")
    options = arguments.parse_args()
    files = sorted(options.corpus.glob(f"{options.provider}/*/*.json"), key=Path.as_posix)
    if not files:
        sys.exit(f"no recordings below {options.corpus}")
    with options.json.open("w", encoding="utf-8") as out:
        for file in files:
            exchange = json.loads(file.read_text(encoding="utf-8"))
            answer = extract(exchange)
            print(answer.line(file.relative_to(options.corpus).as_posix()), file=out)


if __name__ == "__main__":
    main()
