//! Bytes to frames, whole and cut everywhere.

use std::time::{Duration, Instant};

use bytes::Bytes;
use meanwhile_core::ErrorKind;
use meanwhile_http::Frame;
use meanwhile_http::frame::{JsonLines, Sse};
use proptest::prelude::*;

/// Name and data of each event; the last one is marked if it came with the end.
fn events(chunks: impl IntoIterator<Item = Bytes>) -> Vec<String> {
    let show = |frame: Frame<'_>| match frame {
        Frame::Event { name, data } => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            name.map_or(text(data), |name| format!("{}={}", text(name), text(data)))
        }
        other => panic!("{other:?}"),
    };
    let mut sse = Sse::default();
    let mut out = Vec::new();
    for chunk in chunks {
        sse.push(chunk);
        while let Some(frame) = sse.next().unwrap() {
            out.push(show(frame));
        }
    }
    if let Some(frame) = sse.end().unwrap() {
        out.push(format!("{} (end)", show(frame)));
    }
    assert_eq!(sse.end().unwrap(), None, "the end came twice");
    out
}

/// Checks the text whole, byte by byte, and cut in two everywhere.
fn check(text: &str, expected: &[&str]) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    assert_eq!(events([bytes.clone()]), expected, "{text:?} whole");
    let single = (0..bytes.len()).map(|at| bytes.slice(at..=at));
    assert_eq!(events(single), expected, "{text:?} byte by byte");
    for at in 0..=bytes.len() {
        let halves = [bytes.slice(..at), Bytes::new(), bytes.slice(at..)];
        assert_eq!(events(halves), expected, "{text:?} cut at {at}");
    }
}

#[test]
fn line_ends() {
    for end in ["\n", "\r", "\r\n"] {
        let text = "data: a\n\ndata: b\n\nevent: x\ndata: c\n\n".replace('\n', end);
        check(&text, &["a", "b", "x=c"]);
    }
    check("data: a\r\rdata: b\n\r\ndata: c\r\n\n", &["a", "b", "c"]);
    check("\r\n\r\n\n\rdata: a\r\n\r\n", &["a"]);
}

#[test]
fn fields() {
    check("data:a\n\ndata: b\n\ndata:  c\n\n", &["a", "b", " c"]);
    check("data: a\ndata: b\ndata\ndata: d\n\n", &["a\nb\n\nd"]);
    check("event: x\ndata: a\nid: 7\nretry: 10\nother: y\ndatax: z\ndata: b\n\n", &["x=a\nb"]);
    check("event: x\nevent: y\ndata: a\n\ndata: b\n\n", &["y=a", "b"]);
    check("data: a\nevent: late\n\n", &["late=a"]);
    check("event:\ndata: a\n\n", &["a"]);
    check(": comment\n\n:\ndata: a\n: more\n\n: end\n\n", &["a"]);
    check("data: {\"é\": \"✓ 😀\"}\n\n", &["{\"é\": \"✓ 😀\"}"]);
}

#[test]
fn events_without_data_are_none() {
    check("event: x\n\ndata: a\n\n", &["a"]);
    check("data\n\ndata:\n\ndata: \n\ndata: a\n\n", &["a"]);
    check("event: done\ndata:\n\n", &["done="]);
    check("data:\ndata:\n\n", &["\n"]);
    check("", &[]);
    check("\n\n\n", &[]);
}

#[test]
fn byte_order_mark() {
    check("\u{feff}data: a\n\n", &["a"]);
    check("\u{feff}\ndata: a\n\n", &["a"]);
    check("\u{feff}data: a", &["a (end)"]);
    check("data: a\n\n\u{feff}data: b\n\n", &["a"]);
}

#[test]
fn the_last_event_may_lack_its_end() {
    check("data: a\n\ndata: [DONE]", &["a", "[DONE] (end)"]);
    check("data: a\n\ndata: [DONE]\n", &["a", "[DONE] (end)"]);
    check("data: a\ndata: b", &["a\nb (end)"]);
    check("event: x\ndata: a\nid", &["x=a (end)"]);
    check("data: a\n\nevent: x", &["a"]);
    check("data: a\n\n: comment", &["a"]);
}

#[test]
fn an_event_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"event: x\ndata: hello\n\ndata: wor");
    let memory = chunk.as_ptr_range();
    let mut sse = Sse::default();
    sse.push(chunk);
    let Some(Frame::Event { name: Some(name), data }) = sse.next().unwrap() else { panic!() };
    assert!(memory.contains(&name.as_ptr()) && memory.contains(&data.as_ptr()));
    assert_eq!(sse.next().unwrap(), None);
    sse.push(Bytes::from_static(b"ld\n\ndata: again\n\n"));
    assert_eq!(sse.next().unwrap(), Some(Frame::Event { name: None, data: b"world" }));
    assert_eq!(sse.next().unwrap(), Some(Frame::Event { name: None, data: b"again" }));
}

