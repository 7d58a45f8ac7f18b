//! The changes: each takes a [`Body`] and says whether there was anything to change.

use super::UNKNOWN;
use super::body::{Body, Frame};
use super::json::Json;
use super::shapes::OWN;

/// Random numbers that are the same in each run (SplitMix64).
#[derive(Debug)]
pub(super) struct Seed(u64);

impl Seed {
    /// The numbers that belong to a name (FNV-1a).
    pub(super) fn of(name: &str) -> Self {
        let hash = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }
}

/// What a new field may hold.
const SHAPES: [&str; 8] = [
    "null",
    "true",
    "-1.5e300",
    r#""\u00e9 \ud83d\ude00 \"x\"""#,
    "[]",
    r#"[1,null,{"type":"text","text":"zz"},["x"]]"#,
    "{}",
    r#"{"type":"error","error":{"message":"zz"},"content":[{"text":"zz"}],"finish_reason":"zz"}"#,
];

/// Adds a field that no wire has to every object, in any place and of any shape.
pub(super) fn add_fields(body: &mut Body, seed: &mut Seed) {
    let round = seed.next();
    each_object(body, true, &mut |_, fields| {
        // What was the same stays the same.
        let mut seed = Seed::of(&format!("{round}{fields:?}"));
        let shape = SHAPES.get(seed.below(SHAPES.len())).copied().unwrap_or("null");
        let at = seed.below(fields.len() + 1);
        fields.insert(at, (UNKNOWN.to_owned(), Json::Leaf(shape.to_owned())));
    });
}

/// Shuffles the fields of every object.
pub(super) fn reorder(body: &mut Body, seed: &mut Seed) {
    let round = seed.next();
    each_object(body, true, &mut |_, fields| {
        let mut seed = Seed::of(&format!("{round}{fields:?}"));
        for at in (1..fields.len()).rev() {
            fields.swap(at, seed.below(at + 1));
        }
    });
}

/// Leaves out what is `null`.
pub(super) fn drop_nulls(body: &mut Body) -> bool {
    let mut found = false;
    each_object(body, false, &mut |_, fields| {
        let before = fields.len();
        fields.retain(|(_, value)| !value.is_null());
        found |= fields.len() < before;
    });
    found
}

