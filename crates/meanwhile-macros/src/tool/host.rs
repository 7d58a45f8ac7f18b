//! Parameters under `#[host]`: values of the program, which the model knows nothing of.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Meta, PatType, Type, TypeReference};

use crate::common::{Errors, Root};

/// A value of the program as a parameter.
#[derive(Clone)]
pub(super) struct HostParameter {
    /// The type as written.
    pub(super) written: Type,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// `&T`: borrowed from what the host shares.
    Borrowed(Type),
    /// `T`: a clone of it.
    Owned(Type),
    /// `&ToolContext`: the context itself.
    Context,
    /// `ToolContext`: a clone of it.
    OwnedContext,
}

/// Takes `#[host]` off a parameter; whether it was there.
pub(super) fn take(parameter: &mut PatType, errors: &mut Errors) -> bool {
    let before = parameter.attrs.len();
    parameter.attrs.retain(|attribute| {
        let is_host = is_host(attribute);
        if is_host && !matches!(attribute.meta, Meta::Path(_)) {
            errors.on(attribute, "`#[host]` takes nothing; the type says which value is meant");
        }
        !is_host
    });
    parameter.attrs.len() < before
}

/// Whether the attribute is `#[host]`.
pub(super) fn is_host(attribute: &Attribute) -> bool {
    attribute.path().is_ident("host")
}

impl HostParameter {
    /// Reads the type of the parameter.
    pub(super) fn new(ty: &Type, errors: &mut Errors) -> Option<Self> {
        let kind = match ungrouped(ty) {
            Type::Reference(TypeReference { mutability: Some(_), .. }) => {
                errors.on(
                    ty,
                    "tools share the values of the program, and several may run at once; take `&T`, and put what changes in a `Mutex`",
                );
                return None;
            }
            Type::Reference(TypeReference { elem, .. }) => match ungrouped(elem) {
                Type::Path(path) if path.path.is_ident("str") => {
                    errors.on(
                        ty,
                        "a value of the program is found by its type, and `&str` is no type of its own; wrap the text: `struct UserName(String)`, and take `&UserName`",
                    );
                    return None;
                }
                Type::Slice(_) | Type::TraitObject(_) => {
                    errors.on(
                        ty,
                        "a value of the program is found by its type, which must have a size; take a reference to what owns it, as in `&Vec<T>` or `&Arc<dyn Trait>`",
                    );
                    return None;
                }
                inner if is_context(inner) => Kind::Context,
                inner => Kind::Borrowed(inner.clone()),
            },
            Type::ImplTrait(_) => {
                errors.on(ty, "a value of the program is found by its type; name the type");
                return None;
            }
            owned if is_context(owned) => Kind::OwnedContext,
            owned => Kind::Owned(owned.clone()),
        };
        Some(Self { written: ty.clone(), kind })
    }

    /// The type by which the value is found, as text; two parameters of one type are a mistake.
    pub(super) fn key(&self) -> String {
        match &self.kind {
            Kind::Borrowed(ty) | Kind::Owned(ty) => ty.to_token_stream().to_string(),
            Kind::Context | Kind::OwnedContext => "ToolContext".to_owned(),
        }
    }

    /// The type of the value, but for the context, which is always there.
    pub(super) fn need(&self) -> Option<&Type> {
        match &self.kind {
            Kind::Borrowed(ty) | Kind::Owned(ty) => Some(ty),
            Kind::Context | Kind::OwnedContext => None,
        }
    }

    /// The statement that finds the value and keeps it as `name`, owned where it `moves` away from
    /// the context; and the argument that it becomes.
    pub(super) fn found(
        &self,
        root: &Root,
        name: &Ident,
        moves: bool,
    ) -> (TokenStream, TokenStream) {
        let span = proc_macro2::Span::mixed_site().located_at(self.written.span());
        match &self.kind {
            Kind::Borrowed(ty) => (
                quote_spanned!(span=> let #name = #root::ToolContext::host::<#ty>(context)?;),
                quote_spanned!(span=> &*#name),
            ),
            Kind::Owned(ty) => (
                quote_spanned!(span=> let #name = #root::host_value::<#ty>(context)?;),
                quote_spanned!(span=> #name),
            ),
            Kind::Context if !moves => {
                (quote_spanned!(span=> let #name = context;), quote_spanned!(span=> #name))
            }
            Kind::Context => (
                quote_spanned!(span=> let #name = ::core::clone::Clone::clone(context);),
                quote_spanned!(span=> &#name),
            ),
            Kind::OwnedContext => (
                quote_spanned!(span=> let #name = ::core::clone::Clone::clone(context);),
                quote_spanned!(span=> #name),
            ),
        }
    }
}

/// `vec![HostType::of::<T>(), …]`.
pub(super) fn needs<'a>(root: &Root, types: impl Iterator<Item = &'a Type>) -> TokenStream {
    let types = types.map(|ty| {
        let span = proc_macro2::Span::mixed_site().located_at(ty.span());
        quote_spanned!(span=> #root::HostType::of::<#ty>())
    });
    quote_spanned!(proc_macro2::Span::mixed_site()=> ::std::vec![#(#types),*])
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| last.ident == "ToolContext")
        }
        _ => false,
    }
}

fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        other => other,
    }
}
