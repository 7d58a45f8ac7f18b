//! Puts the function together: a plain function that returns a call.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Lifetime, ReturnType, Signature, Type, parse_quote};

use super::attr::Attr;
use super::signature::Declared;
use super::{Function, body, names, signature};
use crate::common::{Errors, Root};
use crate::template::Known;

/// Writes the function; where there are errors, with a body that does nothing.
pub(super) fn expand(attr: Attr, mut function: Function, mut errors: Errors) -> TokenStream {
    signature::strip(&mut function.signature);
    let declared = signature::check(&function.signature, &mut errors);
    let rewritten = rewrite(&attr, &function, &mut errors);

    if errors.is_empty()
        && let (Some(declared), Some((statements, awaits))) = (declared.as_ref(), rewritten)
    {
        return write(&attr, function, declared, statements, awaits);
    }
    let mut out = errors.into_tokens();
    out.extend(stub(&attr.root, function, declared));
    out
}

/// Makes the body evaluate to a prompt and checks the names in it. Returns its statements and
/// whether it awaits.
fn rewrite(attr: &Attr, function: &Function, errors: &mut Errors) -> Option<(TokenStream, bool)> {
    let signature = &function.signature;
    let Some(written) = &function.body else {
        errors.on(
            &signature.ident,
            "a `#[call]` function needs a body; write the prompt in it: `{ \"Recommend a book\" }`",
        );
        return None;
    };
    let statements = body::statements(written);
    let awaits = names::awaits(statements.clone());
    let mut used = names::used_in(statements);
    used.extend(names::used_in(&attr.written));

    let mut known =
        Known { function: signature::name(signature), names: signature::parameters(signature) };
    known.names.extend(names::bound_in(written));
    let mut body = written.clone();
    used.extend(body::rewrite(&mut body, &known, &attr.root, errors));
    signature::check_used(signature, |name| used.contains(name), errors);
    Some((body::statements(&body), awaits))
}

fn write(
    attr: &Attr,
    function: Function,
    declared: &Declared,
    statements: TokenStream,
    awaits: bool,
) -> TokenStream {
    let Function { attributes, visibility, mut signature, .. } = function;
    let Declared { result, output } = declared;
    let root = &attr.root;
    let settings = attr.settings();
    let name = signature::name(&signature);
    signature.asyncness = None;
    let span = Span::mixed_site();
    let body = if awaits {
        let lifetime = signature::borrow(&mut signature);
        returns(&mut signature, root, &lifetime, output);
        quote_spanned! {span=>
            #root::lazy_call::<#output>(#name, settings, async move { #statements })
        }
    } else {
        let lifetime = Lifetime::new("'static", span);
        returns(&mut signature, root, &lifetime, output);
        quote_spanned! {span=>
            let body = (|| -> #root::Body { #statements })();
            #root::call::<#output>(#name, settings, body)
        }
    };
    quote_spanned! {span=>
        #(#attributes)*
        #visibility #signature {
            #root::declared::<#result, #output>();
            let settings = #settings;
            #body
        }
    }
}

fn returns(signature: &mut Signature, root: &Root, lifetime: &Lifetime, output: &Type) {
    let call: Type = parse_quote!(#root::Call<#lifetime, #output>);
    signature.output = ReturnType::Type(Default::default(), Box::new(call));
}

/// The same function with a body that does nothing, so that only the real error shows.
fn stub(root: &Root, function: Function, declared: Option<Declared>) -> TokenStream {
    let Function { attributes, visibility, mut signature, .. } = function;
    let consume = signature::consume(&signature);
    if let Some(Declared { output, .. }) = declared {
        signature.asyncness = None;
        let lifetime = Lifetime::new("'static", Span::mixed_site());
        returns(&mut signature, root, &lifetime, &output);
    }
    quote_spanned! {Span::mixed_site()=>
        #(#attributes)*
        #visibility #signature {
            #consume
            ::core::unreachable!()
        }
    }
}
