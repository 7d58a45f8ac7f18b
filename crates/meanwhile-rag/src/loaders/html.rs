//! [`Html`], pages of the web as Markdown.

use std::rc::Rc;

use htmd::{HtmlToMarkdown, Node};
use meanwhile_core::{Error, ErrorKind, Result};

use super::{Parser, markdown, text};
use crate::Document;

/// HTML in UTF-8, as Markdown: headings, lists, tables, code and links are kept, scripts and styles are
/// not. The `title` in the metadata is the page's, or else its first heading. A page whose elements lie more
/// than 512 deep in each other is refused: what makes Markdown of it calls itself for each.
///
/// ```
/// use meanwhile_rag::loaders::{self, Html};
///
/// # futures::executor::block_on(async {
/// let page = "<title>Refunds</title><h1>Refunds</h1><p>Within <b>30</b> days.</p>";
/// let documents = loaders::parse(Html, "refunds.html", page).await?;
/// assert_eq!(documents[0].metadata["title"], "Refunds");
/// assert!(documents[0].text.contains("Within **30** days."));
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Html;

/// Elements in elements, of which browsers allow as many.
const DEEPEST: usize = 512;

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
    let tree = converter.html_to_tree(html).map_err(|source| {
        let error = Error::new(ErrorKind::Decode, "the HTML cannot be read");
        error.with_source(source)
    })?;
    if is_too_deep(&tree) {
        let message = format!(
            "the HTML cannot be read: its elements lie more than {DEEPEST} deep in each other"
        );
        return Err(Error::new(ErrorKind::Decode, message));
    }
    Ok(converter.tree_to_markdown(&tree))
}

fn is_too_deep(tree: &Rc<Node>) -> bool {
    let mut level = vec![Rc::clone(tree)];
    for _ in 0..=DEEPEST {
        let below = level.iter().flat_map(|node| node.children.borrow().clone());
        level = below.collect();
        if level.is_empty() {
            return false;
        }
    }
    true
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
