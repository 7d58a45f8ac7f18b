#!/usr/bin/env python3
"""Evaluates the same rows with Meanwhile and with DSPy, against one loopback server, in turn.

    cargo build --release -p meanwhile-programs-bench
    benches/programs/compare.py target/release/meanwhile-programs-bench

DSPy is installed into a virtual environment in the cache folder (`MEANWHILE_CACHE`, else the user's), or
found where `--python` says. Fails when rows do, when the two come to different scores, and when Meanwhile
evaluates fewer than 20 times as many rows in a second of processor time.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import venv

DSPY = "dspy==3.4.1"
# Rows per CPU second, against DSPy's.
LEAST = 20
HERE = pathlib.Path(__file__).resolve().parent


def python_with_dspy() -> pathlib.Path:
    cache = pathlib.Path(os.environ.get("MEANWHILE_CACHE") or pathlib.Path.home() / ".cache" / "meanwhile")
    folder = cache / "dspy" / "venv-3.4.1"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    known = subprocess.run([python, "-c", "import dspy"], capture_output=True)
    if known.returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", DSPY], check=True)
    return python


def measure(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench", help="the bench, built for release")
    parser.add_argument("--python", help="a Python that has DSPy")
    parser.add_argument("--rows", default="2000")
    parser.add_argument("--concurrency", default="64")
    parser.add_argument("--delay-ms", default="20")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    python = arguments.python or str(python_with_dspy())
    server = subprocess.Popen(
        [arguments.bench, "serve", "--delay-ms", arguments.delay_ms], stdout=subprocess.PIPE, text=True
    )
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        shared = ["--url", url, "--rows", arguments.rows, "--concurrency", arguments.concurrency]
        commands = {
            "meanwhile": [arguments.bench, "evaluate", *shared],
            "dspy": [python, str(HERE / "dspy_evaluate.py"), *shared],
        }
        rates = {name: [] for name in commands}
        scores = set()
        failed = []
        print(f"{'':10} {'rows':>6} {'errors':>6} {'score':>7} {'cpu s':>8} {'wall s':>8} {'rows/cpu s':>11}")
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                line = measure(command)
                rate = line["rows"] / line["cpu_s"]
                rates[name].append(rate)
                scores.add(round(line["score"], 2))
                if line["errors"]:
                    failed.append(f"{line['errors']} rows of {name} failed")
                print(
                    f"{name:10} {line['rows']:6} {line['errors']:6} {line['score']:7.2f}"
                    f" {line['cpu_s']:8.3f} {line['wall_s']:8.2f} {rate:11.0f}",
                    flush=True,
                )
        ours, theirs = (statistics.median(rates[name]) for name in ("meanwhile", "dspy"))
        print(f"median rows per CPU second: {ours:.0f} against {theirs:.0f}, {ours / theirs:.1f} times")
        if len(scores) != 1:
            failed.append(f"the scores differ: {sorted(scores)}")
        if ours < LEAST * theirs:
            failed.append(f"that is less than {LEAST} times as many")
        if failed:
            sys.exit("; ".join(failed))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
