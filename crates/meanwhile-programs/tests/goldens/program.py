#!/usr/bin/env python3
"""Prints, as JSON, programs that the installed DSPy has saved, what they then ask, and how its agent runs.

Runs in the environment of `generate.py`. The answers are scripted: nothing is asked of a model.
"""

import asyncio
import contextlib
import json
import pathlib
import sys
import tempfile

import dspy
from dspy.utils import DummyLM


class Scripted(DummyLM):
    """Answers with these texts, in order, and keeps what it was asked."""

    def __init__(self, replies):
        super().__init__([{}])
        self.replies = list(replies)
        self.asked = []

    def __call__(self, prompt=None, messages=None, **kwargs):
        self.asked.append([{"role": one["role"], "content": one["content"]} for one in messages])
        return [self.replies.pop(0)]

    async def acall(self, prompt=None, messages=None, **kwargs):
        return self(prompt, messages, **kwargs)


class Answer(dspy.Signature):
    """Answer in one short sentence."""

    question: str = dspy.InputField(desc="what is asked")
    answer: str = dspy.OutputField()


class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.think = dspy.ChainOfThought(Answer)
        self.steps = [dspy.Predict("answer -> short"), dspy.Predict("short, k: int -> score: float")]
        self.experts = {"law": dspy.Predict("question -> answer")}

    def forward(self, question):
        answer = self.think(question=question).answer
        short = self.steps[0](answer=answer).short
        return self.steps[1](short=short, k=2)


def saved(program):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "program.json"
        program.save(path)
        return path.read_text()


def chat(**fields):
    sections = [f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items()]
    return "\n\n".join([*sections, "[[ ## completed ## ]]"])


def optimised():
    """A program that Python has optimised: its file, and what it asks."""
    run = [chat(reasoning="it is known", answer="Lima it is"), chat(short="Lima"), chat(score="0.75")]
    # The compiler runs each of the three examples once.
    with dspy.context(lm=Scripted(run * 3)):
        compiler = dspy.BootstrapFewShot(metric=lambda *_: True, max_bootstrapped_demos=2, max_labeled_demos=1)
        train = [dspy.Example(question=f"Capital {n}?", answer="Lima").with_inputs("question") for n in range(3)]
        program = compiler.compile(Program(), trainset=train)
    program.think.predict.signature = program.think.predict.signature.with_instructions("Answer in one word.")
    lm = Scripted(run)
    with dspy.context(lm=lm):
        program(question="What is the capital of Peru?")
    return {
        "state": saved(program),
        "paths": [name for name, _ in program.named_predictors()],
        "replies": run,
        "asked": lm.asked,
    }


async def slow(city: str, days: int = 1) -> str:
    """Looks up the weather.

    In a city."""
    await asyncio.sleep(0)
    return f"sunny in {city} for {days} days"


def double(x: int) -> int:
    """Doubles a number."""
    return x * 2


def agent():
    """A run of the agent: what it asks in each turn."""
    replies = [
        chat(next_thought="The weather first.", next_tool_name="slow", next_tool_args='{"city": "Lima", "days": 2}'),
        chat(next_thought="Then the number.", next_tool_name="double", next_tool_args='{"x": 21}'),
        chat(next_thought="Done.", next_tool_name="finish", next_tool_args="{}"),
        chat(reasoning="Both are known.", answer="sunny, 42"),
    ]
    lm = Scripted(replies)
    program = dspy.ReAct(Answer, tools=[slow, double])
    with dspy.context(lm=lm):
        out = asyncio.run(program.acall(question="What is the weather in Lima, and twice 21?"))
    tools = {
        name: {"description": tool.desc, "parameters": {"type": "object", "properties": tool.args}}
        for name, tool in program.tools.items()
        if name != "finish"
    }
    return {
        "state": saved(program),
        "paths": [name for name, _ in program.named_predictors()],
        "tools": tools,
        "replies": replies,
        "asked": lm.asked,
        "answer": out.answer,
    }


bare = dspy.Predict(Answer)
bare.demos = [dspy.Example(question="q", answer="a")]
bare.lm = dspy.LM("openai/gpt-4o-mini", temperature=0.25, max_tokens=64)
# Compilers talk to whoever runs them.
with contextlib.redirect_stdout(sys.stderr):
    printed = {"optimised": optimised(), "agent": agent(), "bare": saved(bare)}
print(json.dumps(printed))
