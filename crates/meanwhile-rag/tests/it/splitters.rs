//! Splitters on any text at all, and on texts of which one can say where the cuts belong.

use meanwhile_rag::splitters::{
    CodeSplitter, MarkdownSplitter, SentenceSplitter, TokenSplitter, count_tokens_with,
};
use meanwhile_rag::{Document, Splitter};
use proptest::prelude::*;

fn all(tokens: usize, overlap: usize) -> Vec<Box<dyn Splitter>> {
    vec![
        Box::new(MarkdownSplitter::new(tokens).overlap(overlap)),
        Box::new(SentenceSplitter::new(tokens).overlap(overlap)),
        Box::new(TokenSplitter::new(tokens).overlap(overlap)),
        Box::new(CodeSplitter::new(tokens).overlap(overlap)),
    ]
}

fn texts(splitter: &dyn Splitter, text: &str) -> Vec<String> {
    let document = Document::new("a", text);
    let cuts = splitter.split(&document);
    cuts.iter().map(|cut| document.text[cut.span.clone()].to_owned()).collect()
}

/// What must hold of every splitter, whatever the text.
fn check(splitter: &dyn Splitter, text: &str, tokens: usize, has_overlap: bool) {
    let document = Document::new("a", text);
    let cuts = splitter.split(&document);
    assert_eq!(cuts, splitter.split(&document), "{splitter:?} cuts the same text in two ways");
    let (mut start, mut covered) = (0, 0);
    for cut in &cuts {
        let span = cut.span.clone();
        let piece = text.get(span.clone()).expect("a span on character boundaries");
        assert!(!piece.trim().is_empty() && piece.trim() == piece, "{piece:?}");
        assert!(span.start >= start, "{splitter:?}: a chunk begins before the one before it");
        assert!(span.end > covered, "{splitter:?}: {piece:?} adds nothing");
        assert!(has_overlap || span.start >= covered, "{splitter:?}: chunks overlap unasked");
        if span.start > covered {
            let between = &text[covered..span.start];
            assert!(between.trim().is_empty(), "{splitter:?} left out {between:?}");
        }
        let length = piece.chars().count().div_ceil(4);
        let is_one = unicode_segments(piece) == 1;
        assert!(length <= tokens || is_one, "{splitter:?}: {length} tokens in {piece:?}");
        start = span.start;
        covered = covered.max(span.end);
    }
    let rest = &text[covered..];
    assert!(rest.trim().is_empty(), "{splitter:?} left out {rest:?} at the end");
}

fn unicode_segments(text: &str) -> usize {
    use unicode_segmentation::UnicodeSegmentation as _;
    text.graphemes(true).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn all_of_the_text_is_in_the_chunks(
        text in r"([a-zA-Zäöü]{1,12}|[#>*`|~-]{1,3}| |\n|\n\n|\r\n|\t|    |[.!?;{}()\[\]:]|é|東京|🦀|👩‍👩‍👧|```\n|# |\PC){0,120}",
        tokens in 1_usize..40,
        overlap in 0_usize..10,
    ) {
        for splitter in all(tokens, overlap) {
            check(&*splitter, &text, tokens, overlap > 0);
        }
    }
}

#[test]
fn real_documents_are_cut_whole() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for path in ["README.md", "ARCHITECTURE.md", "crates/meanwhile-rag/src/ingest/run.rs"] {
        let text = std::fs::read_to_string(format!("{root}/{path}")).unwrap();
        for tokens in [1, 20, 256, 100_000] {
            for splitter in all(tokens, 0).into_iter().chain(all(tokens, tokens / 4)) {
                check(&*splitter, &text, tokens, true);
            }
        }
    }
}

#[test]
fn markdown_is_cut_at_its_headings() {
    let text = "---\ntitle: x\n---\nIntro.\n\n# One\n\nText of one.\n\n## `Two` *more*\n\n```sh\n# no heading\nls\n```\n\nSetext\n======\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[link]: https://example.org\n";
    let document = Document::new("a", text);
    let cuts = MarkdownSplitter::new(1_000).split(&document);
    let found: Vec<(String, String)> = cuts
        .iter()
        .map(|cut| {
            let headings = cut.metadata.get("headings").map(ToString::to_string);
            (
                headings.unwrap_or_default(),
                text[cut.span.clone()].lines().next().unwrap().to_owned(),
            )
        })
        .collect();
    let wanted = [
        ("", "---"),
        ("[\"One\"]", "# One"),
        ("[\"One\",\"Two more\"]", "## `Two` *more*"),
        ("[\"Setext\"]", "Setext"),
    ];
    assert_eq!(found, wanted.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert!(text[cuts[3].span.clone()].ends_with("https://example.org"), "{cuts:?}");
}

#[test]
fn a_long_section_is_cut_between_its_blocks() {
    let text =
        "# One\n\nFirst paragraph here.\n\nSecond paragraph here.\n\n- item one\n- item two\n";
    let splitter = MarkdownSplitter::new(9);
    let wanted =
        ["# One\n\nFirst paragraph here.", "Second paragraph here.", "- item one\n- item two"];
    assert_eq!(texts(&splitter, text), wanted);
}

#[test]
fn sentences_overlap_when_asked() {
    let words = || count_tokens_with("words", |text| text.split_whitespace().count());
    let splitter = SentenceSplitter::new(6).counter(words()).overlap(3);
    let text = "One two three. Four five six. Seven eight nine. Ten.";
    let wanted = [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
        "Seven eight nine. Ten.",
    ];
    assert_eq!(texts(&splitter, text), wanted);
    let without = SentenceSplitter::new(6).counter(words());
    assert_eq!(texts(&without, text), ["One two three. Four five six.", "Seven eight nine. Ten."]);
    assert_ne!(splitter.fingerprint(), without.fingerprint());
    assert_ne!(without.fingerprint(), SentenceSplitter::new(6).fingerprint());
}

#[test]
fn code_is_cut_between_its_blocks() {
    let text = "use a;\n\nfn one() {\n    let x = 1;\n\n    x + 1\n}\n\nfn two() {\n    2\n}\n";
    let splitter = CodeSplitter::new(11);
    let wanted = ["use a;", "fn one() {\n    let x = 1;\n\n    x + 1\n}", "fn two() {\n    2\n}"];
    assert_eq!(texts(&splitter, text), wanted);
    let lines: Vec<u64> = splitter
        .split(&Document::new("a", text))
        .iter()
        .map(|cut| cut.metadata["first_line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [1, 3, 9]);
}

#[test]
fn long_text_is_cut_in_time() {
    let text = "A sentence of some words, which goes on and on. ".repeat(40_000);
    let began = std::time::Instant::now();
    for splitter in all(256, 0) {
        assert!(texts(&*splitter, &text).len() > 1_000);
    }
    // 2 MB four times: far from anything quadratic, even when nothing is optimised.
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}
