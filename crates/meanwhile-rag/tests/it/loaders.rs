//! Documents from files: what is read, in which order, and what a bad file does to the others.

use std::fs;
use std::path::Path;

use futures_util::stream::StreamExt as _;
use meanwhile_core::{ErrorKind, Result};
use meanwhile_rag::loaders::{self, Folder, Markdown, Parser, Text};
use meanwhile_rag::{Document, Index, MemoryStore};

async fn load(folder: Folder) -> Vec<Result<Document>> {
    folder.load().collect().await
}

fn ids(documents: &[Result<Document>]) -> Vec<&str> {
    documents.iter().map(|document| document.as_ref().map_or("error", |d| &*d.id)).collect()
}

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[tokio::test]
async fn a_folder_is_read_in_the_order_of_its_paths() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "b.txt", "text of b");
    write(folder.path(), "a/deep/er.md", "Intro.\n\n## The `title` of it\n\nText.");
    write(folder.path(), "a/bad.txt", [b'o', b'k', 0xff]);
    write(folder.path(), "Z.MD", "no heading");
    write(folder.path(), ".hidden/secret.txt", "hidden");
    write(folder.path(), "a/.secret.txt", "hidden");
    write(folder.path(), "a/image.png", [1, 2, 3]);
    write(folder.path(), "bom.txt", "\u{feff}with a mark");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/circle")).unwrap();
    let documents = load(Folder::new(folder.path())).await;
    assert_eq!(ids(&documents), ["Z.MD", "error", "a/deep/er.md", "b.txt", "bom.txt"]);
    let error = documents[1].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.message().contains("bad.txt") && error.message().contains("byte 2"), "{error}");
    let deep = documents[2].as_ref().unwrap();
    assert_eq!(deep.metadata["title"], "The title of it");
    assert_eq!(deep.metadata["file_name"], "er.md");
    assert_eq!(deep.source.as_deref(), folder.path().join("a/deep/er.md").to_str());
    assert_eq!(documents[4].as_ref().unwrap().text, "with a mark");
}

#[tokio::test]
async fn endings_choose_files_and_parsers() {
    #[derive(Debug)]
    struct Shout;
    impl Parser for Shout {
        fn extensions(&self) -> &[&str] {
            &["txt"]
        }
        fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>> {
            assert_ne!(bytes, b"panic", "on purpose");
            let text = String::from_utf8_lossy(&bytes).to_uppercase();
            Ok(vec![Document::new(id, text)])
        }
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", "text");
    write(folder.path(), "b.rs", "fn main() {}");
    write(folder.path(), "c.md", "text");
    write(folder.path(), "d.txt", "panic");
    let documents = load(Folder::new(folder.path()).parser(Shout).extensions(["txt", "RS"])).await;
    assert_eq!(ids(&documents), ["a.txt", "b.rs", "error"]);
    assert_eq!(documents[0].as_ref().unwrap().text, "TEXT");
    let error = documents[2].as_ref().unwrap_err();
    assert!(error.message().contains("d.txt") && error.message().contains("panicked"), "{error}");
}

#[tokio::test]
async fn endings_may_be_written_with_their_dot() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.txt", "text");
    write(folder.path(), "b.md", "text");
    assert_eq!(ids(&load(Folder::new(folder.path()).extensions([".md"])).await), ["b.md"]);
}

#[tokio::test]
async fn a_folder_that_has_moved_has_moved_sources() {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::new(MemoryStore::new());
    for name in ["before", "after", "after"] {
        let root = folder.path().join(name);
        write(&root, "a.md", "The text stays.");
        index.ingest().run(Folder::new(&root).load()).await.unwrap();
        let document = index.store().document("a.md").await.unwrap().unwrap();
        assert_eq!(document.source.as_deref(), root.join("a.md").to_str());
    }
    let report = index.ingest().run(Folder::new(folder.path().join("after")).load()).await.unwrap();
    assert_eq!(report.unchanged, 1, "{report:?}");
}

#[tokio::test]
async fn what_is_not_there_is_an_error_that_names_it() {
    let documents = load(Folder::new("no/such/folder")).await;
    let [Err(error)] = &documents[..] else { panic!("{documents:?}") };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("no/such/folder"), "{error}");
    let documents: Vec<_> = loaders::file("no/such/file.txt").collect().await;
    let [Err(error)] = &documents[..] else { panic!("{documents:?}") };
    assert!(error.message().contains("no/such/file.txt"), "{error}");
}

