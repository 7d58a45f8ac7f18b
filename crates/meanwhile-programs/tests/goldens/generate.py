#!/usr/bin/env python3
"""Prints, as JSON, what the installed DSPy writes and reads: prompts, parsed replies, string signatures.

The package is installed once, into a virtual environment in the cache folder (`MEANWHILE_CACHE`, else
`meanwhile` in the user's). What it prints is kept there too, until this file changes. Nothing is asked of
a model. `generate.py --run other.py` runs another script in the same environment.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import venv

VERSION = "3.4.1"


def cache():
    named = os.environ.get("MEANWHILE_CACHE")
    if named:
        return pathlib.Path(named) / "dspy"
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "meanwhile" / "dspy"


def environment():
    """The Python of an environment with DSPy in it."""
    folder = cache() / f"venv-{VERSION}"
    python = folder / "bin" / "python"
    whole = folder / "whole"
    if whole.exists():
        return python
    folder.mkdir(parents=True, exist_ok=True)
    with open(cache() / "lock", "w") as lock:
        # Tests run side by side, and in several processes.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "lib").exists() or not list(folder.glob(f"lib/*/site-packages/dspy-{VERSION}.dist-info")):
            venv.create(folder, with_pip=True, clear=True)
            install = [python, "-m", "pip", "install", "--quiet", f"dspy=={VERSION}"]
            if subprocess.run(install, stdout=sys.stderr).returncode != 0:
                sys.exit(f"pip cannot install dspy {VERSION} here")
        whole.touch()
    return python


# What follows runs in the environment.


def signatures():
    from typing import Any, Literal, Optional

    import dspy
    import pydantic

    class Address(pydantic.BaseModel):
        city: str
        zip: Optional[str] = None

    class Person(pydantic.BaseModel):
        name: str
        age: int
        tags: list[str]
        address: Address

    class Describe(dspy.Signature):
        """Describe what is asked for.

        Keep to the facts:
          - no guesses,
          - no praise.
        """

        topic: str = dspy.InputField(desc="what to describe")
        limit: int = dspy.InputField(desc="most words", ge=1, le=500)
        summary: str = dspy.OutputField(desc="the description, in one paragraph", min_length=3)
        confidence: float = dspy.OutputField(ge=0, le=1)

    class Extract(dspy.Signature):
        """Find the people."""

        text: str = dspy.InputField()
        people: list[Person] = dspy.OutputField()
        first: Person = dspy.OutputField(desc="who comes first")
        cities: dict[str, int] = dspy.OutputField()

    class Given(dspy.Signature):
        """Say what is given."""

        person: Person = dspy.InputField()
        numbers: list[int] = dspy.InputField()
        flags: dict[str, bool] = dspy.InputField()
        passages: str = dspy.InputField(desc="texts")
        sure: bool = dspy.InputField()
        share: float = dspy.InputField()
        maybe: Optional[str] = dspy.InputField()
        answer: str = dspy.OutputField()

    class Defaults(dspy.Signature):
        """Some may be left out."""

        question: str = dspy.InputField()
        answer: str = dspy.OutputField()
        note: Optional[str] = dspy.OutputField()
        rank: int = dspy.OutputField(default=7)

    class Talk(dspy.Signature):
        """Go on with the conversation."""

        question: str = dspy.InputField()
        history: dspy.History = dspy.InputField()
        answer: str = dspy.OutputField()
        score: float = dspy.OutputField()

    text = dspy.Signature
    return {
        "plain": text("question -> answer"),
        "two": text("question, k: int -> answer, score: float"),
        "types": text(
            "text -> flag: bool, n: int, x: float, tags: list[str], mood: Literal['calm', 'angry'], "
            "grade: Literal[1, 2, 3], maybe: Optional[str], some: int | None, counts: dict[str, int]"
        ),
        "thought": dspy.ChainOfThought("question -> answer").predict.signature,
        "describe": Describe,
        "extract": Extract,
        "given": Given,
        "defaults": Defaults,
        "talk": Talk,
        "agent": text("question, trajectory -> next_thought, next_tool_name: Literal['search', 'finish', \"it's\"], "
                      "next_tool_args: dict[str, Any]"),
    }


def spec(signature):
    """A signature as ours are serialised."""
    import types
    from typing import Any, Literal, Union, get_args, get_origin

    import dspy
    import pydantic
    from pydantic_core import PydanticUndefined

    def ty(annotation):
        simple = {str: "string", int: "integer", float: "float", bool: "boolean", Any: "any", dspy.History: "history"}
        if annotation in simple:
            return simple[annotation]
        origin, args = get_origin(annotation), get_args(annotation)
        if origin is list:
            return {"list": ty(args[0])}
        if origin is dict:
            return {"map": ty(args[1])}
        if origin is Literal:
            return {"choice": list(args)}
        if origin in (Union, types.UnionType):
            return {"optional": ty(next(one for one in args if one is not type(None)))}
        if annotation.__name__ == "Reasoning":
            return "string"
        schema = pydantic.TypeAdapter(annotation).json_schema()
        return {"record": {"name": annotation.__name__, "schema": schema}}

    def field(name, info):
        extra = info.json_schema_extra
        made = {"name": name, "type": ty(info.annotation)}
        if extra["desc"] != f"${{{name}}}":
            made["description"] = extra["desc"]
        if extra.get("constraints"):
            made["constraints"] = extra["constraints"].split(", ")
        if info.default is not PydanticUndefined:
            made["default"] = info.default
        return made

    return {
        "name": signature.__name__,
        "instructions": signature.instructions,
        "inputs": [field(*one) for one in signature.input_fields.items()],
        "outputs": [field(*one) for one in signature.output_fields.items()],
    }


ANNA = {"name": "Anna", "age": 41, "tags": ["a & b", "c"], "address": {"city": "Lima", "zip": None}}


def calls():
    """Inputs and demos by signature."""
    return {
        "plain": [
            ({"question": "What is the capital of Peru?"}, []),
            ({"question": "  Two\n\nparagraphs  "}, [
                {"question": "Where?", "answer": "Here."},
                {"question": "Who?\nReally?", "answer": "Ann <b>&</b> Bo", "augmented": True},
            ]),
            ({"question": "Last"}, [
                {"question": "Only asked"},
                {"answer": "Only answered"},
                {"question": "None", "answer": None},
                {"question": "Full", "answer": "Demo"},
            ]),
            ({"question": ["one", "two\nlines", "a «quote»"]}, []),
            ({"question": []}, []),
            ({"question": ["one"]}, []),
        ],
        "two": [
            ({"question": "Why?", "k": 3}, [{"question": "How?", "k": 1, "answer": "So.", "score": 0.5}]),
            ({"question": "Why?", "k": 3}, [{"question": "How?", "answer": "So."}, {"k": 2, "score": 1.0}]),
        ],
        "types": [
            ({"text": "Some text"}, [
                {"text": "Demo", "flag": True, "n": 3, "x": 1e-7, "tags": ["a", "b\"c"], "mood": "calm", "grade": 2,
                 "maybe": "yes", "some": 4, "counts": {"a": 1}},
                {"text": "Demo", "flag": False, "n": -3, "x": 1e22, "tags": [], "mood": "angry", "grade": 1,
                 "maybe": None, "some": None, "counts": {}},
            ]),
        ],
        "thought": [({"question": "Why did the chicken cross the kitchen?"},
                     [{"question": "Q", "reasoning": "R", "answer": "A"}])],
        "describe": [({"topic": "Lima", "limit": 20}, [])],
        "extract": [({"text": "Anna of Lima"}, [
            {"text": "Anna", "people": [ANNA], "first": ANNA, "cities": {"Lima": 1, "São Paulo": 2, "odd key": 3}},
        ])],
        "given": [({
            "person": ANNA, "numbers": [1, 2], "flags": {"a": True}, "passages": ["x", "y"], "sure": True,
            "share": 0.25, "maybe": None,
        }, [])],
        "defaults": [({"question": "Q"}, [])],
        "talk": [
            ({"question": "And now?", "history": [
                {"question": "First?", "answer": "One.", "score": 1.0},
                {"question": "Second?", "answer": "Two."},
            ]}, [{"question": "Demo?", "history": [], "answer": "D", "score": 0.1}]),
            ({"question": "And now?", "history": []}, []),
        ],
        "agent": [({"question": "Q", "trajectory": ""}, [])],
    }


def adapters():
    import dspy
    from dspy.utils import DummyLM

    return {
        "chat": dspy.ChatAdapter(),
        "json": dspy.JSONAdapter(),
        "xml": dspy.XMLAdapter(),
        "two_step": dspy.TwoStepAdapter(DummyLM([])),
    }


def prompts():
    import dspy

    known = signatures()
    cases = []
    for adapter_name, adapter in adapters().items():
        for name, list_of_calls in calls().items():
            for number, (inputs, demos) in enumerate(list_of_calls):
                if (adapter_name, name) == ("two_step", "talk"):
                    # It prints Python's own form of the conversation, where ours makes turns of it.
                    continue
                given = dict(inputs)
                if isinstance(given.get("history"), list):
                    given["history"] = dspy.History(messages=given["history"])
                if name == "given" and adapter_name != "two_step":
                    annotation = known[name].input_fields["person"].annotation
                    given["person"] = annotation(**given["person"])
                messages = adapter.format(known[name], [dict(demo) for demo in demos], given)
                cases.append({
                    "name": f"{adapter_name}/{name}/{number}",
                    "adapter": adapter_name,
                    "signature": spec(known[name]),
                    "demos": [{key: value for key, value in demo.items() if key != "augmented"} for demo in demos],
                    "inputs": inputs,
                    "messages": messages,
                })
    for name, signature in known.items():
        adapter = adapters()["two_step"]
        extractor = adapter._create_extractor_signature(signature)
        messages = dspy.ChatAdapter().format(extractor, [], {"text": "Some prose."})
        cases.append({
            "name": f"extraction/{name}",
            "adapter": "extraction",
            "signature": spec(signature),
            "demos": [],
            "inputs": {"text": "Some prose."},
            "messages": messages,
        })
    return cases


REPLIES = {
    "chat": {
        "plain": [
            "[[ ## answer ## ]]\nLima\n\n[[ ## completed ## ]]",
            "[[ ## answer ## ]] Lima\n[[ ## completed ## ]]\n",
            "Sure!\n\n[[ ## answer ## ]]\n\n  Two lines,\n\n  the second\tindented  \n\n\n[[ ## completed ## ]] bye",
            "[[ ## answer ## ]]\nfirst\n[[ ## answer ## ]]\nsecond\n",
            "[[ ## thoughts ## ]]\nhm\n[[ ## answer ## ]]\nLima\n[[ ## more ## ]]\nx",
            "[[ ## answer ## ]]\nThe marker [[ ## answer ## ]] in a line\n  [[ not a header\n[[ ## completed ## ]]",
            "[[ ## answer ## ]]\r\nwindows\r\nlines\r\n[[ ## completed ## ]]\r\n",
            "  [[ ## answer ## ]]\nindented",
            "[[ ## answer ## ]]\nunfinished, and [[ ## comp",
            "[[ ## answer ## ]]",
            "Lima",
            "",
            "[[ ## answer ## ]]\n«quotes» 日本語 ünï \u00a0\n[[ ## completed ## ]]",
            "[[ ## answer ## ]]\n{\"a\": [1, 2]}\n[[ ## completed ## ]]",
            "[[ ## question ## ]]\nWhere?\n\n[[ ## answer ## ]]\nHere.\n",
        ],
        "two": [
            "[[ ## answer ## ]]\nSo.\n\n[[ ## score ## ]]\n0.75\n\n[[ ## completed ## ]]",
            "[[ ## score ## ]]\n1\n[[ ## answer ## ]]\nSo.",
            "[[ ## answer ## ]]\nSo.\n[[ ## score ## ]]\n-1e-3",
            "[[ ## answer ## ]]\nSo.\n[[ ## score ## ]]\nhigh",
            "[[ ## answer ## ]]\nSo.",
        ],
        "types": [
            "[[ ## flag ## ]]\nTrue\n[[ ## n ## ]]\n42\n[[ ## x ## ]]\n2.5\n[[ ## tags ## ]]\n[\"a\", \"b\"]\n"
            "[[ ## mood ## ]]\ncalm\n[[ ## grade ## ]]\n2\n[[ ## maybe ## ]]\nperhaps\n[[ ## some ## ]]\n5\n"
            "[[ ## counts ## ]]\n{\"a\": 1}\n[[ ## completed ## ]]",
            "[[ ## flag ## ]]\nfalse\n[[ ## n ## ]]\n-7\n[[ ## x ## ]]\n3\n[[ ## tags ## ]]\n['a', 'b']\n"
            "[[ ## mood ## ]]\n'angry'\n[[ ## grade ## ]]\nLiteral[3]\n[[ ## counts ## ]]\n{'a': 1,}\n",
            "[[ ## flag ## ]]\nTrue\n[[ ## n ## ]]\n1\n[[ ## x ## ]]\n1\n[[ ## tags ## ]]\n```json\n[\"a\"]\n```\n"
            "[[ ## mood ## ]]\n\"calm\"\n[[ ## grade ## ]]\n\"1\"\n[[ ## some ## ]]\nnull\n[[ ## counts ## ]]\n{}",
            "[[ ## flag ## ]]\nTrue\n[[ ## n ## ]]\n1\n[[ ## x ## ]]\n1\n[[ ## tags ## ]]\n[]\n"
            "[[ ## mood ## ]]\nfurious\n[[ ## grade ## ]]\n1\n[[ ## counts ## ]]\n{}",
        ],
        "extract": [
            "[[ ## people ## ]]\n[{\"name\": \"Anna\", \"age\": 41, \"tags\": [], \"address\": {\"city\": \"Lima\"}}]\n"
            "[[ ## first ## ]]\n{\"name\": \"Bo\", \"age\": 7, \"tags\": [\"x\"], \"address\": {\"city\": \"Rio\", \"zip\": \"1\"}}\n"
            "[[ ## cities ## ]]\n{\"Lima\": 1}\n[[ ## completed ## ]]",
        ],
        "defaults": [
            "[[ ## answer ## ]]\nA\n[[ ## completed ## ]]",
            "[[ ## answer ## ]]\nA\n[[ ## rank ## ]]\n2\n[[ ## note ## ]]\nN",
        ],
        "agent": [
            "[[ ## next_thought ## ]]\nLook.\n[[ ## next_tool_name ## ]]\nsearch\n[[ ## next_tool_args ## ]]\n"
            "{\"query\": \"Lima\", \"k\": 3}\n[[ ## completed ## ]]",
            "[[ ## next_thought ## ]]\nDone.\n[[ ## next_tool_name ## ]]\nit's\n[[ ## next_tool_args ## ]]\n{}",
        ],
    },
    "json": {
        "plain": [
            "{\"answer\": \"Lima\"}",
            "Here it is:\n```json\n{\n  \"answer\": \"two\\nlines \\u00fc\"\n}\n```",
            "{'answer': 'single'}",
            "{\"answer\": \"Lima\", \"extra\": [1]}",
            "{\"answer\": \"trailing\",}",
            "{answer: \"bare key\"}",
            "{\"answer\": \"  spaces  \"}",
            "{\"answer\": 3}",
            "{\"other\": 1}",
            "no JSON at all",
            "The answer: {\"answer\": \"in prose\"} as you see.",
        ],
        "two": [
            "{\"answer\": \"So.\", \"score\": 0.5}",
            "{\"score\": \"0.5\", \"answer\": \"So.\"}",
            "{\"answer\": \"So.\", \"score\": \"high\"}",
        ],
        "types": [
            "{\"flag\": true, \"n\": 42, \"x\": 2.5, \"tags\": [\"a\"], \"mood\": \"calm\", \"grade\": 2, \"maybe\": null, "
            "\"some\": null, \"counts\": {\"a\": 1}}",
            "{\"flag\": \"True\", \"n\": \"42\", \"x\": \"2.5\", \"tags\": [], \"mood\": \"angry\", \"grade\": \"2\", "
            "\"maybe\": \"m\", \"some\": 3, \"counts\": {}}",
        ],
        "extract": [
            "{\"people\": [{\"name\": \"Anna\", \"age\": 41, \"tags\": [], \"address\": {\"city\": \"Lima\"}}], "
            "\"first\": {\"name\": \"Bo\", \"age\": 7, \"tags\": [\"x\"], \"address\": {\"city\": \"Rio\", \"zip\": null}}, "
            "\"cities\": {\"Lima\": 1}}",
        ],
        "defaults": ["{\"answer\": \"A\"}", "{\"answer\": \"A\", \"note\": \"N\", \"rank\": 1}"],
    },
    "xml": {
        "plain": [
            "<answer>\nLima\n</answer>",
            "Sure.\n<answer>a &lt; b &amp; c &#233;</answer> bye",
            "<answer> two\nlines </answer>",
            "<other>x</other><answer>y</answer>",
            "<answer>a < b & c</answer>",
            "<answer>unfinished",
            "<answer></answer>",
            "no XML",
        ],
        "two": ["<answer>So.</answer>\n<score>0.5</score>", "<answer>So.</answer><score>high</score>"],
        "types": [
            "<flag>True</flag><n>42</n><x>2.5</x><tags><item>a</item><item>b &amp; c</item></tags><mood>calm</mood>"
            "<grade>2</grade><maybe>m</maybe><some>4</some><counts><a>1</a><entry key=\"odd key\">2</entry></counts>",
            "<flag>false</flag><n>1</n><x>1</x><tags>[\"a\", \"b\"]</tags><mood>angry</mood><grade>1</grade>"
            "<maybe>m</maybe><some />" "<counts></counts>",
            "<flag>True</flag><n>1</n><x>1</x><tags></tags><mood>calm</mood><grade>3</grade><counts><a>1</a></counts>",
        ],
        "extract": [
            "<people><item><name>Anna</name><age>41</age><tags><item>x</item></tags><address><city>Lima</city>"
            "</address></item></people><first><name>Bo</name><age>7</age><tags /><address><city>Rio</city><zip>1</zip>"
            "</address></first><cities><Lima>1</Lima></cities>",
        ],
        "defaults": ["<answer>A</answer>"],
    },
}


def replies():
    import pydantic

    def plain(value):
        if isinstance(value, pydantic.BaseModel):
            return value.model_dump(mode="json")
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return value

    known, cases = signatures(), []
    for adapter_name, by_signature in REPLIES.items():
        adapter = adapters()[adapter_name]
        for name, texts in by_signature.items():
            for number, text in enumerate(texts):
                case = {
                    "name": f"{adapter_name}/{name}/{number}",
                    "adapter": adapter_name,
                    "signature": spec(known[name]),
                    "text": text,
                }
                try:
                    case["fields"] = plain(adapter.parse(known[name], text))
                except Exception as error:
                    case["error"] = type(error).__name__
                cases.append(case)
    return cases


TEXTS = [
    "question -> answer",
    "question, k: int -> answer, score: float",
    "question,k:int->answer,score:float",
    "a: list[str], b: dict[str, int] -> c: bool, d: list[dict[str, list[float]]]",
    "a: Optional[str], b: int | None -> c: Literal['x', \"y, z\", 3, True]",
    "context: list[str], question: str -> answer: str",
    "a -> b: dict[str, Any]",
    "a, b c",
    "a -> b -> c",
    "a -> a",
    "a, a -> b",
    "a: Nothing -> b",
    "a: list[Nothing] -> b, c: Never",
    "-> b",
    "a ->",
    "",
    "1a -> b",
    "a b -> c",
]


def texts():
    import dspy

    cases = []
    for text in TEXTS:
        try:
            cases.append({"text": text, "signature": spec(dspy.Signature(text))})
        except Exception as error:
            cases.append({"text": text, "error": f"{type(error).__name__}: {error}"})
    return cases


def main():
    if sys.argv[1:2] == ["--run"]:
        sys.exit(subprocess.run([environment(), *sys.argv[2:]]).returncode)
    if sys.argv[1:] == ["--inside"]:
        json.dump({"prompts": prompts(), "replies": replies(), "texts": texts()}, sys.stdout)
        return
    script = pathlib.Path(__file__).resolve()
    python = environment()
    kept = cache() / f"goldens-{hashlib.sha256(script.read_bytes()).hexdigest()[:16]}.json"
    if not kept.exists():
        made = subprocess.run([python, script, "--inside"], check=True, stdout=subprocess.PIPE).stdout
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_bytes(made)
        part.replace(kept)
    sys.stdout.write(kept.read_text())


if __name__ == "__main__":
    main()
