//! Binary messages to frames, whole and cut everywhere, sound and broken.

use std::time::{Duration, Instant};

use bytes::Bytes;
use meanwhile_core::{ErrorKind, Result};
use meanwhile_http::frame::AwsEventStream;
use meanwhile_http::{Frame, Framing};
use proptest::prelude::*;

use crate::server::{Server, reply};
use crate::toy::{Toy, answer, streamed};

/// Writes a message with these headers, all of them text.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    seal(&written, payload)
}

/// Writes a message with headers that are written already.
fn seal(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let mut out = length(headers.len() + payload.len() + 16).to_vec();
    out.extend(length(headers.len()));
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    message(&[(":event-type", name), (":message-type", "event")], payload.as_bytes())
}

fn show(frame: Frame<'_>) -> String {
    let Frame::Message { headers, data } = frame else { panic!("{frame:?}") };
    let kind = headers.event_type.or(headers.exception_type).or(headers.error_code);
    format!("{}={}", kind.unwrap_or_default(), String::from_utf8_lossy(data))
}

/// What each message holds, and how the body ended.
fn messages(chunks: impl IntoIterator<Item = Bytes>) -> (Vec<String>, Option<ErrorKind>) {
    let mut stream = AwsEventStream::new(1 << 20);
    let mut out = Vec::new();
    for chunk in chunks {
        stream.push(chunk);
        loop {
            match stream.next() {
                Ok(Some(frame)) => out.push(show(frame)),
                Ok(None) => break,
                Err(error) => return (out, Some(error.kind())),
            }
        }
    }
    match stream.end() {
        Ok(frame) => {
            assert_eq!(frame, None);
            assert_eq!(stream.end().unwrap(), None);
            (out, None)
        }
        Err(error) => (out, Some(error.kind())),
    }
}

/// Checks the bytes whole, byte by byte, and cut in two everywhere.
fn check(bytes: &[u8], expected: &[&str], end: Option<ErrorKind>) {
    let bytes = Bytes::copy_from_slice(bytes);
    let expected = (expected.iter().map(ToString::to_string).collect::<Vec<_>>(), end);
    assert_eq!(messages([bytes.clone()]), expected, "whole");
    let single = (0..bytes.len()).map(|at| bytes.slice(at..=at));
    assert_eq!(messages(single), expected, "byte by byte");
    for at in 0..=bytes.len() {
        let halves = [bytes.slice(..at), Bytes::new(), bytes.slice(at..)];
        assert_eq!(messages(halves), expected, "cut at {at}");
    }
}

#[test]
fn messages_one_after_the_other() {
    let mut body = event("messageStart", "{\"role\":\"assistant\"}");
    body.extend(event("empty", ""));
    body.extend(seal(&[], b"no headers"));
    body.extend(seal(&[], b""));
    body.extend(event("messageStop", "{}"));
    let expected =
        ["messageStart={\"role\":\"assistant\"}", "empty=", "=no headers", "=", "messageStop={}"];
    check(&body, &expected, None);
    check(b"", &[], None);
    check(&body[..body.len() - 1], &expected[..4], Some(ErrorKind::StreamInterrupted));
}

#[test]
fn headers_say_what_a_message_is() {
    let read = |headers: &[(&str, &str)]| {
        let mut stream = AwsEventStream::default();
        stream.push(message(headers, b"").into());
        let Some(Frame::Message { headers, .. }) = stream.next().unwrap() else { panic!() };
        format!("{headers:?}")
    };
    let exception = read(&[
        (":exception-type", "validationException"),
        (":content-type", "application/json"),
        (":message-type", "exception"),
        ("other", "x"),
    ]);
    for expected in [
        "message_type: Some(\"exception\")",
        "exception_type: Some(\"validationException\")",
        "content_type: Some(\"application/json\")",
        "event_type: None",
    ] {
        assert!(exception.contains(expected), "{exception}");
    }
    let error =
        read(&[(":error-code", "500"), (":error-message", "no"), (":message-type", "error")]);
    assert!(error.contains("error_code: Some(\"500\"), error_message: Some(\"no\")"), "{error}");
}

#[test]
fn the_official_vectors() {
    // Every type of header, then each mistake that AWS tests its own parsers with.
    let all = "000000960000007a8bb495fb0474727565000566616c736501046279746502320573686f7274034e2003696e74040007a120046c6f6e67050000000ba43b740005627974657306000a736f6d6520627974657303737472070008736f6d65207374720474696d6508000000012a05f200047575696409b79bc914de214e13b8b2bc47e85b7f0b736f6d65207061796c6f616401a05860";
    check(&hex(all), &["=some payload"], None);
    check(
        &hex("0000002400000000516356ad616e6f746865722074657374207061796c6f61648df80e65"),
        &["=another test payload"],
        None,
    );
    check(&hex("0000001f0000000f172dc2ab0b736f6d652d6865616465720301f4933c5cad"), &["="], None);

    let whole = hex(all);
    let headers = &whole[12..12 + 0x7a];
    let name_length = headers.iter().position(|byte| *byte == b'b').unwrap() - 1;
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut headers = headers.to_vec();
        change(&mut headers);
        check(&seal(&headers, b"x"), &[], Some(ErrorKind::Decode));
    };
    broken(&|headers| headers[name_length] = 0);
    broken(&|headers| headers[name_length] = 0x66);
    broken(&|headers| headers[name_length + 5] = 0x60);
    broken(&|headers| headers.truncate(headers.len() - 1));
    let text = headers.windows(3).position(|bytes| bytes == b"str").unwrap() + 4;
    broken(&|headers| headers[text] = 0xff);
    for at in [8, whole.len() - 4] {
        let mut broken = whole.clone();
        broken[at..at + 4].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        check(&broken, &[], Some(ErrorKind::Decode));
    }
    // Headers that are longer than the message.
    let mut lengths = vec![0, 0, 0, 20, 0, 0, 0, 5];
    lengths.extend(crc32fast::hash(&lengths).to_be_bytes());
    check(&lengths, &[], Some(ErrorKind::Decode));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

