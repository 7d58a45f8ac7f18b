//! [`Text`], files that are text as they are.

use meanwhile_core::{Error, ErrorKind, Result};

use super::Parser;
use crate::Document;

/// Text in UTF-8, as it is; a byte order mark is taken off.
///
/// ```
/// use meanwhile_core::ErrorKind;
/// use meanwhile_rag::loaders::{self, Text};
///
/// # futures::executor::block_on(async {
/// let documents = loaders::parse(Text, "refunds.txt", "Within 30 days.").await?;
/// assert_eq!((&*documents[0].id, &*documents[0].text), ("refunds.txt", "Within 30 days."));
/// // Text in another encoding is not guessed at.
/// let error = loaders::parse(Text, "old.txt", b"caf\xe9".to_vec()).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Decode);
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Text;

impl Parser for Text {
    fn extensions(&self) -> &[&str] {
        &["txt", "text", "rst", "adoc", "org", "log"]
    }

    fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>> {
        Ok(vec![Document::new(id, utf8(bytes)?)])
    }
}

/// The bytes as text.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let message = format!("not UTF-8 from byte {place} on: convert the file to UTF-8");
        Error::new(ErrorKind::Decode, message)
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}
