//! Values while they are being written. The struct below is what `#[derive(Partial)]` writes, by hand;
//! the derive itself is tested with the facade.

use std::time::{Duration, Instant};

use meanwhile_core::{Event, Finish, FinishReason, Json, Model, OutputMode, PartStart, Scripted};
use meanwhile_output::{
    CallPartials as _, Change, Growing, HasPartial, Partial, PartialBox, PartialList,
    PartialReader, PartialText, PartialValue, Step,
};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Chapter {
    title: String,
    pages: u32,
    notes: Vec<String>,
    next: Option<Box<Chapter>>,
}

#[derive(Debug, Default)]
struct PartialChapter {
    title: PartialText,
    pages: PartialValue<u32>,
    notes: PartialList<PartialText>,
    next: PartialBox<PartialChapter>,
    done: bool,
}

impl Growing for PartialChapter {
    fn change(&mut self, depth: usize, change: &Change<'_>) {
        match change.path().step(depth) {
            Some(Step::Key("title")) => self.title.change(depth + 1, change),
            Some(Step::Key("pages")) => self.pages.change(depth + 1, change),
            Some(Step::Key("notes")) => self.notes.change(depth + 1, change),
            Some(Step::Key("next")) => self.next.change(depth + 1, change),
            Some(_) => {}
            None => match change {
                Change::Started { .. } => *self = Self::default(),
                Change::Completed { .. } => self.done = true,
                _ => {}
            },
        }
    }

