//! Thinking, wherever servers put it: in tags, under marks, in blocks with signatures, under other names.

use meanwhile_core::{Error, ErrorKind, Fold, Message, Part, Request, Response};
use meanwhile_http::{Answer, Codec as _, Framing};
use meanwhile_openai_compatible::{ChatCodec, Quirks, ReplayThinking, presets};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{events, fold, stream, whole};

fn vendor(id: &str) -> ChatCodec {
    ChatCodec::new(id.to_owned(), presets::Preset::find(id).unwrap().quirks)
}

fn tagged() -> ChatCodec {
    vendor("sambanova")
}

fn contents(pieces: &[&str]) -> Vec<Value> {
    pieces.iter().map(|piece| json!({ "content": piece })).collect()
}

fn streamed(codec: &ChatCodec, deltas: &[Value]) -> Response {
    fold(codec, Framing::ServerSentEvents, &stream(deltas, "stop")).unwrap()
}

/// The thinking and the text of an answer.
fn said(response: &Response) -> (String, String) {
    (response.thinking(), response.text())
}

fn pair(thinking: &str, text: &str) -> (String, String) {
    (thinking.to_owned(), text.to_owned())
}

#[test]
fn thinking_in_tags_is_thinking_at_the_very_start_alone() {
    let check = |text: &str, thinking: &str, answer: &str| {
        let message = json!({ "content": text });
        let response = fold(&tagged(), Framing::Whole, &whole(&message, &json!("stop"))).unwrap();
        assert_eq!(said(&response), pair(thinking, answer), "{text:?}");
        let response = streamed(&tagged(), &contents(&[text]));
        assert_eq!(said(&response), pair(thinking, answer), "{text:?} in a stream");
    };
    check("<think>\nhm, 1 < 2\n</think>\n\nso", "hm, 1 < 2", "so");
    check("\n<think>a</think>b", "a", "b");
    check("<think>\n\n</think>\n\nso", "", "so");
    check("<think>a</think>", "a", "");
    // Cut off while it thinks.
    check("<think>a </thi", "a </thi", "");
    check("<think>a ", "a ", "");
    // What is no tag, and what is one later on, is the answer's own.
    check("<b>so</b>", "", "<b>so</b>");
    check("<", "", "<");
    check("<thin", "", "<thin");
    check("<thinking>a</thinking>", "", "<thinking>a</thinking>");
    check("so <think>a</think>", "", "so <think>a</think>");
    check("<think>a</think>b<think>c</think>", "a", "b<think>c</think>");
    check("\n ", "", "\n ");
}

#[test]
fn tags_are_looked_for_where_vendors_are_known_to_write_them() {
    let message = json!({ "content": "<think>a</think>b" });
    let body = whole(&message, &json!("stop"));
    for id in ["groq", "fireworks", "huggingface", "minimax", "portkey", "perplexity", "lmstudio"] {
        assert_eq!(
            said(&fold(&vendor(id), Framing::Whole, &body).unwrap()),
            pair("a", "b"),
            "{id}"
        );
    }
    for id in ["openrouter", "deepseek", "xai"] {
        let response = fold(&vendor(id), Framing::Whole, &body).unwrap();
        assert_eq!(response.text(), "<think>a</think>b", "{id}");
    }
    // Where a server writes the same in a field of its own as well, it is told once.
    let both = json!({ "reasoning_content": "a", "content": "<think>a</think>b" });
    let response = fold(&tagged(), Framing::Whole, &whole(&both, &json!("stop"))).unwrap();
    assert_eq!(said(&response), pair("a", "b"));
}

