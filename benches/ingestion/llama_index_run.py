"""LlamaIndex on the work of `src/cost.rs`; prints the same lines of JSON."""

import argparse
import asyncio
import json
import logging
import resource
import time
import urllib.parse

from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike
from llama_index.vector_stores.postgres import PGVectorStore


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Clock:
    def __init__(self) -> None:
        self.cpu, self.wall = cpu_seconds(), time.monotonic()

    def line(self, work: str, items: int, more: dict) -> None:
        cpu, wall = cpu_seconds() - self.cpu, time.monotonic() - self.wall
        print(json.dumps({"work": work, "items": items, "cpu_s": cpu, "wall_s": wall, "more": more}), flush=True)


async def gather(most: int, work, items: list) -> list:
    """All of it, so many at a time, in order."""
    places = asyncio.Semaphore(most)

    async def one(item):
        async with places:
            return await work(item)

    return await asyncio.gather(*(one(item) for item in items))


async def run(arguments: argparse.Namespace) -> None:
    with open(arguments.documents) as lines:
        documents = [json.loads(line) for line in lines]
    documents = [Document(doc_id=one["id"], text=one["text"]) for one in documents]
    with open(arguments.questions) as lines:
        questions = [line.rstrip("\n") for line in lines]
    base = arguments.url + "/v1"
    embedder = OpenAILikeEmbedding(
        model_name="text-embedding-3-small",
        api_base=base,
        api_key="not-a-real-key",
        embed_batch_size=arguments.batch,
        num_workers=arguments.concurrency,
    )
    llm = OpenAILike(model="gpt-4o-mini", api_base=base, api_key="not-a-real-key", is_chat_model=True)
    Settings.llm, Settings.embed_model = llm, embedder
    postgres = urllib.parse.urlsplit(arguments.postgres)
    store = PGVectorStore.from_params(
        host=postgres.hostname,
        port=str(postgres.port),
        user=postgres.username,
        password="",
        database=postgres.path.strip("/"),
        table_name=f"llama_{arguments.schema}",
        embed_dim=384,
    )

    clock = Clock()
    splitter = SentenceSplitter(chunk_size=arguments.chunk, chunk_overlap=0)
    pipeline = IngestionPipeline(transformations=[splitter, embedder], vector_store=store)
    nodes = await pipeline.arun(documents=documents)
    clock.line("ingest", len(documents), {"chunks": len(nodes)})

    index = VectorStoreIndex.from_vector_store(store, embed_model=embedder)
    retriever = index.as_retriever(similarity_top_k=8)
    clock = Clock()
    found = await gather(arguments.concurrency, retriever.aretrieve, questions)
    clock.line("retrieve", len(questions), {"passages": sum(len(nodes) for nodes in found)})

    engine = index.as_query_engine(llm=llm, similarity_top_k=8, response_mode="compact", use_async=True)
    clock = Clock()
    answers = await gather(arguments.concurrency, engine.aquery, questions)
    answered = sum(1 for answer in answers if "30 days" in str(answer))
    clock.line("query", len(questions), {"answered": answered})


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("url", "postgres", "documents", "questions", "schema"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--chunk", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--concurrency", type=int, default=8)
    arguments = parser.parse_args()
    if not arguments.url.startswith("http://127.0.0.1:"):
        parser.error("--url must be http://127.0.0.1:PORT")
    logging.disable(logging.INFO)
    asyncio.run(run(arguments))


if __name__ == "__main__":
    main()
