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
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
        page(4),
        "<< /Length 0 >>\nstream\n\nendstream".to_owned(),
    ];
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        places.push(pdf.len());
        pdf.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let table = pdf.len();
    pdf.push_str("xref\n0 8\n0000000000 65535 f \n");
    for place in places {
        pdf.push_str(&format!("{place:010} 00000 n \n"));
    }
    pdf.push_str(&format!("trailer\n<< /Size 8 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"));
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