#[test]
fn a_stream_that_breaks_off_keeps_what_was_held_back() {
    let body = stream(&contents(&["<thi"]), "stop");
    let (body, _) = body.split_once("data: {\"choices\"").unwrap();
    let (_, partial) = fold(&tagged(), Framing::ServerSentEvents, body).unwrap_err();
    assert_eq!(partial.text(), "<thi");
    let failing = format!("{body}data: {{\"error\":{{\"message\":\"m\"}}}}\n\n");
    let (_, partial) = fold(&tagged(), Framing::ServerSentEvents, &failing).unwrap_err();
    assert_eq!(partial.text(), "<thi");
    // Also where the connection breaks, whatever the server had said of it.
    for (more, expected) in [("", "cut"), ("{\"error\":{\"message\":\"m\"}}\n", "m")] {
        let request = Request::new("m", Vec::new());
        let mut answer = Answer::new(tagged().decoder(&request), Framing::ServerSentEvents);
        answer.push(format!("{body}{more}").into());
        answer.fail(Error::new(ErrorKind::Connection, "cut"));
        let mut fold = Fold::new("acme", "m");
        let failed = std::iter::from_fn(|| answer.next()).find_map(|event| match event {
            Ok(event) => fold.push(&event).err(),
            Err(error) => Some(error),
        });
        assert_eq!(failed.unwrap().message(), expected);
        assert_eq!(fold.into_partial().text(), "<thi");
    }
    // A call ends the text, too.
    let mut deltas = contents(&["<"]);
    deltas.push(json!({ "tool_calls": [{ "id": "a", "function": { "name": "f" } }] }));
    let response = streamed(&tagged(), &deltas);
    let kinds: Vec<&str> = response.message.parts.iter().map(Part::kind).collect();
    assert_eq!((kinds, response.text()), (vec!["text", "tool call"], "<".to_owned()));
}

/// MiniMax closes a stream with the whole message.
#[test]
fn a_whole_message_does_not_bring_thinking_in_tags_again() {
    let call = json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{}" } });
    let last = |content: &str| {
        json!({ "choices": [{ "index": 0, "finish_reason": "tool_calls",
            "message": { "content": content, "tool_calls": [call] } }] })
    };
    let deltas = stream(
        &[json!({ "content": "<think>hm</think>\n\n" }), json!({ "tool_calls": [call] })],
        "x",
    );
    let (deltas, _) = deltas.split_once("data: {\"choices\":[{\"index\":0,\"delta\":{},").unwrap();
    for (content, text, kinds) in [
        ("<think>hm</think>\n\n", "", vec!["thinking", "tool call"]),
        ("<think>hm</think>\n\nso", "so", vec!["thinking", "tool call", "text"]),
    ] {
        let body = format!("{deltas}data: {}\n\ndata: [DONE]\n\n", last(content));
        let response = fold(&tagged(), Framing::ServerSentEvents, &body).unwrap();
        assert_eq!(said(&response), pair("hm", text));
        let found: Vec<&str> = response.message.parts.iter().map(Part::kind).collect();
        assert_eq!(found, kinds);
    }
}

#[test]
fn thinking_in_tags_counts_beside_what_says_something_else() {
    // A blank in the field is no thinking, and the steps of a search are not what the tags hold.
    let blank = json!({ "reasoning_content": "\n" });
    let response = streamed(&tagged(), &[blank, json!({ "content": "<think>a</think>b" })]);
    assert_eq!((response.thinking().trim(), response.text().as_str()), ("a", "b"));
    let steps = json!({ "reasoning_steps": [{ "thought": "I search. ", "type": "web_search" }] });
    let response =
        streamed(&vendor("perplexity"), &[steps, json!({ "content": "<think>a</think>b" })]);
    assert_eq!(said(&response), pair("I search. a", "b"));
}

/// The probability of each token of the text, and how many warnings there are.
fn probable(response: &Response) -> (Vec<&str>, usize) {
    let texts = response.message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.logprobs.iter().map(|token| token.token.as_str())),
        _ => None,
    });
    (texts.flatten().collect(), response.warnings.len())
}

