//! [`MarkdownSplitter`], which knows headings, paragraphs, lists, tables and code.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use super::pack::{Level, Size};
use super::sized;
use crate::{Cut, Document, Splitter};

/// Cuts Markdown at its headings and, where a section is too long, between paragraphs, lists, tables and
/// blocks of code; longer ones of those after sentences, code after lines.
///
/// The metadata of each chunk names the headings above it, the outermost first, in `headings`. A heading
/// with nothing under it goes with what follows. Text that is no Markdown is cut as its paragraphs.
///
/// ```
/// use meanwhile_rag::splitters::MarkdownSplitter;
/// use meanwhile_rag::{Document, Splitter as _};
///
/// let document = Document::new("a", "# Orders\n\n## Refunds\n\nWithin 30 days.\n\n## Gifts\n\nNever.");
/// let cuts = MarkdownSplitter::new(100).split(&document);
/// assert_eq!(&document.text[cuts[0].span.clone()], "# Orders\n\n## Refunds\n\nWithin 30 days.");
/// assert_eq!(cuts[1].metadata["headings"], serde_json::json!(["Orders", "Gifts"]));
/// ```
#[derive(Debug, Clone)]
pub struct MarkdownSplitter {
    size: Size,
}

impl MarkdownSplitter {
    /// Makes chunks of at most this many tokens.
    #[must_use]
    pub fn new(tokens: usize) -> Self {
        Self { size: Size::new(tokens) }
    }
}

impl Default for MarkdownSplitter {
    /// Chunks of at most 256 tokens, which small embedding models read whole.
    fn default() -> Self {
        Self::new(256)
    }
}

sized!(MarkdownSplitter);

impl Splitter for MarkdownSplitter {
    fn fingerprint(&self) -> String {
        self.size.fingerprint("markdown/1")
    }

    fn split(&self, document: &Document) -> Vec<Cut> {
        let text = &document.text;
        let mut cuts = Vec::new();
        for section in sections(text) {
            let mut pieces = Vec::new();
            for block in section.blocks {
                let levels = if block.is_code { Level::CODE } else { Level::PROSE };
                self.size.refine(text, block.span, levels, &mut pieces);
            }
            for span in self.size.pack(text, &pieces) {
                let mut cut = Cut::new(span);
                if !section.headings.is_empty() {
                    let headings = section.headings.iter().cloned().map(Value::String).collect();
                    cut.metadata.insert("headings".to_owned(), Value::Array(headings));
                }
                cuts.push(cut);
            }
        }
        cuts
    }
}

/// What stands under one heading.
struct Section {
    headings: Vec<String>,
    blocks: Vec<Block>,
}

/// A block at the top of the document and what lies between it and the next.
struct Block {
    span: Range<usize>,
    is_code: bool,
    heading: Option<(HeadingLevel, String)>,
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut above: Vec<(HeadingLevel, String)> = Vec::new();
    // Whether nothing but headings stands in the last section.
    let mut is_bare = false;
    for block in blocks(text) {
        match &block.heading {
            Some((level, title)) => {
                above.retain(|(outer, _)| outer < level);
                above.push((*level, title.clone()));
                let headings = above.iter().map(|(_, title)| title.clone()).collect();
                match sections.last_mut() {
                    Some(last) if is_bare => {
                        last.headings = headings;
                        last.blocks.push(block);
                    }
                    _ => sections.push(Section { headings, blocks: vec![block] }),
                }
                is_bare = true;
            }
            None => {
                is_bare = false;
                match sections.last_mut() {
                    Some(last) => last.blocks.push(block),
                    None => sections.push(Section { headings: Vec::new(), blocks: vec![block] }),
                }
            }
        }
    }
    sections
}

/// All blocks at the top, which together are the whole text: what the parser passes over in silence,
/// definitions of links for one, belongs to the block before it.
fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut blocks: Vec<Block> = Vec::new();
    let mut depth = 0_usize;
    let mut title: Option<String> = None;
    for (event, span) in Parser::new_ext(text, options).into_offset_iter() {
        if depth == 0 && !matches!(event, Event::End(_)) {
            let start = if blocks.is_empty() { 0 } else { span.start };
            if let Some(before) = blocks.last_mut() {
                before.span.end = start;
            }
            let is_code = matches!(event, Event::Start(Tag::CodeBlock(_)));
            blocks.push(Block { span: start..text.len(), is_code, heading: None });
        }
        match event {
            Event::Start(tag) => {
                if depth == 0 && matches!(tag, Tag::Heading { .. }) {
                    title = Some(String::new());
                }
                depth += 1;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if let (0, TagEnd::Heading(level), Some(block)) = (depth, tag, blocks.last_mut()) {
                    let title = title.take().unwrap_or_default();
                    block.heading = Some((level, title.trim().to_owned()));
                }
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(title) = &mut title {
                    title.push_str(&part);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(title) = &mut title {
                    title.push(' ');
                }
            }
            _ => {}
        }
    }
    if blocks.is_empty() {
        blocks.push(Block { span: 0..text.len(), is_code: false, heading: None });
    }
    blocks
}
