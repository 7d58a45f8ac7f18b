//! [`Folder`] and [`file()`], documents from files; [`Parser`], from the bytes of one.

#[cfg(feature = "html")]
mod html;
mod markdown;
#[cfg(feature = "pdf")]
mod pdf;
mod text;
mod walk;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use meanwhile_core::{Error, ErrorKind, Result};

use crate::Document;
use crate::offload::offload;

#[cfg(feature = "html")]
pub use html::Html;
pub use markdown::Markdown;
#[cfg(feature = "pdf")]
pub use pdf::Pdf;
pub use text::Text;

/// Files that are read at once.
const READ_AT_ONCE: usize = 2;

/// Makes documents of the bytes of a file.
pub trait Parser: fmt::Debug + Send + Sync + 'static {
    /// The endings of the names of such files, in lower case and without the dot.
    fn extensions(&self) -> &[&str];

    /// Makes documents: one, or as many as the file has parts, whose ids then begin with `id`. It runs on
    /// a thread of its own, with a stack of 32 MiB, and may take its time; where it panics, the file fails.
    /// A stack that overflows ends the process: what calls itself for every level of a file must refuse one
    /// that is too deep.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) where the bytes are not such a file.
    fn parse(&self, id: &str, bytes: Vec<u8>) -> Result<Vec<Document>>;
}

/// Makes documents of bytes that are at hand, on a thread of its own.
///
/// # Errors
///
/// What [`Parser::parse`] reports; [`Other`](ErrorKind::Other) where it panics.
///
/// ```
/// use meanwhile_rag::loaders::{self, Markdown};
///
/// # futures::executor::block_on(async {
/// let documents = loaders::parse(Markdown, "notes", b"# Notes\n\nOf today.".to_vec()).await?;
/// assert_eq!(documents[0].metadata["title"], "Notes");
/// # Ok::<(), meanwhile_core::Error>(()) }).unwrap();
/// ```
pub async fn parse(
    parser: impl Parser,
    id: impl Into<String>,
    bytes: impl Into<Vec<u8>>,
) -> Result<Vec<Document>> {
    let (id, bytes) = (id.into(), bytes.into());
    offload("parser", move || parser.parse(&id, bytes)).await?
}

/// The parsers of all formats that are compiled in: text and Markdown, with the feature `html` HTML, with
/// `pdf` PDF.
#[must_use]
pub fn parsers() -> Vec<Arc<dyn Parser>> {
    vec![
        Arc::new(Markdown),
        Arc::new(Text),
        #[cfg(feature = "html")]
        Arc::new(Html),
        #[cfg(feature = "pdf")]
        Arc::new(Pdf),
    ]
}

/// Reads one file: the documents in it, or one error. Its path, as it is given, is the id and the source;
/// a file whose ending no parser knows is read as text.
pub fn file(path: impl Into<PathBuf>) -> Documents {
    let path = path.into();
    let parser = parser_for(&parsers(), &path).unwrap_or_else(|| Arc::new(Text));
    let id = path.to_string_lossy().into_owned();
    Documents(stream::once(read(parser, id, path)).flat_map(stream::iter).boxed())
}

/// All files in a folder and the folders in it.
///
/// A document is called by its path below the folder, with `/` between names, so that the folder may be
/// moved; its source is the whole path, and `file_name` stands in its metadata. Files come in the order of
/// their paths. Hidden files and folders, files whose ending no parser knows (a PDF without the feature `pdf`,
/// for one), and links to folders are passed over. What cannot be read is an error in the stream, which names the file and is followed by the others.
///
/// ```no_run
/// # async fn example(index: meanwhile_rag::Index) -> meanwhile_core::Result<()> {
/// use meanwhile_rag::loaders::Folder;
///
/// let report = index.ingest().run(Folder::new("docs").load()).await?;
/// for failure in &report.failed {
///     eprintln!("{}", failure.error);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    parsers: Vec<Arc<dyn Parser>>,
    extensions: Option<Vec<String>>,
}

impl Folder {
    /// Names a folder. Nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), parsers: parsers(), extensions: None }
    }

    /// Adds a parser; it comes before others for the same endings.
    #[must_use]
    pub fn parser(mut self, parser: impl Parser) -> Self {
        self.parsers.insert(0, Arc::new(parser));
        self
    }

    /// Reads only files with these endings, with or without the dot; those that no parser knows as text.
    #[must_use]
    pub fn extensions<I>(mut self, extensions: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.extensions = Some(extensions.into_iter().map(Into::into).collect());
        self
    }

    /// Reads the files while the stream is polled, a few at once, each on a thread of its own. Dropping
    /// the stream stops it after the files that are being read.
    pub fn load(self) -> Documents {
        let listing = async move {
            let listed = offload("walk through a folder", move || walk::files(self)).await;
            let found = listed.unwrap_or_else(|error| vec![Err(error)]);
            stream::iter(found)
        };
        let read = |found: Result<walk::Found>| async {
            match found {
                Ok(found) => read(found.parser, found.id, found.path).await,
                Err(error) => vec![Err(error)],
            }
        };
        let documents = stream::once(listing).flatten().map(read).buffered(READ_AT_ONCE);
        Documents(documents.flat_map(stream::iter).boxed())
    }
}

/// Documents while they are read: a stream of results, an error for each file that fails.
#[must_use = "nothing is read unless the stream is polled"]
pub struct Documents(BoxStream<'static, Result<Document>>);

impl Stream for Documents {
    type Item = Result<Document>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

/// The parser for files of this ending.
fn parser_for(parsers: &[Arc<dyn Parser>], path: &Path) -> Option<Arc<dyn Parser>> {
    let extension = path.extension()?.to_str()?.to_lowercase();
    parsers.iter().find(|parser| parser.extensions().contains(&&*extension)).cloned()
}

async fn read(parser: Arc<dyn Parser>, id: String, path: PathBuf) -> Vec<Result<Document>> {
    let named = path.clone();
    let work = move || -> Result<Vec<Document>> {
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let mut documents = parser.parse(&id, bytes)?;
        for document in &mut documents {
            document.source.get_or_insert_with(|| path.to_string_lossy().into_owned());
            if let Some(name) = path.file_name() {
                let name = name.to_string_lossy().into_owned();
                document.metadata.entry("file_name").or_insert_with(|| name.into());
            }
        }
        Ok(documents)
    };
    match offload("parser", work).await.and_then(|read| read) {
        Ok(documents) => documents.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(name(error, &named))],
    }
}

/// Says in the error which file it is about.
fn name(error: Error, path: &Path) -> Error {
    let path = path.display().to_string();
    if error.message().contains(&path) {
        return error;
    }
    let message = format!("{path}: {}", error.message());
    error.with_message(message)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::Other,
    };
    Error::new(kind, format!("{} cannot be read", path.display())).with_source(error)
}