#[test]
fn probabilities_are_those_of_the_text() {
    let logprobs = |tokens: &[&str]| {
        let token = |token: &&str| json!({ "token": token, "logprob": -0.5 });
        json!({ "content": tokens.iter().map(token).collect::<Vec<_>>() })
    };
    let chunk = |text: &str| {
        let choice =
            json!({ "index": 0, "delta": { "content": text }, "logprobs": logprobs(&[text]) });
        format!("data: {}\n\n", json!({ "choices": [choice] }))
    };
    let read = |pieces: &[&str]| {
        let body: String = pieces.iter().map(|piece| chunk(piece)).collect();
        fold(&tagged(), Framing::ServerSentEvents, &(body + &stream(&[], "stop"))).unwrap()
    };
    // A beginning that is held back keeps its own.
    assert_eq!(probable(&read(&["\n", " ", "so", " on"])), (vec!["\n", " ", "so", " on"], 0));
    assert_eq!(probable(&read(&["<", "b>"])), (vec!["<", "b>"], 0));
    assert_eq!(probable(&read(&["<", "think>", "hm", "</think>", "so"])), (vec!["so"], 1));
    assert_eq!(probable(&read(&["\n"])), (vec!["\n"], 0));
    // Those of a whole answer are cut as its text is.
    let tokens = ["<think>", "h", "m", "</think>", "\n\n", "so", " on", "<|end|>"];
    let message = json!({ "content": tokens[..7].concat() });
    let body = json!({ "choices": [{ "index": 0, "message": message, "finish_reason": "stop",
        "logprobs": logprobs(&tokens) }] });
    let response = fold(&tagged(), Framing::Whole, &body.to_string()).unwrap();
    assert_eq!(probable(&response), (vec!["so", " on", "<|end|>"], 1));
}

#[test]
fn the_marks_of_google_tell_thinking() {
    let mark =
        |text: &str| json!({ "content": text, "extra_content": { "google": { "thought": true } } });
    let check = |deltas: &[Value], expected: (String, String)| {
        assert_eq!(said(&streamed(&crate::acme(), deltas)), expected, "{deltas:?}");
    };
    let more = |text: &str| json!({ "content": text });
    check(
        &[mark("<thought>**Plan**\n"), mark("first"), more("</thought>so"), more(" far")],
        pair("**Plan**\nfirst", "so far"),
    );
    check(&[mark("<thought>a"), more("</tho"), more("ught>b")], pair("a", "b"));
    check(&[mark("a"), more("</b>")], pair("a", "</b>"));
    check(&[mark("<thought>a</thought>b"), more("c")], pair("a", "bc"));
    let message = mark("<thought>a</thought>b");
    let response = fold(&crate::acme(), Framing::Whole, &whole(&message, &json!("stop"))).unwrap();
    assert_eq!(said(&response), pair("a", "b"));
    assert!(response.message.parts.iter().all(|part| part.data().is_none()), "a mark is no data");
    // Without the mark, the same tags are text.
    check(&[more("<thought>a</thought>b")], pair("", "<thought>a</thought>b"));
}

#[test]
fn the_signature_of_google_goes_back_with_the_message() {
    let signed = json!({ "google": { "thought_signature": "s" } });
    let check = |deltas: &[Value]| {
        let response = streamed(&crate::acme(), deltas);
        let request = Request::new("m", vec![Message::user("q"), response.message]);
        let wire = crate::acme().encode(&request).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        assert_eq!(body["messages"][1]["extra_content"], signed, "{deltas:?}");
    };
    check(&[json!({ "content": "so", "extra_content": signed })]);
    check(&[json!({ "content": "so" }), json!({ "content": "", "extra_content": signed })]);
    check(&[json!({ "extra_content": signed }), json!({ "content": "so" })]);
    let call = json!({ "id": "a", "function": { "name": "f" } });
    check(&[json!({ "tool_calls": [call], "extra_content": signed })]);
}

#[test]
fn the_blocks_of_litellm_go_back_as_they_came() {
    let redacted = json!({ "type": "redacted_thinking", "data": "xyz" });
    let block = |thinking: &str, signature: Value| json!({ "type": "thinking", "thinking": thinking, "signature": signature });
    let blocks = json!([block("ab", json!("s1")), block("c", json!("s2")), redacted]);
    let check = |response: Response| {
        assert_eq!(said(&response), pair("abc", "so"));
        let request = Request::new("m", vec![Message::user("q"), response.message]);
        let wire = vendor("litellm").encode(&request).unwrap();
        let body: Value = serde_json::from_slice(&wire.body).unwrap();
        assert_eq!(body["messages"][1]["thinking_blocks"], blocks);
        assert_eq!(body["messages"][1]["reasoning_content"], "abc");
    };
    let message = json!({ "content": "so", "reasoning_content": "abc", "thinking_blocks": blocks });
    check(fold(&vendor("litellm"), Framing::Whole, &whole(&message, &json!("stop"))).unwrap());
    // In pieces, and without the field beside them.
    check(streamed(
        &vendor("litellm"),
        &[
            json!({ "reasoning_content": "a", "thinking_blocks": [block("a", json!(null))] }),
            json!({ "thinking_blocks": [block("b", json!(""))] }),
            json!({ "thinking_blocks": [block("", json!("s1"))] }),
            json!({ "thinking_blocks": [block("c", json!("s2"))] }),
            json!({ "thinking_blocks": [redacted] }),
            json!({ "content": "so" }),
        ],
    ));
}

