//! Whole answers, streams and lists of chunks.

use meanwhile_core::{ErrorKind, Event, FinishReason, MediaSource, Part, Response};
use meanwhile_http::Framing;
use serde_json::{Value, json};

use crate::{SSE, chunk, events, fold, stream, whole};

#[test]
fn text_thinking_and_calls_come_in_order() {
    let parts = json!([
        { "text": "Hm.", "thought": true },
        { "text": "Let me " },
        { "text": "look." },
        { "functionCall": { "name": "f", "args": { "a": [1, "x y"], "b": "q\" { " } }, "thoughtSignature": "sig" },
        { "functionCall": { "id": "given", "name": "g" } },
    ]);
    let check = |response: &Response| {
        assert_eq!(response.text(), "Let me look.");
        assert_eq!(response.thinking(), "Hm.");
        let calls: Vec<_> = response
            .tool_calls()
            .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
            .collect();
        assert_eq!(
            calls,
            [("call_0", "f", r#"{"a":[1,"x y"],"b":"q\" { "}"#), ("given", "g", "{}")]
        );
        assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
        assert_eq!(response.finish.as_ref().unwrap().raw.as_deref(), Some("STOP"));
        assert_eq!((response.id.as_deref(), &*response.model), (Some("r"), "gemini-2.5-flash"));
        assert_eq!(response.message.parts.len(), 4);
        assert_eq!(
            response.message.parts[2].data().unwrap().value,
            json!({ "thoughtSignature": "sig" })
        );
        assert!(response.message.parts[3].data().is_none());
    };
    check(&whole(&parts));
    let mut chunks: Vec<Value> =
        parts.as_array().unwrap().iter().map(|part| chunk(&json!([part]), None)).collect();
    chunks.push(chunk(&json!([]), Some("STOP")));
    check(&fold(SSE, &stream(&chunks)).unwrap());
    check(&fold(Framing::Whole, &Value::from(chunks.clone()).to_string()).unwrap());
    check(
        &fold(Framing::JsonLines, &chunks.iter().map(|c| format!("{c}\n")).collect::<String>())
            .unwrap(),
    );
    // However its bytes arrive, the events are the same.
    let body = stream(&chunks);
    let expected: Vec<Event> =
        events(SSE, &body, body.len()).into_iter().map(Result::unwrap).collect();
    for size in 1..40 {
        let split: Vec<Event> = events(SSE, &body, size).into_iter().map(Result::unwrap).collect();
        assert_eq!(split, expected, "pieces of {size} bytes");
    }
}

#[test]
fn a_stream_is_complete_with_its_finish_reason_alone() {
    let check = |body: &str, framing| {
        let (error, partial) = fold(framing, body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted, "{body}");
        partial
    };
    let said = chunk(&json!([{ "text": "a" }]), None);
    assert_eq!(check(&stream(std::slice::from_ref(&said)), SSE).text(), "a");
    assert_eq!(check("", SSE).text(), "");
    assert_eq!(check(&format!("[{said}]"), Framing::Whole).text(), "a");
    assert_eq!(check(&format!("[{said},\n{{\"cand"), Framing::Whole).text(), "a");
    assert_eq!(check("[]", Framing::Whole).text(), "");
    // The word for a model that has not stopped is no finish, either.
    let going_on = chunk(&json!([{ "text": "a" }]), Some("FINISH_REASON_UNSPECIFIED"));
    assert_eq!(check(&stream(&[going_on]), SSE).text(), "a");
    // The terminator of another wire is no finish.
    assert_eq!(check("data: [DONE]\n\n", SSE).text(), "");
    // A whole answer needs no reason.
    let response = fold(Framing::Whole, &said.to_string()).unwrap();
    assert_eq!(
        (response.text(), response.finish_reason()),
        ("a".to_owned(), Some(FinishReason::Other))
    );
}

#[test]
fn finish_reasons_follow_the_table() {
    use FinishReason::{ContentFilter, Error, Length, Other, Paused, Stop, ToolCalls};
    let call = json!([{ "functionCall": { "name": "f", "args": {} } }]);
    for (raw, reason, with_call) in [
        ("STOP", Stop, ToolCalls),
        ("MAX_TOKENS", Length, Length),
        ("SAFETY", ContentFilter, ContentFilter),
        ("RECITATION", ContentFilter, ContentFilter),
        ("BLOCKLIST", ContentFilter, ContentFilter),
        ("PROHIBITED_CONTENT", ContentFilter, ContentFilter),
        ("SPII", ContentFilter, ContentFilter),
        ("LANGUAGE", ContentFilter, ContentFilter),
        ("MODEL_ARMOR", ContentFilter, ContentFilter),
        ("IMAGE_SAFETY", ContentFilter, ContentFilter),
        ("IMAGE_PROHIBITED_CONTENT", ContentFilter, ContentFilter),
        ("IMAGE_RECITATION", ContentFilter, ContentFilter),
        ("IMAGE_OTHER", Other, Other),
        ("NO_IMAGE", Other, Other),
        ("OTHER", Other, Other),
        ("MALFORMED_FUNCTION_CALL", Error, Error),
        ("UNEXPECTED_TOOL_CALL", Error, Error),
        ("MALFORMED_RESPONSE", Error, Error),
        ("MISSING_THOUGHT_SIGNATURE", Error, Error),
        ("TOO_MANY_TOOL_CALLS", Error, Error),
        ("CONTINUATION", Paused, Paused),
        ("TOMORROWS_REASON", Other, Other),
    ] {
        for (parts, expected) in [(&json!([{ "text": "a" }]), reason), (&call, with_call)] {
            let response = fold(SSE, &stream(&[chunk(parts, Some(raw))])).unwrap();
            let finish = response.finish.unwrap();
            assert_eq!((finish.reason, finish.raw.as_deref()), (expected, Some(raw)));
        }
    }
    // A cut answer stays cut, whatever comes later; its message is told.
    let mut cut = chunk(&json!([]), Some("SAFETY"));
    cut["candidates"][0]["finishMessage"] = json!("too spicy");
    let response = fold(SSE, &stream(&[cut, chunk(&json!([]), Some("STOP"))])).unwrap();
    assert_eq!(response.finish_reason(), Some(FinishReason::ContentFilter));
    assert_eq!(response.warnings[0].to_string(), "finish: too spicy");
}

#[test]
fn candidates_may_lack_everything() {
    for candidate in [
        json!({}),
        json!({ "content": null }),
        json!({ "content": {} }),
        json!({ "content": { "role": "model" } }),
        json!({ "content": { "parts": null } }),
        json!({ "content": { "parts": [null, 3, {}, { "text": "" }, { "text": null }] } }),
    ] {
        let mut candidate = candidate;
        candidate["finishReason"] = json!("STOP");
        let body = json!({ "candidates": [candidate], "surprise": [1] });
        let response = fold(Framing::Whole, &body.to_string()).unwrap();
        assert_eq!(response.message.parts, [], "{body}");
        assert_eq!(response.finish_reason(), Some(FinishReason::Stop));
    }
    let body = json!({ "candidates": [
        { "content": { "parts": [{ "text": "a" }] }, "finishReason": "STOP" },
        { "index": 1, "content": { "parts": [{ "text": "b" }] }, "finishReason": "STOP" } ] });
    let response = fold(Framing::Whole, &body.to_string()).unwrap();
    assert_eq!((response.text(), response.warnings.len()), ("a".to_owned(), 1));
}

#[test]
fn usage_is_in_its_normal_form() {
    let check = |counters: &[Value], expected: [Option<u64>; 8]| {
        let chunks: Vec<Value> = counters
            .iter()
            .map(|counters| {
                let mut chunk = chunk(&json!([]), Some("STOP"));
                chunk["usageMetadata"] = counters.clone();
                chunk
            })
            .collect();
        let usage = fold(SSE, &stream(&chunks)).unwrap().usage;
        let (input, output) = (usage.input, usage.output);
        let counts = [
            input.total,
            input.uncached,
            input.cache_read,
            input.audio,
            output.total,
            output.text,
            output.reasoning,
            output.audio,
        ];
        assert_eq!(counts, expected, "{counters:?}");
        usage.raw.map(|raw| raw.json().unwrap())
    };
    let none = None;
    check(
        &[
            json!({ "promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 7, "totalTokenCount": 20 }),
        ],
        [Some(9), none, none, none, Some(11), Some(4), Some(7), none],
    );
    check(
        &[json!({ "promptTokenCount": 9, "cachedContentTokenCount": 5,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 1 }, { "modality": "AUDIO", "tokenCount": 8 }],
            "candidatesTokensDetails": [{ "modality": "AUDIO", "tokenCount": 3 }] })],
        [Some(9), Some(4), Some(5), Some(8), none, none, none, Some(3)],
    );
    // What tools of the server brought in was read, too, and is no part of the prompt: 19 + 36 + 31 + 83
    // are the 169 that a recorded answer counts in all.
    check(
        &[json!({ "promptTokenCount": 19, "candidatesTokenCount": 36, "thoughtsTokenCount": 31,
                "toolUsePromptTokenCount": 83, "totalTokenCount": 169 })],
        [Some(102), none, none, none, Some(67), Some(36), Some(31), none],
    );
    // More was cached than was read: no underflow.
    check(
        &[json!({ "promptTokenCount": 1, "cachedContentTokenCount": 5, "thoughtsTokenCount": 2 })],
        [Some(1), Some(0), Some(5), none, Some(2), none, Some(2), none],
    );
    // Counters repeat, the last count; what a later chunk drops is kept.
    let raw = check(
        &[
            json!({ "trafficType": "ON_DEMAND" }),
            json!({ "promptTokenCount": 8, "candidatesTokenCount": 4, "thoughtsTokenCount": 7 }),
            json!({ "promptTokenCount": 9, "totalTokenCount": 9 }),
            json!({ "promptTokenCount": 9, "totalTokenCount": 9, "serviceTier": "flex" }),
        ],
        [Some(9), none, none, none, Some(11), Some(4), Some(7), none],
    );
    assert_eq!(
        raw.unwrap(),
        json!({ "promptTokenCount": 9, "candidatesTokenCount": 4,
            "thoughtsTokenCount": 7, "totalTokenCount": 9, "serviceTier": "flex" })
    );
    check(
        &[json!({ "promptTokenCount": "3", "candidatesTokenCount": -1 })],
        [Some(3), none, none, none, none, none, none, none],
    );
    let mut answer = chunk(&json!([]), Some("STOP"));
    answer["usageMetadata"] = json!({ "serviceTier": "priority" });
    answer["createTime"] = json!("2026-07-22T23:37:37.029264Z");
    let response = fold(Framing::Whole, &answer.to_string()).unwrap();
    assert_eq!(response.service_tier.as_deref(), Some("priority"));
    assert_eq!(response.created, Some(1_784_763_457));
}

#[test]
fn pictures_and_sound_are_parts() {
    let response = whole(&json!([
        { "inlineData": { "mimeType": "image/png", "data": "AQID" }, "thought": true },
        { "text": "Here:" },
        { "inlineData": { "mimeType": "image/png", "data": "AQID" }, "thoughtSignature": "s" },
        { "inlineData": { "mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AQI=" } },
        { "inlineData": { "mimeType": "audio/L16;codec=pcm;rate=24000", "data": "Aw" } },
        { "inlineData": { "mimeType": "audio/mp3", "data": "AQID" } },
        { "inlineData": { "mimeType": "video/mp4", "data": "AQID" } },
        { "fileData": { "mimeType": "image/png", "fileUri": "gs://a/b.png" } },
        { "inlineData": { "mimeType": "image/png", "data": "***" } },
    ]));
    let bytes = |source: &MediaSource| match source {
        MediaSource::Bytes(bytes) => bytes.to_vec(),
        _ => panic!("no bytes: {source:?}"),
    };
    let parts = &response.message.parts;
    assert_eq!(parts.len(), 7);
    let Part::Opaque(sketch) = &parts[0] else { panic!("{parts:?}") };
    assert_eq!(
        sketch.value,
        json!({ "inlineData": { "mimeType": "image/png", "data": "AQID" }, "thought": true })
    );
    let Part::Image(image) = &parts[2] else { panic!("{parts:?}") };
    assert_eq!(
        (bytes(&image.source), image.media_type.as_deref()),
        (vec![1, 2, 3], Some("image/png"))
    );
    assert_eq!(image.data.as_ref().unwrap().value, json!({ "thoughtSignature": "s" }));
    let Part::Audio(speech) = &parts[3] else { panic!("{parts:?}") };
    assert_eq!(bytes(&speech.source), [1, 2, 3]);
    assert!(matches!(&parts[4], Part::Audio(_)) && matches!(&parts[5], Part::Document(_)));
    let Part::Image(image) = &parts[6] else { panic!("{parts:?}") };
    assert_eq!(image.source, MediaSource::Url("gs://a/b.png".to_owned()));
    assert_eq!(response.warnings.len(), 1);
    // Speech joins over the chunks of a stream.
    let piece = |data: &str| json!([{ "inlineData": { "mimeType": "audio/pcm", "data": data } }]);
    let body = stream(&[chunk(&piece("AQI="), None), chunk(&piece("Aw=="), Some("STOP"))]);
    let response = fold(SSE, &body).unwrap();
    let [Part::Audio(speech)] = response.message.parts.as_slice() else { panic!("{response:?}") };
    assert_eq!(bytes(&speech.source), [1, 2, 3]);
    assert_eq!(speech.data, None);
    // What came beside a piece goes back with the whole.
    let mut signed = piece("Aw==");
    signed[0]["thoughtSignature"] = json!("s");
    let body = stream(&[chunk(&piece("AQI="), None), chunk(&signed, Some("STOP"))]);
    let response = fold(SSE, &body).unwrap();
    let [Part::Audio(speech)] = response.message.parts.as_slice() else { panic!("{response:?}") };
    assert_eq!(bytes(&speech.source), [1, 2, 3]);
    assert_eq!(speech.data.as_ref().unwrap().value, json!({ "thoughtSignature": "s" }));
}

#[test]
fn what_stands_beside_a_text_is_kept_and_does_not_cut_it() {
    let pieces = [
        json!([{ "text": "one ", "partMetadata": { "from": "a.txt" } }]),
        json!([{ "text": "two" }]),
        json!([{ "text": "", "speechMetadata": { "speaker": "Ann" } }]),
        json!([{ "text": "hm", "thought": true }]),
    ];
    let chunks = pieces.iter().map(|parts| chunk(parts, None));
    let chunks: Vec<Value> = chunks.chain([chunk(&json!([]), Some("STOP"))]).collect();
    let response = fold(SSE, &stream(&chunks)).unwrap();
    let [Part::Text(text), Part::Thinking(thinking)] = response.message.parts.as_slice() else {
        panic!("{response:?}")
    };
    assert_eq!(text.text, "one two");
    assert_eq!(
        text.data.as_ref().unwrap().value,
        json!({ "partMetadata": { "from": "a.txt" }, "speechMetadata": { "speaker": "Ann" } })
    );
    assert_eq!(thinking.data, None);
}

#[test]
fn ratings_are_kept_where_they_may_be_why_the_model_stopped() {
    let rated = |finish: &str, blocked: bool| {
        let ratings = json!([
            { "category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH", "blocked": blocked }]);
        let mut first = chunk(&json!([{ "text": "a" }]), None);
        first["candidates"][0]["safetyRatings"] = json!([]);
        let mut last = chunk(&json!([]), Some(finish));
        last["candidates"][0]["safetyRatings"] = ratings.clone();
        let response = fold(SSE, &stream(&[first, last])).unwrap();
        let kept = response.message.parts.iter().find_map(|part| match part {
            Part::Opaque(data) => Some(data.value["candidate"]["safetyRatings"].clone()),
            _ => None,
        });
        assert!(kept.as_ref().is_none_or(|kept| *kept == ratings), "{kept:?}");
        kept.is_some()
    };
    for (finish, blocked, expected) in [
        ("SAFETY", true, true),
        ("SAFETY", false, true),
        ("OTHER", false, true),
        ("STOP", true, true),
        ("STOP", false, false),
        ("MAX_TOKENS", false, false),
    ] {
        assert_eq!(rated(finish, blocked), expected, "{finish} {blocked}");
    }
}

#[test]
fn logprobs_stand_at_their_text() {
    let mut answer = chunk(&json!([{ "text": "2+2" }]), Some("STOP"));
    answer["candidates"][0]["logprobsResult"] = json!({
        "chosenCandidates": [
            { "token": "2", "logProbability": -0.5, "tokenId": 1 }, { "token": "+2" } ],
        "topCandidates": [ { "candidates": [
            { "token": "2", "logProbability": -0.5 }, { "token": "4", "logProbability": -1.5 } ] } ],
    });
    let response = fold(Framing::Whole, &answer.to_string()).unwrap();
    let Part::Text(text) = &response.message.parts[0] else { panic!("{response:?}") };
    let first = &text.logprobs[0];
    assert_eq!((&*first.token, first.logprob), ("2", -0.5));
    assert_eq!(first.top, [("2".to_owned(), -0.5), ("4".to_owned(), -1.5)]);
    assert_eq!((&*text.logprobs[1].token, text.logprobs[1].logprob), ("+2", 0.0));
    // Those of what is no text have no place, which is told once.
    let mut thought = chunk(&json!([{ "text": "hm", "thought": true }]), None);
    thought["candidates"][0]["logprobsResult"] = answer["candidates"][0]["logprobsResult"].clone();
    let response = fold(SSE, &stream(&[thought.clone(), thought, answer])).unwrap();
    assert_eq!(response.warnings.len(), 1, "{:?}", response.warnings);
    assert_eq!(response.warnings[0].subject, "logprobs");
}
