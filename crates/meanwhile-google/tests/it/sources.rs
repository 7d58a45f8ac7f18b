//! What backs an answer, as citations.

use meanwhile_core::{Citation, Part, Response};
use meanwhile_http::Framing;
use serde_json::{Value, json};

use crate::{SSE, chunk, fold, stream};

fn cited(parts: &Value, fields: &Value) -> Response {
    let mut answer = chunk(parts, Some("STOP"));
    for (name, value) in fields.as_object().unwrap() {
        answer["candidates"][0][name] = value.clone();
    }
    fold(Framing::Whole, &answer.to_string()).unwrap()
}

type Shown = (Option<String>, Option<String>, Option<(u32, u32)>);

fn shown(citation: &Citation) -> Shown {
    let span = citation.span.as_ref().map(|span| (span.start, span.end));
    (citation.url.clone(), citation.title.clone(), span)
}

fn of(url: &str, title: &str, span: Option<(u32, u32)>) -> Shown {
    (Some(url.to_owned()), Some(title.to_owned()), span)
}

#[test]
fn supports_point_at_characters() {
    let grounding = json!({ "groundingMetadata": {
        "groundingChunks": [
            { "web": { "uri": "u0", "title": "t0" } },
            { "retrievedContext": { "uri": "u1", "title": "t1", "text": "quoted" } },
            { "maps": { "uri": "u2", "title": "t2" } },
        ],
        "groundingSupports": [
            { "segment": { "startIndex": 8, "endIndex": 13, "text": "Zürn" }, "groundingChunkIndices": [0, 1, 9] },
            { "segment": { "endIndex": 5, "text": "Grü" }, "groundingChunkIndices": [1] },
        ],
        "searchEntryPoint": { "renderedContent": "<b>" },
    } });
    // Google counts bytes; the part that the segment lies in is not the first.
    let parts = json!([
        { "toolCall": { "toolType": "GOOGLE_SEARCH_WEB", "id": "1" }, "thoughtSignature": "s" },
        { "text": "Grü. X Zürn." },
    ]);
    let response = cited(&parts, &grounding);
    let citations: Vec<Shown> = response.citations().map(shown).collect();
    assert_eq!(
        citations,
        [
            of("u0", "t0", Some((7, 11))),
            of("u1", "t1", Some((7, 11))),
            of("u1", "t1", Some((0, 3))),
            of("u2", "t2", None),
        ]
    );
    assert_eq!(response.citations().nth(1).unwrap().quote.as_deref(), Some("quoted"));
    let Some(Part::Opaque(kept)) = response.message.parts.last() else { panic!("{response:?}") };
    assert_eq!(kept.value["candidate"], grounding);
    assert_eq!(response.message.parts.len(), 3);
}

#[test]
fn spans_lie_in_one_part() {
    let support = |segment: Value| {
        json!({ "groundingMetadata": {
        "groundingChunks": [{ "web": { "uri": "u", "title": "t" } }],
        "groundingSupports": [{ "segment": segment, "groundingChunkIndices": [0] }] } })
    };
    // Two texts, since what stands between them keeps them apart.
    let parts = json!([
        { "text": "one " },
        { "executableCode": { "code": "1" } },
        { "text": "two" },
    ]);
    for (segment, part, span) in [
        (json!({ "startIndex": 0, "endIndex": 3, "text": "one" }), 0, Some((0, 3))),
        (json!({ "partIndex": 2, "startIndex": 0, "endIndex": 3 }), 2, Some((0, 3))),
        (json!({ "partIndex": 2, "endIndex": 2, "text": "tw" }), 2, Some((0, 2))),
        (json!({ "startIndex": 2, "endIndex": 6, "text": "e tw" }), 0, Some((2, 4))),
        (json!({ "startIndex": 90, "endIndex": 93, "text": "two" }), 2, Some((0, 3))),
        (json!({ "startIndex": 90, "endIndex": 93, "text": "six" }), 2, None),
        (json!({}), 2, None),
    ] {
        let response = cited(&parts, &support(segment.clone()));
        let Part::Text(text) = &response.message.parts[part] else { panic!("{response:?}") };
        let citations: Vec<Shown> = text.citations.iter().map(shown).collect();
        assert_eq!(citations, [of("u", "t", span)], "{segment}");
    }
}

#[test]
fn streams_are_cited_as_a_whole() {
    let first = chunk(&json!([{ "text": "one " }]), None);
    let mut second = chunk(&json!([{ "text": "two" }]), None);
    second["candidates"][0]["groundingMetadata"] = json!({
        "groundingChunks": [{ "web": { "uri": "u0", "title": "t0" } }], "webSearchQueries": ["q"] });
    let mut last = chunk(&json!([]), Some("STOP"));
    last["candidates"][0]["groundingMetadata"] = json!({
        "groundingChunks": [{ "web": { "uri": "u1", "title": "t1" } }],
        "groundingSupports": [{ "segment": { "startIndex": 4, "endIndex": 7, "text": "two" }, "groundingChunkIndices": [1] }],
        "webSearchQueries": ["q"] });
    let response = fold(SSE, &stream(&[first, second, last])).unwrap();
    let citations: Vec<Shown> = response.citations().map(shown).collect();
    assert_eq!(citations, [of("u1", "t1", Some((4, 7))), of("u0", "t0", None)]);
    let kept = &response.message.parts[1].data().unwrap().value["candidate"]["groundingMetadata"];
    assert_eq!(
        (&kept["webSearchQueries"], kept["groundingChunks"].as_array().unwrap().len()),
        (&json!(["q"]), 2)
    );
}

#[test]
fn recitations_are_citations_of_either_spelling() {
    for name in ["citations", "citationSources"] {
        let sources = json!([{}, { "uri": "u" }, { "uri": "v", "title": "t", "startIndex": 1, "endIndex": 3 }]);
        let response =
            cited(&json!([{ "text": "abcd" }]), &json!({ "citationMetadata": { name: sources } }));
        let citations: Vec<Shown> = response.citations().map(shown).collect();
        assert_eq!(citations, [(Some("u".to_owned()), None, None), of("v", "t", Some((1, 3)))]);
    }
    // Nothing to cite, nothing kept.
    let response =
        cited(&json!([{ "text": "a" }]), &json!({ "groundingMetadata": {}, "avgLogprobs": -1.0 }));
    assert_eq!(response.message.parts.len(), 1);
}
