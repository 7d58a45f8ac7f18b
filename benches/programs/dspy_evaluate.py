"""DSPy's own Evaluate on the rows of `src/evaluate.rs`; prints the same line of JSON."""

import argparse
import json
import logging
import resource
import time

import dspy
from dspy.evaluate import Evaluate
from dspy.evaluate.metrics import answer_exact_match


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    arguments = parser.parse_args()
    if not arguments.url.startswith("http://127.0.0.1:"):
        parser.error("--url must be http://127.0.0.1:PORT")
    logging.disable(logging.INFO)
    lm = dspy.LM(
        "openai/gpt-4o-mini",
        api_base=arguments.url + "/v1",
        api_key="not-a-real-key",
        cache=False,
        num_retries=0,
    )
    dspy.configure(lm=lm)

    def row(number: int) -> dspy.Example:
        return dspy.Example(
            question=f"What is the capital of Peru? Question {number}.",
            answer="Lima" if number % 2 == 0 else "Quito",
        ).with_inputs("question")

    program = dspy.Predict("question -> answer")

    def evaluate(rows: list[dspy.Example]):
        return Evaluate(devset=rows, metric=answer_exact_match, num_threads=arguments.concurrency)(program)

    # Imports, connections and threads are made before the measurement.
    evaluate([row(number) for number in range(arguments.concurrency)])
    rows = [row(number) for number in range(arguments.rows)]
    cpu, wall = cpu_seconds(), time.monotonic()
    result = evaluate(rows)
    cpu, wall = cpu_seconds() - cpu, time.monotonic() - wall
    errors = sum(1 for _, prediction, _ in result.results if "answer" not in prediction)
    print(
        json.dumps(
            {"rows": len(rows), "errors": errors, "score": result.score, "cpu_s": cpu, "wall_s": wall}
        )
    )


if __name__ == "__main__":
    main()
