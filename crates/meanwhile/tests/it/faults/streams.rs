//! Rows: the answer begins, and then something happens to it.

use meanwhile::{ErrorKind, Timeouts};

use super::{Ask, Expected, FIRST, FIRST_EVENT, IDLE, Row, TEXT, WHOLE, matrix, milliseconds};

const INTERRUPTED: ErrorKind = ErrorKind::StreamInterrupted;

/// A plain answer is one event: its silence is one before the first.
fn silent(ask: Ask) -> Timeouts {
    let limit = milliseconds(250);
    let timeouts = Timeouts::default();
    ask.either(timeouts.first_event(limit), timeouts.idle(limit))
}

#[test]
fn breaks() {
    let broken = |ask| Expected::interrupted(ask, INTERRUPTED, INTERRUPTED);
    matrix(&[
        Row::new(
            "silence in the middle",
            |ask| ask.head().piece(ask.beginning()).hang(),
            |ask| Expected::interrupted(ask, FIRST_EVENT, IDLE).late(),
        )
        .timeouts(silent),
        Row::new(
            "endless keep-alives in the middle",
            |ask| {
                let bytes = ask.either(b" ".to_vec(), (ask.wire.keep_alive)());
                let before = ask.either(Vec::new(), (ask.wire.before_keep_alive)());
                ask.head().piece(ask.beginning()).piece(before).endlessly(bytes, milliseconds(10))
            },
            |ask| Expected::interrupted(ask, FIRST_EVENT, IDLE).late(),
        )
        .timeouts(silent),
        Row::new(
            "endless events without content",
            |ask| {
                let bytes = ask.either(b" ".to_vec(), (ask.wire.quiet)());
                ask.head().piece(ask.beginning()).endlessly(bytes, milliseconds(10))
            },
            // The whole clock holds for all tries together.
            |ask| Expected::fails(WHOLE).partial(ask.either("", FIRST)).named().late(),
        )
        .timeouts(|_| Timeouts::default().whole(milliseconds(500))),
        Row::new(
            "reset in the middle",
            |ask| ask.head().piece(ask.beginning()).pause(milliseconds(100)).reset(),
            broken,
        ),
        Row::new("closed in the middle", |ask| ask.head().piece(ask.beginning()).cut(), broken),
        Row::new(
            "shorter than announced",
            |ask| ask.head().length(100_000).piece(ask.beginning()).cut(),
            broken,
        ),
        Row::new(
            "no terminator",
            |ask| ask.head().piece(ask.beginning()),
            move |ask| broken(ask).kept(),
        ),
        Row::new(
            "ends in the middle of an event",
            |ask| {
                let next = (ask.wire.delta)("lost");
                let half = ask.either(Vec::new(), next[..next.len() / 2].to_vec());
                ask.head().piece([ask.beginning(), half].concat())
            },
            move |ask| broken(ask).kept(),
        ),
        Row::new(
            "the caller goes away from keep-alives",
            |ask| {
                let bytes = ask.either(b" ".to_vec(), (ask.wire.quiet)());
                ask.head().piece(ask.beginning()).endlessly(bytes, milliseconds(10))
            },
            |_| Expected::of(None),
        )
        .abandoned(milliseconds(150)),
    ]);
}

#[test]
fn contents() {
    let spoilt = |ask: Ask| {
        let partial = ask.either("", FIRST);
        Expected::fails(ErrorKind::Decode).partial(partial).named()
    };
    matrix(&[
        Row::new(
            "every byte alone, letters split",
            |ask| {
                let body = ask.body();
                let pieces = body.chunks(1).map(<[u8]>::to_vec);
                pieces.fold(ask.head(), meanwhile_testkit::Reply::piece)
            },
            |_| Expected::fine(TEXT),
        ),
        Row::new(
            "letters split over slow reads",
            |ask| {
                let body = ask.body();
                // In the middle of `ü`, wherever the wire has it; one wire writes no letters.
                let letter = body.windows(2).position(|two| two == "ü".as_bytes());
                let at = letter.map_or(body.len() / 2, |at| at + 1);
                let pause = milliseconds(50);
                ask.head().piece(body[..at].to_vec()).pause(pause).piece(body[at..].to_vec())
            },
            |_| Expected::fine(TEXT),
        ),
        Row::new(
            "garbage in the middle",
            |ask| {
                let garbage = ask.either(b"\xff<html>\x00".to_vec(), (ask.wire.garbage)());
                ask.head().piece([ask.beginning(), garbage, ask.rest()].concat())
            },
            // The body may have come to its end by then.
            move |ask| spoilt(ask).kept(),
        ),
        Row::new(
            "an event beyond the limit",
            |ask| {
                let large = "x".repeat(20_000);
                let body = match ask.is_streamed() {
                    true => [ask.beginning(), (ask.wire.delta)(&large), ask.rest()].concat(),
                    false => ask.whole(&large),
                };
                ask.head().piece(body)
            },
            move |ask| spoilt(ask).kept().says("raise the limit"),
        )
        .frame_limit(8_000),
        Row::new(
            "an endless event",
            |ask| {
                let next = (ask.wire.delta)(&"x".repeat(20_000));
                let half = ask.either(Vec::new(), next[..next.len() / 2].to_vec());
                let endless = ask.head().piece([ask.beginning(), half].concat());
                endless.endlessly(vec![b'x'; 4096], milliseconds(1))
            },
            move |ask| spoilt(ask).says("raise the limit"),
        )
        .frame_limit(8_000),
        Row::new(
            "a failure in the middle",
            |ask| match ask.is_streamed() {
                true => ask.head().piece([ask.beginning(), (ask.wire.failure)()].concat()),
                false => ask.head().piece((ask.wire.failure_whole)()),
            },
            |ask| {
                let kind = ask.wire.failure_kind;
                let expected = Expected::interrupted(ask, kind, kind).kept();
                Expected { status: told_status(ask), ..expected }
            },
        ),
        Row::new(
            "a failure at the beginning",
            |ask| match ask.is_streamed() {
                true => ask.head().piece([(ask.wire.opening)(), (ask.wire.failure)()].concat()),
                false => ask.head().piece((ask.wire.failure_whole)()),
            },
            |ask| {
                let expected = Expected::fails_twice(ask.wire.failure_kind).named().kept();
                Expected { status: told_status(ask), ..expected }
            },
        ),
    ]);
}

/// The status that the failure itself names.
fn told_status(ask: Ask) -> Option<u16> {
    ["google", "vertex, gemini"].contains(&ask.wire.name).then_some(503)
}

#[test]
fn ten_megabytes() {
    let large = || "x".repeat(10 << 20);
    matrix(&[Row::new(
        "a legal event of ten megabytes",
        move |ask| match ask.is_streamed() {
            true => {
                let (opening, ending) = ((ask.wire.opening)(), (ask.wire.ending)(&large()));
                ask.head().piece([opening, (ask.wire.delta)(&large()), ending].concat())
            }
            false => ask.head().piece(ask.whole(&large())),
        },
        move |_| Expected::fine(&large()),
    )]);
}