#[test]
fn a_chunk_may_be_pushed_before_the_last_one_is_read() {
    let mut sse = Sse::default();
    sse.push("data: a\n\ndata: b\n".into());
    assert_eq!(sse.next().unwrap(), Some(Frame::Event { name: None, data: b"a" }));
    sse.push("\ndata: c\n\n".into());
    sse.push("data: d\n\n".into());
    for expected in [b"b", b"c", b"d"] {
        assert_eq!(sse.next().unwrap(), Some(Frame::Event { name: None, data: expected }));
    }
    assert_eq!(sse.next().unwrap(), None);
}

#[test]
fn size_is_bounded() {
    let too_large = |chunks: &[&str]| {
        let mut sse = Sse::new(100);
        for chunk in chunks {
            sse.push(Bytes::copy_from_slice(chunk.as_bytes()));
            loop {
                match sse.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Decode);
                        assert!(error.message().contains("100 bytes"), "{error}");
                        return true;
                    }
                }
            }
        }
        false
    };
    let line = format!("data: {}\n", "x".repeat(60));
    assert!(!too_large(&[&line, "\n", &line, "\n", &line, "\n"]));
    assert!(too_large(&[&line, &line, "\n"]));
    assert!(too_large(&[&"x".repeat(101)]));
    assert!(too_large(&["data: x", &"x".repeat(101)]));
    assert!(too_large(&[&format!("data: {}\n\n", "x".repeat(101))]));
    // What does not count takes no memory.
    let comment = format!(": {}\n", "x".repeat(60));
    assert!(!too_large(&vec![comment.as_str(); 50]));
}

fn lines(chunks: impl IntoIterator<Item = Bytes>) -> Vec<String> {
    let show = |frame: Frame<'_>| match frame {
        Frame::Line(line) => String::from_utf8_lossy(line).into_owned(),
        other => panic!("{other:?}"),
    };
    let mut lines = JsonLines::default();
    let mut out = Vec::new();
    for chunk in chunks {
        lines.push(chunk);
        while let Some(frame) = lines.next().unwrap() {
            out.push(show(frame));
        }
    }
    if let Some(frame) = lines.end().unwrap() {
        out.push(format!("{} (end)", show(frame)));
    }
    assert_eq!(lines.end().unwrap(), None, "the end came twice");
    out
}

fn check_lines(text: &str, expected: &[&str]) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    assert_eq!(lines([bytes.clone()]), expected, "{text:?} whole");
    let single = (0..bytes.len()).map(|at| bytes.slice(at..=at));
    assert_eq!(lines(single), expected, "{text:?} byte by byte");
    for at in 0..=bytes.len() {
        let halves = [bytes.slice(..at), Bytes::new(), bytes.slice(at..)];
        assert_eq!(lines(halves), expected, "{text:?} cut at {at}");
    }
}

#[test]
fn json_lines() {
    check_lines(
        "{\"a\":1}\n{\"b\":2}\r\n\n \n{\"c\":3}\n",
        &["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"],
    );
    check_lines("\u{feff}1\n2", &["1", "2 (end)"]);
    check_lines("\n\n", &[]);
    check_lines("", &[]);
    check_lines("[\"✓ 😀\"]", &["[\"✓ 😀\"] (end)"]);

    let mut small = JsonLines::new(10);
    small.push("123456789\n12345678901\n".into());
    assert!(small.next().unwrap().is_some());
    assert_eq!(small.next().unwrap_err().kind(), ErrorKind::Decode);
}

/// Time to read one event of `size` bytes in pieces of 1 KB, the best of several runs.
fn time_of_one_event(size: usize) -> Duration {
    let piece = Bytes::from(vec![b'x'; 1024]);
    let run = || {
        let started = Instant::now();
        let mut sse = Sse::default();
        sse.push("data: ".into());
        for _ in 0..size / 1024 {
            sse.push(piece.clone());
            assert_eq!(sse.next().unwrap(), None);
        }
        sse.push("\n\n".into());
        assert!(
            matches!(sse.next().unwrap(), Some(Frame::Event { data, .. }) if data.len() == size)
        );
        started.elapsed()
    };
    (0..5).map(|_| run()).min().unwrap()
}

#[test]
fn one_large_event_in_small_pieces_costs_linear_time() {
    let small = time_of_one_event(1 << 20);
    let large = time_of_one_event(4 << 20);
    // A parser that starts again for each piece takes 16 times as long, and minutes.
    assert!(large < small * 10 + Duration::from_millis(20), "1 MB: {small:?}, 4 MB: {large:?}");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_events(
        text in r"(data|event|id|:|x|\u{feff})?:? ?[a-c]{0,3}(\n|\r|\r\n){1,3}((data|event|id|data|data|)(:|: )?[a-c✓]{0,4}(\n|\r|\r\n){0,3}){0,8}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| bytes.slice(cut[0]..cut[1]));
        prop_assert_eq!(events(pieces), events([bytes.clone()]));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
    ) {
        let chunks: Vec<Bytes> = chunks.into_iter().map(Bytes::from).collect();
        let whole: Bytes = chunks.concat().into();
        prop_assert_eq!(events(chunks.clone()), events([whole.clone()]));
        prop_assert_eq!(lines(chunks), lines([whole]));
    }
}