#[tokio::test]
async fn a_folder_goes_into_an_index() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let index = Index::new(MemoryStore::new());
    let report = index.ingest().run(Folder::new(root).load()).await.unwrap();
    assert!(report.added > 3 && report.failed.is_empty(), "{report:?}");
    let document = index.store().document("adding-a-provider.md").await.unwrap().unwrap();
    assert!(document.metadata.contains_key("title"), "{:?}", document.metadata);
    let again = index.ingest().run(Folder::new(root).load()).await.unwrap();
    assert_eq!(again.unchanged, report.added);
}

#[tokio::test]
async fn bytes_are_parsed_where_there_is_no_file() {
    let markdown = loaders::parse(Markdown, "m", "Title\n=====\n\nText".as_bytes()).await.unwrap();
    assert_eq!(markdown[0].metadata["title"], "Title");
    let named = loaders::parse(Markdown, "m", "# Setup {#setup}".as_bytes()).await.unwrap();
    assert_eq!(named[0].metadata["title"], "Setup");
    let text = loaders::parse(Text, "t", "# no title".as_bytes()).await.unwrap();
    assert!(text[0].metadata.is_empty());
}

#[cfg(feature = "html")]
#[tokio::test]
async fn pages_of_the_web_become_markdown() {
    let html = r#"<!DOCTYPE html><html><head><title>Refunds &amp; returns * 2</title>
        <style>p { color: red }</style><script>alert("no")</script></head><body>
        <h1>Refunds</h1><p>Within <b>30</b> days, see <a href="/gifts">gifts</a>.</p>
        <ul><li>one</li><li>two</li></ul><pre><code>let x = 1;
let y = 2;</code></pre><script>alert("no")</script>
        <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table></body></html>"#;
    let documents = loaders::parse(loaders::Html, "h", html.as_bytes()).await.unwrap();
    let document = &documents[0];
    assert_eq!(document.metadata["title"], "Refunds & returns * 2");
    let text = &document.text;
    assert!(text.starts_with("# Refunds\n\nWithin **30** days, see [gifts](/gifts)."), "{text}");
    assert!(text.contains("let x = 1;\nlet y = 2;"), "{text}");
    assert!(["one", "two", "| 1"].iter().all(|part| text.contains(part)), "{text}");
    assert!(!["alert", "color", "returns"].iter().any(|part| text.contains(part)), "{text}");
    let untitled = loaders::parse(loaders::Html, "h", "<h2>A &lt;b&gt;</h2>text".as_bytes()).await;
    assert_eq!(untitled.unwrap()[0].metadata["title"], "A <b>");
}

#[cfg(feature = "html")]
#[tokio::test]
async fn pages_without_a_bottom_are_refused() {
    let deep = |levels: usize, tag: &str| {
        let (open, close) = (format!("<{tag}>").repeat(levels), format!("</{tag}>").repeat(levels));
        format!("<html><body>{open}text{close}</body></html>")
    };
    // As deep as is allowed, with what calls itself the most for each level.
    for tag in ["div", "b", "blockquote", "ul><li"] {
        let levels = if tag.contains('>') { 250 } else { 505 };
        let read = loaders::parse(loaders::Html, "h", deep(levels, tag).into_bytes()).await;
        assert!(read.unwrap()[0].text.contains("text"), "{tag}");
    }
    for tag in ["div", "b", "blockquote", "table><tr><td"] {
        let read = loaders::parse(loaders::Html, "h", deep(12_000, tag).into_bytes()).await;
        let error = read.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{tag}: {error}");
        assert!(error.message().contains("deep"), "{tag}: {error}");
    }
}

/// Papers that Debian's packages bring, where they are installed.
#[cfg(feature = "pdf")]
#[tokio::test]
async fn real_papers_have_their_pages() {
    let known = [
        ("/usr/share/doc/libtasn1-doc/libtasn1.pdf", "Abstract Syntax Notation"),
        ("/usr/share/doc/shared-mime-info/shared-mime-info-spec.pdf", "MIME"),
    ];
    let mut read = 0;
    for (path, words) in known.into_iter().filter(|(path, _)| Path::new(path).exists()) {
        let documents: Vec<_> = loaders::file(path).collect().await;
        let documents: Vec<Document> = documents.into_iter().map(Result::unwrap).collect();
        assert!(documents.len() > 1, "{path}: {} pages", documents.len());
        assert!(documents.iter().any(|page| page.text.contains(words)), "{path}: no {words:?}");
        assert_eq!(documents[0].id, format!("{path}#page={}", documents[0].metadata["page"]));
        read += 1;
    }
    if read == 0 {
        println!("skipped: none of these papers is installed");
    }
}

