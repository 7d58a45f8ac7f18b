//! Which names occur where: bound by patterns, and used by code.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Lit, Macro, Pat, PatIdent};

use crate::common::plain;
use crate::template::names_in;

/// The names that the patterns in `pattern` bind.
pub(super) fn bound_by(pattern: &Pat) -> Vec<String> {
    let mut names = Bound::default();
    names.visit_pat(pattern);
    names.0
}

/// The names that are bound anywhere in a body, and all that its macros mention: they may bind.
pub(super) fn bound_in(body: &syn::Block) -> Vec<String> {
    let mut names = Bound::default();
    names.visit_block(body);
    names.0
}

#[derive(Default)]
struct Bound(Vec<String>);

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        self.0.push(plain(&pattern.ident));
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        let mut used = HashSet::new();
        collect(invocation.tokens.clone(), &mut used);
        self.0.extend(used);
    }
}

/// All names in `tokens`, and those that string literals capture as `format!` does.
pub(super) fn used_in(tokens: impl ToTokens) -> HashSet<String> {
    let mut names = HashSet::new();
    collect(tokens.into_token_stream(), &mut names);
    names
}

fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                names.insert(plain(&ident));
            }
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal) {
                    names.extend(names_in(&text.value()));
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// Whether a body awaits: by `.await`, or by a macro that does.
pub(super) fn awaits(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "await" => return true,
            TokenTree::Ident(ident) => {
                let waits = ["join", "try_join", "select"].iter().any(|name| ident == name);
                let is_macro =
                    matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
                if waits && is_macro {
                    return true;
                }
            }
            TokenTree::Group(group) if awaits(group.stream()) => return true,
            _ => {}
        }
    }
    false
}
