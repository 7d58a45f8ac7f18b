//! Doc comments as text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Whether the attribute is a doc comment.
pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// The text of the doc comments, without the space after the slashes; `None` without text.
pub(crate) fn doc_text(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| is_doc(attribute)) {
        let Meta::NameValue(doc) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { continue };
        let text = text.value();
        if text.contains('\n') {
            // A block comment: its lines may begin with a star.
            lines.extend(text.lines().map(|line| {
                let line = line.trim();
                line.strip_prefix('*').unwrap_or(line).trim().to_owned()
            }));
        } else {
            lines.push(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned());
        }
    }
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}