/// A file of these objects, numbered from 1, of which the first is the catalog.
#[cfg(feature = "pdf")]
fn pdf(objects: &[String]) -> String {
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(pdf.len());
        pdf.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (table, size) = (pdf.len(), objects.len() + 1);
    pdf.push_str(&format!("xref\n0 {size}\n0000000000 65535 f \n"));
    for place in places {
        pdf.push_str(&format!("{place:010} 00000 n \n"));
    }
    let trailer = format!("<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}");
    pdf.push_str(&format!("trailer\n{trailer}\n%%EOF\n"));
    pdf
}

#[cfg(feature = "pdf")]
fn stream(head: &str, content: &str) -> String {
    format!("<< {head} /Length {} >>\nstream\n{content}\nendstream", content.len())
}

#[cfg(feature = "pdf")]
#[tokio::test]
async fn papers_that_are_drawn_without_end_are_refused() {
    let text = "BT /F1 24 Tf 72 700 Td (Refunds within 30 days) Tj ET";
    // Forms that draw these others: object 6 is the first, with the resources of the page.
    let paper = |parent: &str, forms: &[&str]| {
        let names: String = (0..forms.len()).map(|n| format!("/X{n} {} 0 R ", 6 + n)).collect();
        let resources = format!("<< /Font << /F1 5 0 R >> /XObject << {names} >> >>");
        let mut objects = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            format!("<< /Type /Pages {parent} /Kids [3 0 R] /Count 1 /Resources {resources} >>"),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>".to_owned(),
            stream("", &format!("{text} /X0 Do")),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
                .to_owned(),
        ];
        let form = |content: &&str| stream("/Type /XObject /Subtype /Form", content);
        objects.extend(forms.iter().map(form));
        pdf(&objects)
    };
    let read = async |paper: String| loaders::parse(loaders::Pdf, "p", paper.into_bytes()).await;
    // Forms may lie in forms, and be drawn often.
    let fine = read(paper("", &["/X1 Do /X1 Do", "/X2 Do /X2 Do", "q Q"])).await.unwrap();
    assert!(fine[0].text.contains("Refunds within 30 days"), "{}", fine[0].text);

    let tower: Vec<String> = (1..30).map(|next| format!("/X{next} Do ").repeat(10)).collect();
    let mut tower: Vec<&str> = tower.iter().map(String::as_str).collect();
    tower.push("q Q");
    let chain: Vec<String> = (1..200).map(|next| format!("/X{next} Do")).collect();
    let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
    for (paper, says) in [
        (paper("", &["/X0 Do"]), "draws itself"),
        (paper("", &["/X1 Do", "/X0 Do"]), "draws itself"),
        (paper("", &tower), "a million"),
        (paper("", &chain), "too deep"),
        (paper("/Parent 2 0 R", &["q Q"]), "circle"),
    ] {
        let error = read(paper).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.message().contains(says), "{error}");
    }
}

#[cfg(feature = "pdf")]
#[tokio::test]
async fn a_paper_of_our_own_and_what_is_none() {
    let content = "BT /F1 24 Tf 72 700 Td (Refunds within 30 days) Tj ET";
    let page = |contents| {
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {contents} 0 R \
                 /Resources << /Font << /F1 5 0 R >> >> >>"
        )
    };
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>".to_owned(),
        page(7),
        stream("", content),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
        page(4),
        stream("", ""),
    ];
    let pdf = pdf(&objects);
    let documents = loaders::parse(loaders::Pdf, "paper.pdf", pdf.as_bytes()).await.unwrap();
    // The first page is empty.
    assert_eq!(documents.len(), 1, "{documents:?}");
    assert_eq!(documents[0].id, "paper.pdf#page=2");
    assert_eq!(documents[0].text, "Refunds within 30 days");
    for broken in ["", "no paper", &pdf[..pdf.len() / 2]] {
        let error = loaders::parse(loaders::Pdf, "x", broken.as_bytes()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Decode | ErrorKind::Other), "{error}");
    }
}