#[test]
fn every_damaged_bit_is_noticed() {
    let sound = [event("a", "one"), event("b", "two")].concat();
    for at in 0..sound.len() * 8 {
        let mut damaged = sound.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let (_, end) = messages([damaged.into()]);
        assert_eq!(end, Some(ErrorKind::Decode), "bit {at}");
    }
}

#[test]
fn a_message_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from([event("x", "hello"), event("y", "world")].concat());
    let memory = chunk.as_ptr_range();
    let mut stream = AwsEventStream::default();
    stream.push(chunk);
    for expected in [b"hello", b"world"] {
        let Some(Frame::Message { headers, data }) = stream.next().unwrap() else { panic!() };
        assert_eq!(data, expected);
        assert!(memory.contains(&data.as_ptr()));
        assert!(memory.contains(&headers.event_type.unwrap().as_ptr()));
    }
    assert_eq!(stream.next().unwrap(), None);
}

#[test]
fn a_chunk_may_be_pushed_before_the_last_one_is_read() {
    let mut stream = AwsEventStream::default();
    stream.push(event("a", "1").into());
    stream.push(event("b", "2").into());
    let third = event("c", "3");
    stream.push(third[..9].to_vec().into());
    stream.push(third[9..].to_vec().into());
    for expected in ["a=1", "b=2", "c=3"] {
        assert_eq!(show(stream.next().unwrap().unwrap()), expected);
    }
    assert_eq!(stream.next().unwrap(), None);
}

#[test]
fn size_is_bounded() {
    let read = |body: &[u8]| -> Result<bool> {
        let mut stream = AwsEventStream::new(100);
        stream.push(Bytes::copy_from_slice(body));
        stream.next().map(|frame| frame.is_some())
    };
    assert!(read(&seal(&[], &[b'x'; 84])).unwrap());
    // The length alone is enough to refuse; nothing is collected first.
    let large = seal(&[], &[b'x'; 85]);
    for body in [&large[..], &large[..12]] {
        let error = read(body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.message().contains("100 bytes"), "{error}");
    }
}

/// Time to read one message of `size` bytes in pieces of 1 KB, the best of several runs.
fn time_of_one_message(size: usize) -> Duration {
    let whole = Bytes::from(seal(&[], &vec![b'x'; size]));
    let run = || {
        let started = Instant::now();
        let mut stream = AwsEventStream::default();
        let mut count = 0;
        for start in (0..whole.len()).step_by(1024) {
            stream.push(whole.slice(start..whole.len().min(start + 1024)));
            count += usize::from(stream.next().unwrap().is_some());
        }
        assert_eq!(count, 1);
        started.elapsed()
    };
    (0..5).map(|_| run()).min().unwrap()
}

#[test]
fn one_large_message_in_small_pieces_costs_linear_time() {
    let small = time_of_one_message(1 << 20);
    let large = time_of_one_message(4 << 20);
    assert!(large < small * 10 + Duration::from_millis(20), "1 MB: {small:?}, 4 MB: {large:?}");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages(
        parts in prop::collection::vec(("[a-z]{0,9}", "[a-z ✓]{0,30}"), 0..6),
        lost in 0..40_usize,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut body: Vec<u8> = parts.iter().flat_map(|(name, data)| event(name, data)).collect();
        body.truncate(body.len().saturating_sub(lost));
        let bytes = Bytes::from(body);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| bytes.slice(cut[0]..cut[1]));
        prop_assert_eq!(messages(pieces), messages([bytes.clone()]));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10),
        headers in prop::collection::vec(0..20_u8, 0..60),
    ) {
        let mut chunks: Vec<Bytes> = chunks.into_iter().map(Bytes::from).collect();
        // Sound checksums around any headers reach what random bytes never do.
        chunks.insert(0, seal(&headers, b"x").into());
        let whole: Bytes = chunks.concat().into();
        prop_assert_eq!(messages(chunks), messages([whole]));
    }
}

#[tokio::test]
async fn the_content_type_or_the_first_byte_decides() {
    let body = [event("a", "{\"text\":\"hi\"}"), event("b", "[DONE]")].concat();
    for content_type in [
        "content-type: application/vnd.amazon.eventstream",
        "content-type: Application/VND.Amazon.EventStream; v=1",
        "content-type: application/octet-stream",
        "x-none: 1",
    ] {
        let length = format!("content-length: {}", body.len());
        let head = format!("HTTP/1.1 200 OK\r\n{content_type}\r\n{length}\r\n\r\n");
        let server = Server::bytes([head.as_bytes(), &body].concat()).await;
        let provider = server.provider(Toy(Framing::AwsEventStream));
        assert_eq!(answer(&provider, streamed()).await.unwrap().text(), "hi", "{content_type}");
        let head = server.seen()[0].head.to_lowercase();
        assert!(head.contains("accept: application/vnd.amazon.eventstream"), "{head}");
    }
    let whole = reply("200 OK", &["content-type: application/json"], "{\"text\":\"hi\"}");
    let server = Server::bytes(whole).await;
    let provider = server.provider(Toy(Framing::AwsEventStream));
    let response = answer(&provider, streamed()).await.unwrap();
    assert_eq!(response.text(), "hi", "a gateway answered whole");
}
