//! [`Html`], pages of the web as Markdown.

use htmd::HtmlToMarkdown;
use meanwhile_core::{Error, ErrorKind, Result};

use super::{Parser, markdown, text};
use crate::Document;

/// HTML in UTF-8, as Markdown: headings, lists, tables, code and links are kept, scripts and styles are
/// not. The `title` in the metadata is the page's, or else its first heading.
#[derive(Debug, Clone, Copy, Default)]
pub struct Html;

impl Parser for Html {
    fn extensions(&self) -> &[&str] {
        &["html", "htm", "xhtml"]
    }

    fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>> {
        let html = text::utf8(bytes)?;
        let markdown = convert(&html, &["head", "script", "style", "noscript", "template", "svg"])?;
        let title = match title(&html) {
            Some(title) => Some(unescaped(&convert(&format!("<p>{title}</p>"), &[])?)),
            None => markdown::first_heading(&markdown),
        };
        let document = Document::new(id, markdown);
        Ok(vec![match title.filter(|title| !title.is_empty()) {
            Some(title) => document.with("title", title),
            None => document,
        }])
    }
}

fn convert(html: &str, skipped: &[&str]) -> Result<String> {
    let builder = HtmlToMarkdown::builder();
    // An empty list is refused.
    let builder = if skipped.is_empty() { builder } else { builder.skip_tags(skipped.to_vec()) };
    let converter = builder.build();
    converter.convert(html).map_err(|source| {
        let error = Error::new(ErrorKind::Decode, "the HTML cannot be read");
        error.with_source(source)
    })
}

/// What stands between `<title>` and its end, as it is written.
fn title(html: &str) -> Option<&str> {
    // Same length in bytes: only ASCII changes.
    let lower = html.to_ascii_lowercase();
    let tag = lower.find("<title")?;
    let start = tag + lower.get(tag..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    html.get(start..end).map(str::trim)
}

/// Markdown of a line of plain text without its backslashes.
fn unescaped(markdown: &str) -> String {
    let mut plain = String::with_capacity(markdown.len());
    let mut characters = markdown.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let escapes = |next: &char| next.is_ascii_punctuation();
        match character {
            '\\' if characters.peek().is_some_and(escapes) => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}