/// Puts an event of an unknown name and type in front of every event.
pub(super) fn add_events(body: &Body, is_named: bool) -> Body {
    let mut changed = body.clone();
    for at in (0..body.frames.len()).rev() {
        let is_event = body.frames.get(at).is_some_and(|frame| frame.json.is_some());
        // A whole body is no stream of events.
        if is_event && body.is_stream() {
            let json = format!(r#"{{"type":"{UNKNOWN}","{UNKNOWN}":{{"list":[1,null]}}}}"#);
            changed.insert(at, vec![Frame::new(UNKNOWN, Json::Leaf(json))], is_named);
        }
    }
    changed
}

/// Fields that say why the model stopped.
pub(super) const REASONS: [&str; 5] =
    ["finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason"];

/// Replaces the reasons why the model stopped; returns those that there were.
pub(super) fn replace_finish(body: &mut Body) -> Vec<String> {
    let mut replaced = Vec::new();
    each_object(body, false, &mut |place, fields| {
        for (name, value) in fields {
            let is_reason = REASONS.contains(&name.as_str())
                || name == "reason" && place == "incomplete_details";
            if let Some(text) = value.as_text().filter(|text| is_reason && !text.is_empty()) {
                *value = Json::text(UNKNOWN);
                replaced.push(text);
            }
        }
    });
    replaced
}

/// Replaces the values of these fields.
pub(super) fn replace_words(body: &mut Body, names: &[&str]) -> bool {
    let mut found = false;
    each_object(body, false, &mut |_, fields| {
        for (name, value) in fields {
            if names.contains(&name.as_str()) && value.as_text().is_some() {
                *value = Json::text(UNKNOWN);
                found = true;
            }
        }
    });
    found
}

type Change = fn(&mut Body) -> bool;

/// Additions that must be kept or told.
pub(super) const PARTS: [(&str, Change); 5] = [
    ("unknown part", |body| {
        let lists = [
            "content",
            "message.content",
            "choices.0.message.content",
            "choices.0.delta.content",
            "output",
            "candidates.0.content.parts",
            "output.message.content",
        ];
        let places = lists.iter().map(|list| (*list, false));
        append(body, places, &unknown_part)
    }),
    ("unknown part of an item", |body| {
        let lists = (0..8).map(|item| format!("output.{item}.content")).collect::<Vec<_>>();
        append(body, lists.iter().map(|list| (list.as_str(), false)), &unknown_part)
    }),
    ("unknown block", add_block),
    ("unknown tool call", |body| {
        let lists = ["choices.0.message.tool_calls", "choices.0.delta.tool_calls"];
        append(body, lists.iter().map(|list| (*list, true)), &|_| {
            let call = format!(
                r#"{{"index":97,"id":"zz","type":"{UNKNOWN}","{UNKNOWN}":{{"input":"zz"}}}}"#
            );
            Json::Leaf(call)
        })
    }),
    ("unknown annotation", |body| {
        let lists = [
            "choices.0.message.annotations",
            "content.0.citations",
            "output.0.content.0.annotations",
            "output.1.content.0.annotations",
            "output.2.content.0.annotations",
        ];
        append(body, lists.iter().map(|list| (*list, true)), &unknown_part)
    }),
];

/// What a list of parts may hold in a later version: by its type, or by the name of its only field.
fn unknown_part(list: &[Json]) -> Json {
    let is_typed = list.iter().any(|part| part.get("type").is_some());
    let kind = if is_typed { format!(r#""type":"{UNKNOWN}","#) } else { String::new() };
    Json::Leaf(format!(r#"{{{kind}"{UNKNOWN}":{{"text":"zz"}}}}"#))
}

/// Appends to one list, in the last document that has it: nothing that grows there is cut by it.
fn append<'a>(
    body: &mut Body,
    lists: impl Iterator<Item = (&'a str, bool)>,
    part: &dyn Fn(&[Json]) -> Json,
) -> bool {
    let mut documents: Vec<&mut Json> = body.documents().collect();
    for (list, takes_empty) in lists {
        for document in documents.iter_mut().rev() {
            // Events have an `output` that is not the answer's.
            let is_event = list == "output" && document.get("type").is_some();
            let values = document.at(list).filter(|_| !is_event).and_then(Json::as_array);
            let Some(values) = values else { continue };
            if takes_empty || !values.is_empty() {
                let new = part(values);
                values.push(new);
                return true;
            }
        }
    }
    false
}

/// Adds a whole block, item or part to a stream, in the events of its wire.
fn add_block(body: &mut Body) -> bool {
    const ANTHROPIC: [&str; 3] = [
        r#"{"type":"content_block_start","index":97,"content_block":{"type":"zz_unknown","zz_unknown":{}}}"#,
        r#"{"type":"content_block_delta","index":97,"delta":{"type":"zz_unknown_delta","zz_unknown":"zz"}}"#,
        r#"{"type":"content_block_stop","index":97}"#,
    ];
    const RESPONSES: [&str; 3] = [
        r#"{"type":"response.output_item.added","output_index":97,"item":{"type":"zz_unknown","id":"zz","status":"in_progress"}}"#,
        r#"{"type":"response.zz_unknown.delta","output_index":97,"item_id":"zz","delta":"zz"}"#,
        r#"{"type":"response.output_item.done","output_index":97,"item":{"type":"zz_unknown","id":"zz","status":"completed","zz_unknown":{}}}"#,
    ];
    const COHERE: [&str; 3] = [
        r#"{"type":"content-start","index":97,"delta":{"message":{"content":{"type":"zz_unknown","zz_unknown":"zz"}}}}"#,
        r#"{"type":"content-delta","index":97,"delta":{"message":{"content":{"zz_unknown":"zz"}}}}"#,
        r#"{"type":"content-end","index":97}"#,
    ];
    const CONVERSE: [&str; 3] = [
        r#"{"contentBlockIndex":97,"start":{"zz_unknown":{"id":"zz"}}}"#,
        r#"{"contentBlockIndex":97,"delta":{"zz_unknown":{"zz":"zz"}}}"#,
        r#"{"contentBlockIndex":97}"#,
    ];
    let last = body.frames.iter().enumerate().find_map(|(at, frame)| {
        let json = frame.json.as_ref()?;
        let kind = json.get("type").and_then(Json::as_text);
        match kind.as_deref() {
            Some("message_delta") => Some((at, ANTHROPIC, ["", "", ""])),
            Some("response.completed" | "response.incomplete") => Some((at, RESPONSES, [""; 3])),
            Some("message-end") => Some((at, COHERE, [""; 3])),
            _ if frame.name == "messageStop" => {
                Some((at, CONVERSE, ["contentBlockStart", "contentBlockDelta", "contentBlockStop"]))
            }
            _ => None,
        }
    });
    let Some((at, events, names)) = last else { return false };
    let frames = events.iter().zip(names).filter_map(|(event, name)| {
        let json = Json::parse(event)?;
        let kind = json.get("type").and_then(Json::as_text);
        Some(Frame::new(kind.as_deref().unwrap_or(name), json))
    });
    let before = body.frames.len();
    body.insert(at, frames.collect(), true);
    body.frames.len() > before
}

type Visit<'a> = &'a mut dyn FnMut(&str, &mut Vec<(String, Json)>);

/// Visits every object with the name of the field that holds it; `everywhere` includes what is a
/// user's own.
fn each_object(body: &mut Body, everywhere: bool, visit: Visit<'_>) {
    for document in body.documents() {
        object(document, "", everywhere, visit);
    }
}

fn object(json: &mut Json, place: &str, everywhere: bool, visit: Visit<'_>) {
    match json {
        Json::Leaf(_) => {}
        Json::Array(values) => {
            values.iter_mut().for_each(|value| object(value, place, everywhere, visit));
        }
        Json::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if everywhere || !OWN.contains(&name.as_str()) {
                    object(value, name, everywhere, visit);
                }
            }
            visit(place, fields);
        }
    }
}