    fn fill(&mut self, value: &serde_json::Value) {
        let absent = serde_json::Value::Null;
        let of = |key: &str| value.get(key).unwrap_or(&absent);
        self.title.fill(of("title"));
        self.pages.fill(of("pages"));
        self.notes.fill(of("notes"));
        self.done = true;
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

impl HasPartial for Chapter {
    type Partial = PartialChapter;

    const IS_OBJECT: bool = true;
}

fn chapter(depth: u32) -> Chapter {
    Chapter {
        title: format!("Chapter \"{depth}\" é \\ \n"),
        pages: depth * 7,
        notes: (0..depth).map(|note| format!("note {note}")).collect(),
        next: (depth > 0).then(|| Box::new(chapter(depth - 1))),
    }
}

fn check_same(whole: &Chapter, partial: &PartialChapter) {
    assert_eq!(whole.title, partial.title.as_str());
    assert_eq!(Some(&whole.pages), partial.pages.get());
    let notes: Vec<&str> = partial.notes.iter().map(|note| note.as_str()).collect();
    assert_eq!(whole.notes, notes);
    assert!(partial.is_done() && partial.title.is_done() && partial.notes.is_done());
    match (&whole.next, partial.next.get().filter(|next| !next.title.is_empty())) {
        (Some(whole), Some(partial)) => check_same(whole, partial),
        (whole, partial) => assert_eq!(whole.is_none(), partial.is_none()),
    }
}

/// Everything that is there stays there.
fn check_grown(before: &[String], after: &[String]) {
    assert!(before.len() <= after.len());
    for (before, after) in before.iter().zip(after) {
        assert!(after.starts_with(before.as_str()), "{before:?} {after:?}");
    }
}

fn texts(value: &PartialChapter) -> Vec<String> {
    let mut all = vec![value.title.to_string()];
    all.extend(value.pages.get().map(ToString::to_string));
    all.extend(value.notes.iter().map(ToString::to_string));
    all
}

#[test]
fn a_value_fills_in_order() {
    let mut reader = PartialReader::<Chapter>::new();
    let seen = |reader: &PartialReader<Chapter>| {
        let value = reader.value();
        (
            value.title.to_string(),
            value.title.is_done(),
            value.pages.get().copied(),
            value.notes.len(),
        )
    };
    assert!(!reader.push("  "));
    for (piece, expected) in [
        (r#"{"title": "On"#, ("On", false, None, 0)),
        (r"e", ("One", false, None, 0)),
        (r#"","pages":1"#, ("One", true, None, 0)),
        ("2", ("One", true, None, 0)),
        (r#","notes":["a","b"#, ("One", true, Some(12), 2)),
    ] {
        reader.push(piece);
        let (title, done, pages, notes) = expected;
        assert_eq!(seen(&reader), (title.to_owned(), done, pages, notes), "{piece}");
    }
    assert_eq!(reader.value().notes.completed().count(), 1);
    assert!(!reader.value().is_done());
    reader.push("\"],\"next\":null}");
    assert!(reader.value().is_done() && reader.value().notes.completed().count() == 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_it_is_cut_it_grows_to_the_whole(depth in 0u32..5, cuts in prop::collection::vec(1usize..9, 1..200)) {
        let whole = chapter(depth);
        let json = serde_json::to_string(&whole).unwrap();
        let mut reader = PartialReader::<Chapter>::new();
        let mut rest = json.as_str();
        let mut before = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let at = (*cut..).find(|at| rest.is_char_boundary((*at).min(rest.len()))).unwrap().min(rest.len());
            reader.push(&rest[..at]);
            rest = &rest[at..];
            let after = texts(reader.value());
            check_grown(&before[..before.len().min(1)], &after);
            before = after;
        }
        reader.end();
        prop_assert!(reader.error().is_none());
        check_same(&whole, reader.value());
    }
}

/// Reading twice as much takes about twice as long, however many pieces it comes in.
#[test]
fn the_time_is_linear_in_the_text() {
    let time = |size: usize| -> Duration {
        let notes: Vec<String> = (0..size / 20).map(|note| format!("note {note:012}")).collect();
        let json = serde_json::to_string(&Chapter { title: "One".to_owned(), notes, ..chapter(0) })
            .unwrap();
        let pieces: Vec<&str> =
            json.as_bytes().chunks(4).map(|one| std::str::from_utf8(one).unwrap()).collect();
        let once = || {
            let began = Instant::now();
            let mut reader = PartialReader::<Chapter>::new();
            for piece in &pieces {
                reader.push(piece);
            }
            assert!(reader.value().is_done());
            began.elapsed()
        };
        (0..2).map(|_| once()).min().unwrap()
    };
    // Another process may be in the way of one measurement, but hardly of all.
    let ratio = || time(1 << 20).as_secs_f64() / time(1 << 19).as_secs_f64();
    let ratios: Vec<f64> = std::iter::repeat_with(ratio).take(3).collect();
    println!("1 MB took so many times as long as half of it: {ratios:.2?}");
    assert!(ratios.iter().any(|ratio| *ratio < 2.3), "{ratios:?}");
}

fn events(json: &str, tool: bool) -> Vec<meanwhile_core::Result<Event>> {
    let part = if tool {
        PartStart::ToolCall {
            id: "1".to_owned(),
            name: meanwhile_core::tool::OUTPUT_TOOL.to_owned(),
        }
    } else {
        PartStart::Text
    };
    let mut events = vec![Ok(Event::PartStart { index: 0, part })];
    for piece in json.as_bytes().chunks(3) {
        let text = String::from_utf8_lossy(piece).into_owned();
        events.push(Ok(if tool {
            Event::ToolCallDelta { index: 0, arguments: text }
        } else {
            Event::TextDelta { index: 0, text }
        }));
    }
    let reason = if tool { FinishReason::ToolCalls } else { FinishReason::Stop };
    events.push(Ok(Event::PartEnd { index: 0, data: None }));
    events.push(Ok(Event::Finish(Box::new(Finish::new(reason)))));
    events
}

#[test]
fn a_call_lends_its_value_while_it_fills() {
    let json = r#"{"title":"One","pages":12,"notes":["a","b"],"next":null}"#;
    for tool in [false, true] {
        let model = Model::new(Scripted::new().events(events(json, tool)), "any");
        let mode = if tool { OutputMode::Tool } else { OutputMode::Auto };
        futures::executor::block_on(async {
            let call = model.call::<Json<Chapter>>("go").output_mode(mode);
            let mut partials = call.partials().await.unwrap();
            let mut seen = Vec::new();
            while let Some(partial) = partials.next().await {
                let partial: &Partial<Chapter> = partial.unwrap();
                seen.push(partial.title.to_string());
            }
            seen.dedup();
            assert_eq!(seen.last().map(String::as_str), Some("One"), "{tool}");
            assert!(seen.len() > 1, "{seen:?}");
            assert!(partials.value().is_done());
            assert_eq!(partials.finish().await.unwrap().0.pages, 12);
        });
    }
}

#[test]
fn a_list_comes_item_by_item_wrapped_or_bare() {
    for json in [r#"{"value":["a","b","c"]}"#, r#"["a","b","c"]"#] {
        let model = Model::new(Scripted::new().events(events(json, false)), "any");
        futures::executor::block_on(async {
            let mut partials = model.call::<Vec<String>>("go").partials().await.unwrap();
            let mut most = 0;
            while let Some(partial) = partials.next().await {
                most = most.max(partial.unwrap().completed().count());
            }
            assert_eq!(most, 3, "{json}");
            assert_eq!(partials.finish().await.unwrap(), ["a", "b", "c"]);
        });
    }
}

/// What a schema makes of something else is told whole, and is there all the same.
#[test]
fn what_is_coerced_is_there() {
    let json = r#"{"title": "One", "pages": "12", "notes": "a single note", "next": null}"#;
    let model = Model::new(Scripted::new().events(events(json, false)), "any");
    futures::executor::block_on(async {
        let mut partials = model.call::<Json<Chapter>>("go").partials().await.unwrap();
        while let Some(partial) = partials.next().await {
            partial.unwrap();
        }
        let value = partials.value();
        assert_eq!(value.pages.get(), Some(&12));
        let notes: Vec<&str> = value.notes.iter().map(|note| note.as_str()).collect();
        assert_eq!(notes, ["a single note"]);
        assert!(value.notes.is_done() && value.is_done());
    });
}

#[test]
fn text_has_no_partial_values() {
    let model = Model::new(Scripted::new().reply("hello"), "any");
    let error = futures::executor::block_on(model.call::<String>("go").partials()).unwrap_err();
    assert!(error.message().contains("stream its text"));
}
