//! The parameters of a tool: each becomes a field that is read from JSON, but for those under `#[host]`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit::{self, Visit};
use syn::{
    Attribute, FnArg, Pat, PatType, Receiver, ReceiverKind, Safety, Signature, Type, TypeImplTrait,
    TypeReference, TypeSlice, Visibility, parse_quote,
};

use super::host::{self, HostParameter};
use crate::common::{Errors, Root, is_doc};

/// A parameter of a tool.
pub(super) struct Parameter {
    /// Doc comments, and what `serde` and `schemars` should know.
    pub(super) attributes: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) kind: Kind,
}

/// Where a parameter comes from.
#[expect(clippy::large_enum_variant, reason = "there are as many as a function has parameters")]
pub(super) enum Kind {
    /// From the model: a field that is read from JSON.
    Field(FieldType),
    /// From the program.
    Host(HostParameter),
}

/// How a parameter is kept in a field.
pub(super) enum FieldType {
    /// As it is.
    Owned(Type),
    /// `&str`, kept as a `String`.
    Text,
    /// `&[T]`, kept as a `Vec<T>`.
    Slice(Type),
}

impl FieldType {
    /// The type of the field.
    fn ty(&self) -> Type {
        match self {
            Self::Owned(ty) => ty.clone(),
            Self::Text => parse_quote!(::std::string::String),
            Self::Slice(item) => parse_quote!(::std::vec::Vec<#item>),
        }
    }
}

impl Parameter {
    /// The field, unless the value comes from the program.
    pub(super) fn field(&self, visibility: &Visibility) -> Option<TokenStream> {
        let Kind::Field(field) = &self.kind else { return None };
        let Self { attributes, name, .. } = self;
        let ty = field.ty();
        Some(quote!(#(#attributes)* #visibility #name: #ty,))
    }

    /// The argument that the function is called with, where `fields` has the fields.
    pub(super) fn argument(&self, fields: &TokenStream) -> TokenStream {
        let name = &self.name;
        let span = Span::mixed_site();
        match &self.kind {
            Kind::Field(FieldType::Owned(_)) => quote_spanned!(span=> #fields.#name),
            Kind::Field(FieldType::Text | FieldType::Slice(_)) => {
                quote_spanned!(span=> &#fields.#name)
            }
            Kind::Host(_) => quote!(#name),
        }
    }

    /// The value of the program that it is.
    pub(super) fn host(&self) -> Option<&HostParameter> {
        match &self.kind {
            Kind::Host(host) => Some(host),
            Kind::Field(_) => None,
        }
    }
}

/// The values of the program that a tool cannot run without.
pub(super) fn needs(root: &Root, parameters: &[Parameter]) -> TokenStream {
    let hosts = parameters.iter().filter_map(Parameter::host);
    host::needs(root, hosts.filter_map(HostParameter::need))
}

/// Checks everything but the parameters.
pub(super) fn check_signature(signature: &Signature, errors: &mut Errors) {
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        errors.on(
            &generics.params,
            "a tool has no generics: the model's arguments say nothing about them; name the types",
        );
    }
    if let Some(clause) = &generics.where_clause {
        errors.on(clause, "a tool has no generics, and so no `where`");
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.on(unsafety, "a tool is called with what a model made up; it cannot be `unsafe`");
    }
}

/// What a tool may take beside its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// No `self`: a free function.
    Nothing,
    /// `&self`: a method of a toolkit.
    Itself,
}

/// Takes the parameters, leaving a signature that the compiler accepts.
pub(super) fn take(signature: &mut Signature, takes: Takes, errors: &mut Errors) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    if takes == Takes::Itself && signature.receiver().is_none() {
        errors.on(
            &signature.ident,
            "a tool of a toolkit takes `&self`, which all of them share; put `#[tool]` on a free function where nothing is shared",
        );
    }
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => match takes {
                Takes::Nothing => errors.on(
                    receiver,
                    "a tool is a free function: no `self` comes with the model's arguments; for methods as tools put `#[toolkit]` on the `impl`",
                ),
                Takes::Itself => check_receiver(receiver, errors),
            },
            FnArg::Typed(parameter) => {
                let Some(parameter) = self::parameter(parameter, errors) else { continue };
                let same = parameter.host().and_then(|host| {
                    let key = host.key();
                    parameters.iter().find(|one| one.host().is_some_and(|one| one.key() == key))
                });
                if let (Some(first), Some(host)) = (same, parameter.host()) {
                    errors.on(
                        &host.written,
                        format!(
                            "`{}` has this type already, and a value of the program is found by its type; take it once, or give each a type of its own",
                            first.name
                        ),
                    );
                }
                parameters.push(parameter);
            }
        }
    }
    parameters
}

fn check_receiver(receiver: &Receiver, errors: &mut Errors) {
    let message = match &receiver.kind {
        ReceiverKind::Reference(_, _, None) => return,
        ReceiverKind::Reference(_, _, Some(_)) => {
            "the tools of a toolkit share its value, and several may run at once; take `&self`, and put what changes in a `Mutex`"
        }
        _ => "the tools of a toolkit share its value, and may run many times; take `&self`",
    };
    errors.on(receiver, message);
}

fn parameter(parameter: &mut PatType, errors: &mut Errors) -> Option<Parameter> {
    let is_host = host::take(parameter, errors);
    let is_ours = |attribute: &Attribute| {
        let path = attribute.path();
        is_doc(attribute) || path.is_ident("serde") || path.is_ident("schemars")
    };
    let (attributes, others): (Vec<_>, Vec<_>) = parameter.attrs.drain(..).partition(is_ours);
    parameter.attrs = others;
    let name = match &*parameter.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            pattern.ident.clone()
        }
        other => {
            errors.on(
                other,
                if is_host {
                    "a `#[host]` parameter needs a name; write `name: Type` and take it apart in the body"
                } else {
                    "the parameter of a tool needs a name, which the model sees; write `name: Type` and take it apart in the body"
                },
            );
            return None;
        }
    };
    let kind = if is_host {
        for attribute in attributes.iter().filter(|attribute| !is_doc(attribute)) {
            errors.on(
                attribute,
                "this says how an argument of the model is read, and a `#[host]` value comes from the program; take it away",
            );
        }
        Kind::Host(HostParameter::new(&parameter.ty, errors)?)
    } else {
        Kind::Field(field_type(&parameter.ty, errors)?)
    };
    Some(Parameter { attributes, name, kind })
}

