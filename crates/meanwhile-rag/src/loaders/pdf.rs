//! [`Pdf`], the text of documents that were laid out for paper.

mod guard;

use meanwhile_core::{Error, ErrorKind, Result};
use pdf_extract::PlainTextOutput;

use super::Parser;
use crate::Document;

/// The text of PDF files, a document for each page with text on it: `manual.pdf#page=3`, with the number
/// as `page` in the metadata. Pages that are pictures have no text; a file of nothing else is an error, and so
/// is one of which a page cannot be read.
///
/// A file whose drawings have no end is refused. The library that reads the text takes care of little else:
/// files of strangers are best read in a process of their own, with limits of time and memory.
///
/// ```
/// use meanwhile_core::ErrorKind;
/// use meanwhile_rag::loaders::{self, Parser as _, Pdf};
///
/// # futures::executor::block_on(async {
/// // In a folder it is chosen by the ending of the name.
/// assert_eq!(Pdf.extensions(), ["pdf"]);
/// // A file that only goes by that name is told apart.
/// let error = loaders::parse(Pdf, "refunds.pdf", "Refunds, in plain text").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Decode);
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Pdf;

impl Parser for Pdf {
    fn extensions(&self) -> &[&str] {
        &["pdf"]
    }

    fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>> {
        let unreadable =
            |source| Error::new(ErrorKind::Decode, "the PDF cannot be read").with_source(source);
        let mut file = pdf_extract::Document::load_mem(&bytes).map_err(unreadable)?;
        if file.is_encrypted() {
            file.decrypt("").map_err(|source| {
                let message = "the PDF wants a password: take it off first";
                Error::new(ErrorKind::Decode, message).with_source(source)
            })?;
        }
        let pages = file.get_pages();
        guard::check(&file, pages.values().copied())?;
        let mut documents = Vec::new();
        for page in pages.into_keys() {
            let mut text = String::new();
            let mut output = PlainTextOutput::new(&mut text);
            pdf_extract::output_doc_page(&file, &mut output, page).map_err(|source| {
                let message = format!("page {page} of the PDF cannot be read");
                Error::new(ErrorKind::Decode, message).with_source(source)
            })?;
            let text = text.trim();
            if !text.is_empty() {
                let document = Document::new(format!("{id}#page={page}"), text);
                documents.push(document.with("page", page));
            }
        }
        if documents.is_empty() {
            let message = "there is no text in the PDF: recognise the text of its pictures first";
            return Err(Error::new(ErrorKind::Decode, message));
        }
        Ok(documents)
    }
}
