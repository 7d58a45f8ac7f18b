//! [`Scrub`]: what is taken out of requests and answers before they reach a file.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Uri};
use meanwhile_http::redact::{MASK, Redactor, is_secret};
use serde_json::Value;

use super::cassette::{Answered, Content, Recorded};
use super::named;

/// Further parameters of queries that carry keys, by their usual names.
const QUERIES: [&str; 6] =
    ["key", "token", "sig", "signature", "x-amz-signature", "x-amz-security-token"];

/// Headers that differ from day to day or machine to machine, and change nothing.
const NOISE: [&str; 14] = [
    "alt-svc",
    "cf-cache-status",
    "cf-ray",
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "host",
    "nel",
    "report-to",
    "server",
    "transfer-encoding",
    "user-agent",
    "x-amz-date",
];

/// What to take out, beside what is always taken out.
#[derive(Debug, Default)]
pub(super) struct Scrub {
    pub(super) pointers: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) queries: Vec<String>,
}

impl Scrub {
    /// The request as it may be written, and what finds its secrets in the answer.
    pub(super) fn request(&self, request: &Request<Bytes>) -> (Redactor, Recorded) {
        let mut redactor = Redactor::new();
        redactor.add_headers(request.headers());
        for name in &self.headers {
            if let Some(value) = request.headers().get(name) {
                redactor.add(value.as_bytes());
            }
        }
        let url = self.url(request.uri(), &mut redactor);
        let body = self.body(&mut redactor, request.headers(), request.body());
        let recorded = Recorded {
            method: request.method().to_string(),
            url: redactor.text(&url),
            headers: self.header_map(&redactor, request.headers()),
            body,
        };
        (redactor, recorded)
    }

    pub(super) fn response(
        &self,
        redactor: &mut Redactor,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answered {
        let body = self.body(redactor, headers, body);
        Answered { status, headers: self.header_map(redactor, headers), body }
    }

    fn url(&self, url: &Uri, redactor: &mut Redactor) -> String {
        let Some(query) = url.query() else { return url.to_string() };
        let is_key = |name: &str| {
            QUERIES.contains(&name.to_ascii_lowercase().as_str())
                || named::is_credential(name)
                || self.queries.iter().any(|other| other == name)
        };
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if is_key(name) => {
                    redactor.add(value.as_bytes());
                    format!("{name}={MASK}")
                }
                _ => pair.to_owned(),
            })
            .collect();
        let text = url.to_string();
        let base = text.split('?').next().unwrap_or_default();
        format!("{base}?{}", pairs.join("&"))
    }

    fn header_map(&self, redactor: &Redactor, headers: &HeaderMap) -> BTreeMap<String, String> {
        let kept = headers.iter().filter(|(name, _)| !NOISE.contains(&name.as_str()));
        kept.map(|(name, value)| {
            let secret =
                is_secret(name, value) || self.headers.iter().any(|other| other == name.as_str());
            let value = match secret {
                true => MASK.to_owned(),
                false => redactor.text(&String::from_utf8_lossy(value.as_bytes())),
            };
            (name.to_string(), value)
        })
        .collect()
    }

    /// The body without the secrets that are known, those that its fields are named as, which become
    /// known, and what was asked to be taken out.
    fn body(&self, redactor: &mut Redactor, headers: &HeaderMap, body: &[u8]) -> Content {
        let body = if redactor.finds(body) { redactor.bytes(body) } else { body.to_vec() };
        let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let body = if kind.to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded") {
            named::in_form(&body, redactor)
        } else {
            self.without_fields(&body, redactor).unwrap_or(body)
        };
        // Another field, or an earlier line, may repeat what only its name has shown to be a secret.
        Content::new(&if redactor.finds(&body) { redactor.bytes(&body) } else { body })
    }

    /// The body without what names and pointers find in it, in its lines or in the data of its events.
    /// `None` where they find nothing.
    fn without_fields(&self, body: &[u8], redactor: &mut Redactor) -> Option<Vec<u8>> {
        if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
            return self.replace(&mut value, redactor).then(|| value.to_string().into_bytes());
        }
        let mut out = String::new();
        let mut found = false;
        for line in std::str::from_utf8(body).ok()?.split_inclusive('\n') {
            let (head, data) = match line.strip_prefix("data:") {
                Some(data) => ("data: ", data),
                None => ("", line),
            };
            let value = serde_json::from_str::<Value>(data).ok();
            match value.and_then(|mut value| self.replace(&mut value, redactor).then_some(value)) {
                Some(value) => {
                    found = true;
                    out.push_str(&format!("{head}{value}\n"));
                }
                None => out.push_str(line),
            }
        }
        found.then(|| out.into_bytes())
    }

    fn replace(&self, value: &mut Value, redactor: &mut Redactor) -> bool {
        let mut found = named::in_json(value, redactor);
        for pointer in &self.pointers {
            if let Some(place) = value.pointer_mut(pointer) {
                *place = MASK.into();
                found = true;
            }
        }
        found
    }
}
