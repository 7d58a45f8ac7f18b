//! Rows: a status of success, and a body that is not what it should be, or not called what it is.

use meanwhile::ErrorKind;

use super::{Ask, Delivery, Expected, Row, Site, TEXT, matrix};

const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>…</body></html>";

#[test]
fn pages() {
    let page = |_| Expected::fails(ErrorKind::Decode).named().kept();
    matrix(&[
        Row::new(
            "a page with status 200",
            |ask| ask.named(200).html(PAGE),
            move |ask| {
                page(ask).status(200).says("an HTML page titled `Sign in`; check the base URL")
            },
        ),
        Row::new(
            "a page that is called something else",
            |ask| ask.named(200).header("content-type", "text/plain").piece(PAGE),
            move |ask| page(ask).status(200).says("check the base URL"),
        ),
        Row::new("a page in the place of an answer", |ask| ask.head().piece(PAGE), page),
        Row::new(
            "a page with status 502",
            |ask| ask.named(502).html(PAGE),
            |_| {
                let expected = Expected::fails_twice(ErrorKind::Server).named().kept();
                expected.status(502).says("HTML page titled `Sign in`")
            },
        ),
        Row::new(
            "a picture",
            |ask| {
                ask.named(200).header("content-type", "image/png").piece(&b"\x89PNG\r\n\x1a\n"[..])
            },
            move |ask| page(ask).status(200).says("image/png"),
        ),
    ]);
}

#[test]
fn content_types() {
    let called = |name: &'static str| {
        Row::new(
            format!("called `{name}`"),
            move |ask: Ask| ask.named(200).header("content-type", name).piece(ask.body()),
            |_| Expected::fine(TEXT),
        )
    };
    // What the other delivery gives, under its own name and under the wrong one.
    let other = |ask: Ask| {
        let delivery = match ask.delivery {
            Delivery::Plain => Delivery::Streamed,
            Delivery::Streamed => Delivery::Plain,
        };
        Ask { delivery, ..ask }
    };
    matrix(&[
        called("text/plain"),
        called("application/octet-stream"),
        called("application/json; charset=utf-8"),
        Row::new(
            "no content type",
            |ask| ask.named(200).piece(ask.body()),
            |_| Expected::fine(TEXT),
        ),
        Row::new(
            "the other delivery",
            move |ask| other(ask).head().piece(other(ask).body()),
            |_| Expected::fine(TEXT),
        ),
        Row::new(
            "the other delivery under the name of this one",
            move |ask| ask.head().piece(other(ask).body()),
            // Whoever asks for one JSON value and is told that it comes does not look for a stream.
            // JSON is the beginning of no AWS message, and lines of JSON are JSON.
            |ask| match (ask.wire.id, ask.delivery) {
                ("ollama", _) => Expected::fine(TEXT),
                ("bedrock", _) | (_, Delivery::Plain) => {
                    Expected::fails(ErrorKind::Decode).named().kept()
                }
                (_, Delivery::Streamed) => Expected::fine(TEXT),
            },
        ),
    ]);
}

#[test]
fn nothing() {
    let nothing = |_| Expected::fails_twice(ErrorKind::StreamInterrupted).named().kept();
    matrix(&[
        Row::new("an empty body", Ask::head, nothing),
        Row::new("an empty body without a content type", |ask| ask.named(200), nothing),
        Row::new("nothing but white space", |ask| ask.head().piece("\n \n"), nothing),
    ]);
}

#[test]
fn redirects() {
    let refused = |_| Expected::fails(ErrorKind::Config).kept();
    let mut rows = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        rows.push(Row::new(
            format!("{status} to another host"),
            move |_| Site::RedirectTo(status, "/elsewhere"),
            move |ask| refused(ask).status(status).says("`localhost`, which is not followed"),
        ));
        // Nor to the same host: where requests go is what the program says, and nothing else.
        rows.push(Row::new(
            format!("{status} to the same host"),
            move |ask| ask.named(status).header("location", "/elsewhere"),
            move |ask| refused(ask).status(status).named().says("another path"),
        ));
    }
    rows.push(Row::new(
        "a redirect to nowhere",
        |ask| ask.named(302),
        move |ask| refused(ask).status(302).named(),
    ));
    matrix(&rows);
}
