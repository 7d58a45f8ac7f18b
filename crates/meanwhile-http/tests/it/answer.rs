//! Chunks to events without I/O.

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind, Event, Result};
use meanwhile_http::{Answer, Framing};

use crate::toy::{ToyDecoder, text};

/// Text and ending of an answer in these chunks.
fn read(framing: Framing, chunks: &[&str]) -> (String, Option<Error>) {
    let mut answer = Answer::new(ToyDecoder::default(), framing);
    let mut items = Vec::new();
    for chunk in chunks {
        answer.push(Bytes::copy_from_slice(chunk.as_bytes()));
        items.extend(std::iter::from_fn(|| answer.next()));
    }
    answer.end();
    items.extend(std::iter::from_fn(|| answer.next()));
    assert!(answer.is_finished());
    ending(items)
}

/// Splits the items, of which exactly the last one has to be terminal.
fn ending(mut items: Vec<Result<Event>>) -> (String, Option<Error>) {
    let last = items.pop().expect("no item");
    let events: Vec<Event> = items.into_iter().collect::<Result<_>>().expect("an error in between");
    assert!(!events.iter().any(Event::is_terminal), "a finish in between");
    let error = match last {
        Ok(event) => {
            assert!(event.is_terminal(), "{event:?} at the end");
            None
        }
        Err(error) => Some(error),
    };
    (text(&events), error)
}

fn check(framing: Framing, chunks: &[&str], expected: &str) {
    let (text, error) = read(framing, chunks);
    assert_eq!(text, expected);
    assert!(error.is_none(), "{error:?}");
}

