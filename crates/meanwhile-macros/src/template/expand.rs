//! Writes a template out as calls of the run-time builder.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Index, LitStr};

use super::check::{Piece, Section, Template};
use super::parse::Role;
use super::placeholder::{PartSpec, Path, Place, Value};
use crate::common::{Root, identifier};

/// Writes an expression of the type `Prompt`. All that goes wrong in it is reported on `literal`.
pub(crate) fn expand(template: &Template, literal: &LitStr, root: &Root) -> TokenStream {
    let writer = Writer { user: literal.span(), root };
    let span = writer.span();
    let mut out = quote_spanned!(span=> #root::Template::new());
    for section in &template.sections {
        writer.section(section, &mut out);
    }
    quote_spanned!(span=> #out.finish())
}

struct Writer<'a> {
    user: Span,
    root: &'a Root,
}

/// Text and values that follow each other, written by one `format_args!`.
#[derive(Default)]
struct Run {
    format: String,
    values: Vec<TokenStream>,
    arguments: Vec<String>,
}

impl Writer<'_> {
    /// Names resolve where the macro is defined, errors point at the literal.
    fn span(&self) -> Span {
        Span::mixed_site().located_at(self.user)
    }

    fn section(&self, section: &Section, out: &mut TokenStream) {
        let (span, root) = (self.span(), self.root);
        let (role, pieces) = match section {
            Section::Messages(path) => {
                let path = self.path(path);
                out.extend(quote_spanned!(span=> .messages(&#path)));
                return;
            }
            Section::Message { role, pieces } => (role, pieces),
        };
        let role = Ident::new(
            match role {
                Role::System => "System",
                Role::Assistant => "Assistant",
                Role::User | Role::Messages => "User",
            },
            span,
        );
        out.extend(quote_spanned!(span=> .section(#root::Role::#role)));
        let mut run = Run::default();
        for piece in pieces {
            match piece {
                Piece::Text(text) => run.text(text),
                Piece::Place(Place::Value(value)) => run.value(value, self),
                Piece::Place(Place::Part { spec, path, detail }) => {
                    self.flush(&mut run, out);
                    self.part(*spec, path, detail.as_deref(), out);
                }
                Piece::Place(Place::Cache { ttl }) => {
                    self.flush(&mut run, out);
                    out.extend(match ttl {
                        Some(ttl) => {
                            quote_spanned!(span=> .part(#root::CacheMark::new().with_ttl(#ttl)))
                        }
                        None => quote_spanned!(span=> .cache_mark()),
                    });
                }
            }
        }
        self.flush(&mut run, out);
    }

    fn flush(&self, run: &mut Run, out: &mut TokenStream) {
        let Run { format, values, arguments } = std::mem::take(run);
        let span = self.span();
        if format.is_empty() {
            return;
        }
        let format = LitStr::new(&format, span);
        let arguments = arguments.iter().map(|name| {
            let value = identifier(name, self.user);
            let name = identifier(name, span);
            quote_spanned!(span=> , #name = #value)
        });
        out.extend(quote_spanned! {span=>
            .format(::core::format_args!(#format #(, #values)* #(#arguments)*))
        });
    }

    fn part(&self, spec: PartSpec, path: &Path, detail: Option<&str>, out: &mut TokenStream) {
        let span = self.span();
        let path = self.path(path);
        let method = match (spec, detail) {
            (PartSpec::List, _) => "list",
            (PartSpec::Lists, _) => "lists",
            (PartSpec::Image, None) => "image",
            (PartSpec::Image, Some(_)) => "image_with_detail",
            (PartSpec::Images, None) => "images",
            (PartSpec::Images, Some(_)) => "images_with_detail",
            (PartSpec::Audio, _) => "audio",
            (PartSpec::Document, _) => "document",
            (PartSpec::Parts, _) => "all_parts",
        };
        let method = Ident::new(method, span);
        let detail = detail.map(|detail| quote_spanned!(span=> , #detail));
        out.extend(quote_spanned!(span=> .#method(&#path #detail)));
    }

    fn path(&self, path: &Path) -> TokenStream {
        let span = self.user;
        let mut out = identifier(&path.name, span).into_token_stream();
        for field in &path.fields {
            match field.parse::<u32>() {
                Ok(index) => {
                    let index = Index { index, span };
                    out.extend(quote_spanned!(span=> .#index));
                }
                Err(_) => {
                    let field = identifier(field, span);
                    out.extend(quote_spanned!(span=> .#field));
                }
            }
        }
        out
    }
}

impl Run {
    fn text(&mut self, text: &str) {
        self.format.push_str(&text.replace('{', "{{").replace('}', "}}"));
    }

    fn value(&mut self, value: &Value, writer: &Writer<'_>) {
        let (span, root) = (writer.span(), writer.root);
        let colon = if value.spec.is_empty() { "" } else { ":" };
        self.format.push_str(&format!("{{{}{colon}{}}}", self.values.len(), value.spec));
        let path = writer.path(&value.path);
        self.values.push(if value.is_display {
            quote_spanned!(span=> #root::display(&#path))
        } else {
            quote_spanned!(span=> &#path)
        });
        for name in &value.arguments {
            if !self.arguments.contains(name) {
                self.arguments.push(name.clone());
            }
        }
    }
}
