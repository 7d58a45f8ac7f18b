//! Rows: the connection is not made, or nothing begins on it.

use meanwhile::{ErrorKind, Timeouts};
use meanwhile_testkit::Reply;

use super::{Ask, Expected, FIRST_EVENT, Row, Site, TEXT, matrix, milliseconds};

/// Short for the first event, so that it is what runs out.
fn impatient(_: Ask) -> Timeouts {
    Timeouts::default().first_event(milliseconds(250))
}

#[test]
fn connections() {
    let connection = |_| Expected::fails_twice(ErrorKind::Connection);
    matrix(&[
        Row::new(
            "refused connection",
            |_| Site::Nobody,
            move |ask| connection(ask).says("refused"),
        ),
        // Nothing about it passes: neither is tried again.
        Row::new(
            "no TLS at an https URL",
            |ask| Site::NoTls(ask.head().piece(ask.body())),
            |_| Expected::fails(ErrorKind::Connection).says("does not speak TLS"),
        ),
        Row::new(
            "self-signed certificate",
            |ask| Site::SelfSigned(ask.head().piece(ask.body())),
            |_| Expected::fails(ErrorKind::Connection).says("certificate"),
        ),
        Row::new(
            "handshake without an answer",
            |_| Site::Deaf,
            |_| Expected::fails_twice(super::CONNECT).late(),
        ),
        Row::new("no HTTP", |_| Reply::garbage(), connection),
        Row::new("closed before the answer", |_| Reply::bare().cut(), connection),
        Row::new("reset before the answer", |_| Reply::bare().reset(), connection),
        Row::new(
            "closed in the middle of the head",
            |_| Reply::bare().piece("HTTP/1.1 200 OK\r\ncontent-ty").cut(),
            connection,
        ),
        Row::new(
            "slow headers",
            |_| Reply::silence(),
            |_| Expected::fails_twice(FIRST_EVENT).late(),
        )
        .timeouts(impatient),
        Row::new(
            "slow first byte",
            |ask| ask.head().pause(milliseconds(0)).hang(),
            |_| Expected::fails_twice(FIRST_EVENT).named().late(),
        )
        .timeouts(impatient),
        Row::new(
            "endless keep-alives",
            |ask| {
                let bytes = ask.either(b" ".to_vec(), (ask.wire.keep_alive)());
                let before = ask.either(Vec::new(), (ask.wire.before_keep_alive)());
                ask.head().piece(before).endlessly(bytes, milliseconds(10))
            },
            |_| Expected::fails_twice(FIRST_EVENT).named().late(),
        )
        .timeouts(impatient),
        Row::new(
            "slow, but right",
            |ask| {
                let pause = milliseconds(60);
                ask.head().pause(pause).piece(ask.beginning()).pause(pause).piece(ask.rest())
            },
            |_| Expected::fine(TEXT),
        ),
        Row::new(
            "the caller goes away before the answer",
            |_| Reply::silence(),
            |_| Expected::of(None),
        )
        .abandoned(milliseconds(150)),
        Row::new(
            "the caller goes away in the middle",
            |ask| ask.head().piece(ask.beginning()).hang(),
            |_| Expected::of(None),
        )
        .abandoned(milliseconds(150)),
    ]);
}
