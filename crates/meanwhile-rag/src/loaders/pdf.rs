//! [`Pdf`], the text of documents that were laid out for paper.

use meanwhile_core::{Error, ErrorKind, Result};

use super::Parser;
use crate::Document;

/// The text of PDF files, a document for each page with text on it: `manual.pdf#page=3`, with the number
/// as `page` in the metadata. Pages that are pictures have no text; a file of nothing else is an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pdf;

impl Parser for Pdf {
    fn extensions(&self) -> &[&str] {
        &["pdf"]
    }

    fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>> {
        let pages = pdf_extract::extract_text_from_mem_by_pages(&bytes).map_err(|source| {
            Error::new(ErrorKind::Decode, "the PDF cannot be read").with_source(source)
        })?;
        let documents: Vec<Document> = (1_u32..)
            .zip(pages)
            .map(|(page, text)| (page, text.trim().to_owned()))
            .filter(|(_, text)| !text.is_empty())
            .map(|(page, text)| Document::new(format!("{id}#page={page}"), text).with("page", page))
            .collect();
        if documents.is_empty() {
            let message = "there is no text in the PDF: recognise the text of its pictures first";
            return Err(Error::new(ErrorKind::Decode, message));
        }
        Ok(documents)
    }
}