fn field_type(ty: &Type, errors: &mut Errors) -> Option<FieldType> {
    match ty {
        Type::Group(group) => return field_type(&group.elem, errors),
        Type::Reference(TypeReference { mutability: None, elem, .. }) => match &**elem {
            Type::Path(path) if path.path.is_ident("str") => return Some(FieldType::Text),
            Type::Slice(TypeSlice { elem, .. }) => {
                return is_owned(elem, errors).then(|| FieldType::Slice((**elem).clone()));
            }
            _ => {}
        },
        _ => {}
    }
    is_owned(ty, errors).then(|| FieldType::Owned(ty.clone()))
}

/// Whether a value of the type can be read from JSON and kept.
fn is_owned(ty: &Type, errors: &mut Errors) -> bool {
    let mut check = Owned { errors, good: true };
    check.visit_type(ty);
    check.good
}

struct Owned<'a> {
    errors: &'a mut Errors,
    good: bool,
}

impl<'ast> Visit<'ast> for Owned<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.good = false;
        self.errors.on(
            reference,
            "a tool's arguments are read from JSON, so nothing can be borrowed; take an owned type, `&str` or `&[T]`, or a value of the program under `#[host]`",
        );
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.good = false;
        self.errors.on(
            ty,
            "a tool's arguments are read from JSON, for which the type must be named; write a type instead of `impl Trait`",
        );
        visit::visit_type_impl_trait(self, ty);
    }
}

/// The path at which derives find a crate, as the text of an attribute.
pub(super) fn crate_attributes(root: &Root) -> TokenStream {
    let serde = root.inside("serde");
    let schemars = root.inside("schemars");
    quote! {
        #[serde(crate = #serde)]
        #[schemars(crate = #schemars)]
    }
}
