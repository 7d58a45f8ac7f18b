//! Prompt templates: from a string literal to calls of the run-time builder.
//!
//! A literal is dedented ([`source`]), split into roles, text and placeholders ([`parse`]), made
//! into sections and checked ([`check`]), and written out ([`expand`]).

mod check;
mod expand;
mod parse;
mod placeholder;
mod prompt;
mod source;

pub(crate) use check::{Known, Template};
pub(crate) use expand::expand;
pub(crate) use placeholder::names_in;
pub(crate) use prompt::prompt;

use syn::LitStr;

use crate::common::Errors;

/// Reads the template in a literal; its mistakes are reported on the literal.
///
/// Spans inside of a literal need a nightly compiler, so the messages say where they mean.
pub(crate) fn read(literal: &LitStr, errors: &mut Errors) -> Template {
    let text = source::Source::of(literal).dedent();
    let (template, mistakes) = Template::of(&text);
    for mistake in mistakes {
        errors.at(literal.span(), mistake);
    }
    template
}

#[cfg(test)]
mod tests;
