//! [`Form`]: the body of a `multipart/form-data` request, as RFC 7578 has it.
//!
//! The same fields always give the same bytes: the boundary is no random one. Where a field contains
//! the usual one, it is made from a digest of the fields, which a field can hardly know.

use std::hash::{DefaultHasher, Hasher as _};

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use memchr::memmem;

use crate::{Framing, Wire};

const BOUNDARY: &str = "meanwhile-form-boundary";

/// Fields and files that are uploaded together.
///
/// ```
/// use meanwhile_http::Form;
///
/// let wire = Form::new().text("purpose", "batch").into_wire("/files");
/// assert!(wire.body.starts_with(b"--meanwhile-form-boundary\r\n"));
/// ```
#[derive(Debug, Default)]
pub struct Form {
    fields: Vec<(String, Vec<u8>)>,
}

impl Form {
    /// Makes a form without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let head = format!("content-disposition: form-data; name=\"{}\"", quoted(name));
        self.fields.push((head, value.as_bytes().to_vec()));
        self
    }

    /// Adds a file of a media type.
    #[must_use]
    pub fn file(mut self, name: &str, file_name: &str, media_type: &str, bytes: &[u8]) -> Self {
        // A line break would begin another header.
        let media_type: String = media_type.chars().filter(|c| !c.is_control()).collect();
        let head = format!(
            "content-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
             content-type: {media_type}",
            quoted(name),
            quoted(file_name)
        );
        self.fields.push((head, bytes.to_vec()));
        self
    }

    /// Makes a `POST` of the form to `path`, with one whole answer.
    #[must_use]
    pub fn into_wire(self, path: impl Into<String>) -> Wire {
        let boundary = self.boundary();
        let size: usize = self.fields.iter().map(|(head, value)| head.len() + value.len()).sum();
        let mut body = Vec::with_capacity(size + (self.fields.len() + 1) * (boundary.len() + 10));
        for (head, value) in self.fields {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n\r\n").as_bytes());
            body.extend_from_slice(&value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let mut wire = Wire::post(path, body, Framing::Whole);
        let media_type = format!("multipart/form-data; boundary={boundary}");
        if let Ok(value) = HeaderValue::from_str(&media_type) {
            wire.headers.insert(CONTENT_TYPE, value);
        }
        wire
    }

    /// Looks through the fields once, and where the usual boundary is in one of them, twice more.
    fn boundary(&self) -> String {
        let mut boundary = BOUNDARY.to_owned();
        // Without a random key, unlike those of a map.
        let mut digest = DefaultHasher::new();
        while self.contain(&boundary) {
            for (_, value) in &self.fields {
                digest.write_usize(value.len());
                digest.write(value);
            }
            boundary = format!("{BOUNDARY}-{:016x}", digest.finish());
        }
        boundary
    }

    fn contain(&self, boundary: &str) -> bool {
        let finder = memmem::Finder::new(boundary);
        self.fields.iter().any(|(_, value)| finder.find(value).is_some())
    }
}

/// A name as HTML writes it between quotes.
fn quoted(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}
