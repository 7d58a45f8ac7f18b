//! Chunks to events without I/O.

use std::collections::VecDeque;

use bytes::Bytes;
use meanwhile_core::{Error, ErrorKind, Event, Finish, FinishReason, Result};
use meanwhile_http::{Answer, Decoder, Frame, Framing};

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
    let error = error.unwrap_or_else(|| panic!("no error in {chunks:?}"));
    assert_eq!(error.kind(), kind, "{error} in {chunks:?}");
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
    check(SSE, &["<!-- hello -->\ndata: {\"text\":\"a\"}\n\ndata: [DONE]\n\n"], "a");
    check(SSE, &["Warning: old PHP\ndata: {\"text\":\"a\"}\n\ndata: [DONE]\n\n"], "a");
    // What says that there was no error is none.
    for none in [
        "{\"error\":null,\"ok\":1}",
        "error: null",
        "error:",
        "[{\"error\":{}}]",
        "error: []",
        "error: { }",
    ] {
        check(SSE, &[&format!("data: {{\"text\":\"a\"}}\n\n{none}\n\ndata: [DONE]\n\n")], "a");
    }
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
        // Some servers write their mark behind it, as behind any answer.
        let marked = format!("{}\n\ndata: [DONE]\n\n", body.trim_end());
        let sizes = |body| (1..str::len(body)).map(move |size| (body, size));
        for (body, size) in sizes(&body).chain(sizes(&marked)) {
            let chunks: Vec<&str> = body
                .as_bytes()
                .chunks(size)
                .map(|chunk| std::str::from_utf8(chunk).unwrap())
                .collect();
            let error = check_error(SSE, &chunks, "a", ErrorKind::Server);
            assert_eq!(error.message(), "out of sorts");
        }
        // Before the first event as well.
        let first = marked.strip_prefix(text).unwrap();
        let error = check_error(SSE, &[first], "", ErrorKind::Server);
        assert_eq!(error.message(), "out of sorts");
        // Also where the connection breaks behind it.
        let mut answer = Answer::new(ToyDecoder::default(), SSE);
        answer.push(body.into());
        answer.fail(Error::new(ErrorKind::StreamInterrupted, "cut"));
        let (text, error) = ending(std::iter::from_fn(|| answer.next()).collect());
        assert_eq!((text.as_str(), error.unwrap().message()), ("a", "out of sorts"));
    }
}

