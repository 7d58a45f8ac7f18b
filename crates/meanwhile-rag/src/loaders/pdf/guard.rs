//! [`check`]: whether the drawings of a PDF come to an end, before they are followed by whoever does not ask.
//!
//! A form may draw other forms, and take what it names from the page. One that draws itself, or a tower of
//! forms that draw the one below ten times each, is the end of a program that follows it.

use std::collections::HashMap;
use std::ptr;

use meanwhile_core::{Error, ErrorKind, Result};
use memchr::memmem;
use pdf_extract::content::Content;
use pdf_extract::{Dictionary, Document, Object, ObjectId, Stream};

/// Forms in forms, and folders of pages in folders.
const DEEPEST: usize = 32;

/// Forms that a form draws, all those in it counted.
const MOST: u64 = 1_000_000;

/// # Errors
///
/// [`Decode`](ErrorKind::Decode) where a page would be drawn without end, or nearly so.
pub(super) fn check(file: &Document, pages: impl IntoIterator<Item = ObjectId>) -> Result<()> {
    let mut drawings = Drawings { file, known: HashMap::new() };
    for page in pages {
        let Ok(page) = file.get_dictionary(page) else { continue };
        let Some(resources) = resources_of(file, page)? else { continue };
        for (_, form) in xobjects(file, resources).into_iter().flat_map(Dictionary::iter) {
            drawings.count(form, resources, 1)?;
        }
    }
    Ok(())
}

/// The resources of a page, which may be those of a folder that it is in.
fn resources_of<'a>(file: &'a Document, page: &'a Dictionary) -> Result<Option<&'a Dictionary>> {
    let (mut node, mut found) = (page, None);
    for _ in 0..=DEEPEST {
        found = found.or_else(|| dictionary(file, node, b"Resources"));
        let parent = node.get(b"Parent").and_then(Object::as_reference);
        match parent.and_then(|parent| file.get_dictionary(parent)) {
            Ok(parent) => node = parent,
            Err(_) => return Ok(found),
        }
    }
    Err(endless("its pages lie in a circle"))
}

fn xobjects<'a>(file: &'a Document, resources: &'a Dictionary) -> Option<&'a Dictionary> {
    dictionary(file, resources, b"XObject")
}

fn dictionary<'a>(
    file: &'a Document,
    holder: &'a Dictionary,
    key: &[u8],
) -> Option<&'a Dictionary> {
    let (_, object) = file.dereference(holder.get(key).ok()?).ok()?;
    object.as_dict().ok()
}

fn endless(what: &str) -> Error {
    Error::new(ErrorKind::Decode, format!("the PDF cannot be read: {what}"))
}

struct Drawings<'a> {
    file: &'a Document,
    /// How much each form draws, with the resources that it was found with; `None` while that is being
    /// counted.
    known: HashMap<(ObjectId, usize), Option<u64>>,
}

impl<'a> Drawings<'a> {
    /// How many forms this one draws, itself counted.
    fn count(&mut self, form: &'a Object, around: &'a Dictionary, depth: usize) -> Result<u64> {
        let Ok((Some(id), Object::Stream(stream))) = self.file.dereference(form) else {
            return Ok(0);
        };
        let own = dictionary(self.file, &stream.dict, b"Resources");
        let resources = own.unwrap_or(around);
        let key = (id, ptr::from_ref(resources).addr());
        match self.known.get(&key) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(endless("a form in it draws itself")),
            None if depth > DEEPEST => {
                return Err(endless("forms in it lie too deep in each other"));
            }
            None => {}
        }
        self.known.insert(key, None);
        let mut count = 1;
        for name in drawn(stream) {
            let form = xobjects(self.file, resources).and_then(|forms| forms.get(&name).ok());
            if let Some(form) = form {
                count += self.count(form, resources, depth + 1)?;
            }
            if count > MOST {
                return Err(endless("a form in it draws more than a million others"));
            }
        }
        self.known.insert(key, Some(count));
        Ok(count)
    }
}

/// The names of the forms that a form draws, in its order.
fn drawn(form: &Stream) -> Vec<Vec<u8>> {
    let content = form.decompressed_content().unwrap_or_else(|_| form.content.clone());
    // Most forms and all pictures draw none, and are not read for it.
    if memmem::find(&content, b"Do").is_none() {
        return Vec::new();
    }
    let Ok(content) = Content::decode(&content) else { return Vec::new() };
    let draws = content.operations.iter().filter(|operation| operation.operator == "Do");
    draws.filter_map(|draw| Some(draw.operands.first()?.as_name().ok()?.to_vec())).collect()
}