fn check_error(framing: Framing, chunks: &[&str], expected: &str, kind: ErrorKind) -> Error {
    let (text, error) = read(framing, chunks);
    assert_eq!(text, expected);
    let error = error.expect("no error");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

const SSE: Framing = Framing::ServerSentEvents;

#[test]
fn complete_answers() {
    check(SSE, &["data: {\"text\":\"a\"}\n\ndata: {\"te", "xt\":\"b\"}\n\ndata: [DONE]\n\n"], "ab");
    check(SSE, &["data: {\"text\":\"a\"}\n\ndata: {\"done\":true}\n\n"], "a");
    check(SSE, &["event: ping\ndata: whatever\n\ndata: [DONE]\n\n"], "");
    check(Framing::JsonLines, &["{\"text\":\"a\"}\n{\"text\":\"b\",", "\"done\":true}\n"], "ab");
    check(Framing::Whole, &["{\"text\":", "\"a\"", "}"], "a");
    check(Framing::Whole, &["{\"text\":\"a\"}"], "a");
}

#[test]
fn nothing_comes_after_the_finish() {
    check(
        SSE,
        &["data: {\"text\":\"a\"}\n\ndata: [DONE]\n\ndata: {\"text\":\"b\"}\n\ndata: x\n\n"],
        "a",
    );
}

#[test]
fn a_last_event_without_its_end_counts_if_it_can_be_read() {
    check(SSE, &["data: {\"text\":\"a\"}\n\ndata: [DONE]"], "a");
    check(SSE, &["data: {\"text\":\"a\"}\n\ndata: [DONE]\n"], "a");
    check(Framing::JsonLines, &["{\"text\":\"a\",\"done\":true}"], "a");
}

#[test]
fn a_cut_answer_is_interrupted_not_complete() {
    let interrupted = ErrorKind::StreamInterrupted;
    check_error(SSE, &["data: {\"text\":\"a\"}\n\n"], "a", interrupted);
    check_error(SSE, &["data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}"], "ab", interrupted);
    check_error(SSE, &[], "", interrupted);
    check_error(SSE, &["event: x\n: comment\n"], "", interrupted);
    for (framing, chunk) in [
        (SSE, "data: {\"text\":\"a\"}\n\ndata: {\"tex"),
        (Framing::JsonLines, "{\"text\":\"a\"}\n{\"tex"),
    ] {
        let error = check_error(framing, &[chunk], "a", interrupted);
        let source = std::error::Error::source(&error).expect("no source");
        assert_eq!(source.downcast_ref::<Error>().map(Error::kind), Some(ErrorKind::Decode));
    }
}

#[test]
fn what_cannot_be_read_keeps_what_came_before() {
    let chunks =
        ["data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}\n\ndata: nonsense\n\ndata: [DONE]\n\n"];
    let error = check_error(SSE, &chunks, "ab", ErrorKind::Decode);
    assert_eq!(error.body(), Some("nonsense"));
    let error = check_error(Framing::Whole, &["{\"text\":\"a\"]"], "", ErrorKind::Decode);
    assert_eq!(error.body(), Some("{\"text\":\"a\"]"));
}

#[test]
fn a_whole_answer_that_is_cut_or_empty_is_worth_another_try() {
    let error = check_error(Framing::Whole, &["{\"text\":\"a\""], "", ErrorKind::StreamInterrupted);
    assert_eq!(error.body(), Some("{\"text\":\"a\""));
    for framing in [Framing::Whole, Framing::JsonLines, SSE] {
        for chunks in [&[][..], &["\n", " \n"]] {
            let error = check_error(framing, chunks, "", ErrorKind::StreamInterrupted);
            assert!(error.is_retryable(), "{error}");
        }
    }
}

#[test]
fn what_came_in_the_place_of_events_is_read_as_a_whole_answer() {
    check(SSE, &["{\"text\":\"a\"}"], "a");
    check(SSE, &["\n: comment\n", "{\n  \"te", "xt\":\n\"a\"\n", "}\n\n"], "a");
    let page = "<html>\n<title>no</title>\n</html>";
    let error = check_error(SSE, &[page], "", ErrorKind::Decode);
    assert_eq!(error.body().map(str::trim_end), Some(page));
    check(SSE, &["Warning: old PHP\n{\"text\":\"a\"}"], "a");
    // In front of another event it is noise, as the specification has it.
    check(SSE, &["data: {\"text\":\"a\"}\n\n{\"text\":\"b\"}\n\ndata: [DONE]\n\n"], "a");
    check(SSE, &["data: {\"text\":\"a\"}\n\n{\"error\":\"x\"}\n\ndata: [DONE]\n\n"], "a");
    check(SSE, &["<!-- hello -->\ndata: {\"text\":\"a\"}\n\ndata: [DONE]\n\n"], "a");
}

#[test]
fn an_error_behind_events_counts_without_the_form_of_one() {
    let text = "data: {\"text\":\"a\"}\n\n";
    for error in [
        "{\"error\":\"out of sorts\"}",
        "\n{\n  \"error\":\n  \"out of sorts\"\n}\n\n: comment\n",
        // Some servers have a field of their own for it.
        "error: {\"error\":\"out of sorts\"}\n\n",
    ] {
        let body = format!("{text}{error}");
        for size in 1..body.len() {
            let chunks: Vec<&str> = body
                .as_bytes()
                .chunks(size)
                .map(|chunk| std::str::from_utf8(chunk).unwrap())
                .collect();
            let error = check_error(SSE, &chunks, "a", ErrorKind::Server);
            assert_eq!(error.message(), "out of sorts");
        }
        // Also where the connection breaks behind it.
        let mut answer = Answer::new(ToyDecoder::default(), SSE);
        answer.push(body.into());
        answer.fail(Error::new(ErrorKind::StreamInterrupted, "cut"));
        let (text, error) = ending(std::iter::from_fn(|| answer.next()).collect());
        assert_eq!((text.as_str(), error.unwrap().message()), ("a", "out of sorts"));
    }
}

#[test]
fn words_in_the_place_of_events_are_told() {
    let words = "upstream connect error or disconnect/reset before headers. reset reason: overflow";
    for (before, text) in [("", ""), ("data: {\"text\":\"a\"}\n\n", "a")] {
        let body = format!("{before}{words}");
        let error = check_error(SSE, &[&body], text, ErrorKind::StreamInterrupted);
        assert_eq!(error.body(), Some(words));
        assert!(error.message().contains("overflow") && error.is_retryable(), "{error}");
    }
    // Neither a comment nor the beginning of a field says anything.
    for rest in [": keep-alive\n", "dat", "id", "id: 7", "retry: 10\n", "x-mine: 1\n"] {
        let body = format!("data: {{\"text\":\"a\"}}\n\n{rest}");
        let error = check_error(SSE, &[&body], "a", ErrorKind::StreamInterrupted);
        assert_eq!((error.body(), error.message()), (None, "the answer ended without its mark"));
    }
    let page = "<html>\n<title>Bad Gateway</title>";
    let body = format!("data: {{\"text\":\"a\"}}\n\n{page}");
    let error = check_error(SSE, &[&body], "a", ErrorKind::StreamInterrupted);
    assert!(error.message().contains("titled `Bad Gateway`"), "{error}");
    // What nobody asked for is no answer.
    let body = "data: {\"text\":\"a\"}\n\n{\"text\":\"b\"}";
    check_error(SSE, &[body], "a", ErrorKind::StreamInterrupted);
}

#[test]
fn a_byte_order_mark_is_no_part_of_an_answer() {
    for framing in [Framing::Whole, Framing::JsonLines, SSE] {
        check(framing, &["\u{feff}{\"text\":\"a\",\"done\":true}"], "a");
    }
}

#[test]
fn errors_in_the_answer_are_handed_on() {
    for chunk in ["data: {\"error\":\"out of sorts\"}\n\n", "data: {\"error\":\"out of sorts\"}"] {
        let error =
            check_error(SSE, &["data: {\"text\":\"a\"}\n\n", chunk], "a", ErrorKind::Server);
        assert_eq!(error.message(), "out of sorts");
    }
}

#[test]
fn a_broken_connection_does_not_swallow_what_was_read() {
    let mut answer = Answer::new(ToyDecoder::default(), SSE);
    answer.push("data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}\n\ndata: {\"te".into());
    answer.fail(Error::new(ErrorKind::StreamInterrupted, "cut"));
    let (text, error) = ending(std::iter::from_fn(|| answer.next()).collect());
    assert_eq!(text, "ab");
    assert_eq!(error.unwrap().message(), "cut");

    let mut answer = Answer::new(ToyDecoder::default(), SSE);
    answer.push("data: {\"text\":\"a\"}\n\ndata: [DONE]\n\n".into());
    answer.fail(Error::new(ErrorKind::StreamInterrupted, "cut"));
    let (text, error) = ending(std::iter::from_fn(|| answer.next()).collect());
    assert_eq!((text.as_str(), error.is_none()), ("a", true));
}

#[test]
fn bodies_are_bounded() {
    for framing in [Framing::Whole, SSE, Framing::JsonLines] {
        let mut answer = Answer::with_limit(ToyDecoder::default(), framing, 1000);
        for _ in 0..20 {
            answer.push(Bytes::from_static(&[b'x'; 100]));
            if let Some(item) = answer.next() {
                assert_eq!(item.unwrap_err().kind(), ErrorKind::Decode);
                break;
            }
        }
        assert!(answer.is_finished(), "{framing:?}");
    }
}
