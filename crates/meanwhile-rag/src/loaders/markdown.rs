//! [`Markdown`], files of which the first heading is the title.

use meanwhile_core::Result;
use pulldown_cmark::{Event, Options, Parser as Events, Tag, TagEnd};

use super::{Parser, text};
use crate::Document;

/// Markdown in UTF-8, as it is; its first heading is the `title` in the metadata.
///
/// ```
/// use meanwhile_rag::loaders::{self, Markdown};
///
/// # futures::executor::block_on(async {
/// let documents = loaders::parse(Markdown, "refunds.md", "# Refunds\n\nWithin 30 days.").await?;
/// assert_eq!(documents[0].metadata["title"], "Refunds");
/// assert_eq!(documents[0].text, "# Refunds\n\nWithin 30 days.");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Markdown;

impl Parser for Markdown {
    fn extensions(&self) -> &[&str] {
        &["md", "markdown", "mdown", "mkd"]
    }

    fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>> {
        let document = Document::new(id, text::utf8(bytes)?);
        let title = first_heading(&document.text);
        Ok(vec![match title {
            Some(title) => document.with("title", title),
            None => document,
        }])
    }
}

pub(super) fn first_heading(text: &str) -> Option<String> {
    let mut title: Option<String> = None;
    // As the splitter reads them: `# Title {#anchor}` is `Title`.
    let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_HEADING_ATTRIBUTES;
    for event in Events::new_ext(text, options) {
        match (event, &mut title) {
            (Event::Start(Tag::Heading { .. }), _) => title = Some(String::new()),
            (Event::Text(part) | Event::Code(part), Some(title)) => title.push_str(&part),
            (Event::SoftBreak | Event::HardBreak, Some(title)) => title.push(' '),
            (Event::End(TagEnd::Heading(_)), _) => break,
            _ => {}
        }
    }
    title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty())
}