/// No answer ends well behind an error, in whatever form the server writes it and whatever comes behind it.
#[test]
fn an_error_in_the_middle_of_a_stream_is_never_a_success() {
    let text = "data: {\"text\":\"a\"}\n\n";
    for (error, message) in [
        // As llama.cpp's server writes it.
        ("error: {\"code\":500,\"message\":\"no room\",\"type\":\"server_error\"}\n\n", "no room"),
        ("error: {\"code\":500}\n\n", "the server reported a failure: `{\"code\":500}`"),
        ("error: no room\n\n", "the server reported a failure: `no room`"),
        ("error:no\nerror: room\n", "the server reported a failure: `no room`"),
        ("oh dear\n{\"a\":1}\nerror: {\"error\":\"no room\"}\n\n", "no room"),
        // JSON without the form of an event, of which the decoder makes nothing.
        ("{\"error\":{\"message\":\"no room\"}}\n\n", "no room"),
        ("[{\"error\":{\"message\":\"no room\"}}]\n", "no room"),
        ("{\"type\":\"error\",\"detail\":\"no room\"}\n\n", "no room"),
        ("{\"a\":1}\n\n{\"error\":\"no room\"}\nTraceback: 1\n\n", "no room"),
        ("event: error\n{\"error\":\"no room\"}\n\n", "no room"),
        // The form of an event, of which the decoder makes nothing.
        ("event: error\ndata: {\"message\":\"no room\"}\n\n", "no room"),
        ("event: error\ndata: 1\n\n", "the server reported a failure: `1`"),
    ] {
        for rest in [
            "",
            "data: [DONE]\n\n",
            "data: [DONE]",
            "data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "data: {\"done\":true}\n\n",
        ] {
            for before in [text, ""] {
                let body = format!("{before}{error}{rest}");
                if body.starts_with(['{', '[']) && rest.is_empty() {
                    // In the place of all events it is the whole answer, which is for the decoder to read.
                    continue;
                }
                let expected = if before.is_empty() { "" } else { "a" };
                for size in [1, 7, body.len()] {
                    let chunks: Vec<&str> = body
                        .as_bytes()
                        .chunks(size)
                        .map(|chunk| std::str::from_utf8(chunk).unwrap())
                        .collect();
                    let error = check_error(SSE, &chunks, expected, ErrorKind::Server);
                    assert_eq!(error.message(), message, "{body}");
                }
                // The connection breaks behind it.
                let mut answer = Answer::new(ToyDecoder::default(), SSE);
                answer.push(body.into());
                answer.fail(Error::new(ErrorKind::Connection, "cut"));
                let (said, error) = ending(std::iter::from_fn(|| answer.next()).collect());
                assert_eq!((said.as_str(), error.unwrap().message()), (expected, message));
            }
        }
    }
}

/// Ends as its server does: at the mark, whether it said why or not.
#[derive(Debug, Default)]
struct Unexplained(ToyDecoder);

impl Decoder for Unexplained {
    fn frame(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) -> Result<()> {
        self.0.frame(frame, events)?;
        for event in events {
            if let Event::Finish(finish) = event {
                **finish = Finish::new(FinishReason::Other);
            }
        }
        Ok(())
    }

    fn end(&mut self, _: &mut VecDeque<Event>) -> Result<()> {
        Ok(())
    }
}

#[test]
fn words_in_front_of_the_mark_are_an_error_where_nobody_said_why_the_answer_ended() {
    for words in
        ["upstream connect error: overflow", "<p>overflow</p>", "{\"detail\":\"overflow\"}"]
    {
        let body = format!("data: {{\"text\":\"a\"}}\n\n{words}\n\ndata: [DONE]\n\n");
        let mut answer = Answer::new(Unexplained::default(), SSE);
        answer.push(body.clone().into());
        let (said, error) = ending(std::iter::from_fn(|| answer.next()).collect());
        let error = error.expect("a success");
        assert_eq!((said.as_str(), error.kind()), ("a", ErrorKind::StreamInterrupted));
        assert_eq!(error.body(), Some(words));
        // A complete answer stays one.
        check(SSE, &[&body], "a");
    }
    // Nor does a field that is not known say why, in front of data or behind it.
    let field = "timestamp: 2026-11-22 10:00:00\nnote: all is well\n";
    let events = ["data: {\"text\":\"a\"}\n", "data: [DONE]\n"];
    for body in [
        events.map(|event| format!("{event}\n")),
        events.map(|event| format!("{field}{event}\n")),
        events.map(|event| format!("{event}{field}\n")),
    ] {
        let body = body.concat();
        for size in [1, 7, body.len()] {
            let mut answer = Answer::new(Unexplained::default(), SSE);
            for chunk in body.as_bytes().chunks(size) {
                answer.push(Bytes::copy_from_slice(chunk));
            }
            let (said, error) = ending(std::iter::from_fn(|| answer.next()).collect());
            assert!(error.is_none(), "{error:?} in {body}");
            assert_eq!(said, "a");
        }
    }
}

/// A decoder that looks at the mark before the name takes this for a good end.
#[test]
fn a_finish_under_the_name_of_an_error_is_an_error() {
    let body = "data: {\"text\":\"a\"}\n\nevent: error\ndata: [DONE]\n\n";
    check_error(SSE, &[body], "a", ErrorKind::Server);
}

/// Holds text back until the end.
#[derive(Debug, Default)]
struct Holding(u32);

impl Decoder for Holding {
    fn frame(&mut self, frame: Frame<'_>, _: &mut VecDeque<Event>) -> Result<()> {
        match frame {
            Frame::Event { data: b"fail", .. } => {
                Err(Error::new(ErrorKind::Server, "out of sorts"))
            }
            Frame::Body(_) => Err(Error::new(ErrorKind::RateLimit, "too much")),
            _ => Ok(()),
        }
    }

    fn end(&mut self, events: &mut VecDeque<Event>) -> Result<()> {
        self.0 += 1;
        events.extend([Event::text_start(0), Event::text_delta(0, self.0.to_string())]);
        events.push_back(Event::finish(Finish::new(FinishReason::Stop)));
        Ok(())
    }
}

/// What a decoder holds back is asked for once, however the answer breaks off.
#[test]
fn what_is_held_back_comes_before_any_error() {
    for (body, expected) in [
        ("", "cut"),
        ("data: {\"te", "cut"),
        ("data: fail\n\n", "out of sorts"),
        ("{\"error\":\"x\"}\n\n", "too much"),
        ("{\"error\":\"x\"}\n\ndata: a\n\n", "too much"),
        ("{\"detail\":\"x\"}", "too much"),
    ] {
        let mut answer = Answer::new(Holding::default(), SSE);
        answer.push(format!("data: a\n\n{body}").into());
        answer.fail(Error::new(ErrorKind::Connection, "cut"));
        let (said, error) = ending(std::iter::from_fn(|| answer.next()).collect());
        assert_eq!((said.as_str(), error.unwrap().message()), ("1", expected), "{body}");
    }
    let mut answer = Answer::with_limit(Holding::default(), SSE, 10);
    answer.push("data: a\n\ndata: larger than ten\n\n".into());
    let (said, error) = ending(std::iter::from_fn(|| answer.next()).collect());
    assert_eq!((said.as_str(), error.unwrap().kind()), ("1", ErrorKind::Decode));
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
    for words in ["Error: timeout", "detail: the model ran out of memory"] {
        let body = format!("data: {{\"text\":\"a\"}}\n\n{words}\n");
        let error = check_error(SSE, &[&body], "a", ErrorKind::StreamInterrupted);
        assert_eq!(error.body(), Some(words));
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