#[test]
fn other_names_of_thinking_are_known() {
    for name in ["thinking", "think", "chain_of_thought", "reasoning_text"] {
        let deltas = [json!({ name: "a" }), json!({ name: "b" }), json!({ "content": "c" })];
        assert_eq!(said(&streamed(&crate::acme(), &deltas)), pair("ab", "c"), "{name}");
    }
    // Beside the usual name, they say the same.
    let both = [json!({ "reasoning": "a", "thinking": "a" }), json!({ "content": "c" })];
    assert_eq!(said(&streamed(&crate::acme(), &both)), pair("a", "c"));
    // GitHub Copilot.
    let mut quirks = Quirks::new();
    quirks.replay_thinking = ReplayThinking::Field("reasoning_text");
    let codec = ChatCodec::new("copilot", quirks);
    let deltas = [
        json!({ "reasoning_text": "a" }),
        json!({ "reasoning_opaque": "o" }),
        json!({ "content": "c" }),
    ];
    let response = streamed(&codec, &deltas);
    let request = Request::new("m", vec![Message::user("q"), response.message]);
    let body: Value = serde_json::from_slice(&codec.encode(&request).unwrap().body).unwrap();
    assert_eq!(body["messages"][1]["reasoning_opaque"], "o");
    assert_eq!(body["messages"][1]["reasoning_text"], "a");
    // The steps of Perplexity.
    let step = json!({ "type": "web_search", "thought": "look it up",
        "web_search": { "search_keywords": ["k"], "search_results": [] } });
    let deltas = [json!({ "reasoning_steps": [step] }), json!({ "content": "c" })];
    let response = streamed(&vendor("perplexity"), &deltas);
    assert_eq!(said(&response), pair("look it up", "c"));
    let kept = &response.message.parts[0].data().unwrap().value;
    assert_eq!(kept["reasoning_steps"], json!([step]));
}

proptest! {
    #[test]
    fn it_does_not_matter_how_a_text_is_cut(
        text in r"(\s{0,2})(<thi|<think>|<think>\n)?[a-z<>/ \n]{0,8}(</think>|</thin|\n</think>\n)?[a-z<>/ \né]{0,8}",
        cuts in prop::collection::vec(0..40_usize, 0..6),
    ) {
        let mut cuts: Vec<usize> =
            cuts.into_iter().filter(|at| text.is_char_boundary(*at)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut rest = &*text;
        for cut in cuts.into_iter().rev() {
            let (before, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(after);
            rest = before;
        }
        pieces.push(rest);
        pieces.reverse();
        let at_once = streamed(&tagged(), &contents(&[&text]));
        let in_pieces = streamed(&tagged(), &contents(&pieces));
        prop_assert_eq!(said(&at_once), said(&in_pieces));
        // Nothing but the tags and the space beside them is lost.
        let squeezed = |text: &str| text.replace(char::is_whitespace, "");
        let kept = squeezed(&(at_once.thinking() + &at_once.text()));
        let without = squeezed(&text);
        let without = match without.strip_prefix("<think>") {
            Some(rest) => rest.replacen("</think>", "", 1),
            None => without,
        };
        prop_assert_eq!(kept, without);
        // Nor do the cuts of the network matter.
        let body = stream(&contents(&pieces), "stop");
        let found = |size| format!("{:?}", events(&tagged(), Framing::ServerSentEvents, &body, size));
        prop_assert_eq!(found(1), found(body.len()));
    }
}

#[test]
fn every_cut_of_a_tagged_text_gives_the_same() {
    let text = "\n<think> a b </think>\n c </think>d";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            let found = said(&streamed(&tagged(), &contents(&pieces)));
            assert_eq!(found, pair("a b", "c </think>d"), "{pieces:?}");
        }
    }
}
