//! [`Scrub`]: what is taken out of requests and answers before they reach a file.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use meanwhile_http::redact::{MASK, Redactor, is_secret};
use serde_json::Value;

use super::cassette::{Answered, Content, Recorded};

/// Parameters of queries that carry keys, by their usual names.
const QUERIES: [&str; 10] = [
    "key",
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "token",
    "sig",
    "signature",
    "x-amz-signature",
    "x-amz-security-token",
];

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
        let recorded = Recorded {
            method: request.method().to_string(),
            url: redactor.text(&url),
            headers: self.header_map(&redactor, request.headers()),
            body: self.body(&redactor, request.body()),
        };
        (redactor, recorded)
    }

    pub(super) fn response(
        &self,
        redactor: &Redactor,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answered {
        let headers = self.header_map(redactor, headers);
        Answered { status, headers, body: self.body(redactor, body) }
    }

    fn url(&self, url: &Uri, redactor: &mut Redactor) -> String {
        let Some(query) = url.query() else { return url.to_string() };
        let is_key = |name: &str| {
            QUERIES.contains(&name.to_ascii_lowercase().as_str())
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

    fn body(&self, redactor: &Redactor, body: &[u8]) -> Content {
        let body = if redactor.finds(body) { redactor.bytes(body) } else { body.to_vec() };
        match self.pointed(&body) {
            Some(body) => Content::new(&body),
            None => Content::new(&body),
        }
    }

    /// The body without what the pointers find in it, in its lines or in the data of its events.
    /// `None` where they find nothing.
    fn pointed(&self, body: &[u8]) -> Option<Vec<u8>> {
        if self.pointers.is_empty() {
            return None;
        }
        if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
            return self.replace(&mut value).then(|| value.to_string().into_bytes());
        }
        let mut out = String::new();
        let mut found = false;
        for line in std::str::from_utf8(body).ok()?.split_inclusive('\n') {
            let (head, data) = match line.strip_prefix("data:") {
                Some(data) => ("data: ", data),
                None => ("", line),
            };
            let value = serde_json::from_str::<Value>(data).ok();
            match value.and_then(|mut value| self.replace(&mut value).then_some(value)) {
                Some(value) => {
                    found = true;
                    out.push_str(&format!("{head}{value}\n"));
                }
                None => out.push_str(line),
            }
        }
        found.then(|| out.into_bytes())
    }

    fn replace(&self, value: &mut Value) -> bool {
        let mut found = false;
        for pointer in &self.pointers {
            if let Some(place) = value.pointer_mut(pointer) {
                *place = MASK.into();
                found = true;
            }
        }
        found
    }
}
