//! The parameters of a tool: each becomes a field that is read from JSON.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::visit::{self, Visit};
use syn::{
    Attribute, FnArg, Pat, PatType, Safety, Signature, Type, TypeImplTrait, TypeReference,
    TypeSlice, parse_quote,
};

use crate::common::{Errors, Root, is_doc};

/// A parameter as a field.
pub(super) struct Parameter {
    /// Doc comments, and what `serde` and `schemars` should know.
    pub(super) attributes: Vec<Attribute>,
    pub(super) name: Ident,
    /// The type of the field.
    pub(super) ty: FieldType,
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

impl Parameter {
    /// The type of the field.
    pub(super) fn field(&self) -> Type {
        match &self.ty {
            FieldType::Owned(ty) => ty.clone(),
            FieldType::Text => parse_quote!(::std::string::String),
            FieldType::Slice(item) => parse_quote!(::std::vec::Vec<#item>),
        }
    }

    /// The argument that the function is called with.
    pub(super) fn argument(&self) -> TokenStream {
        let name = &self.name;
        match self.ty {
            FieldType::Owned(_) => quote_spanned!(Span::mixed_site()=> self.#name),
            FieldType::Text | FieldType::Slice(_) => {
                quote_spanned!(Span::mixed_site()=> &self.#name)
            }
        }
    }
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

/// Takes the parameters, leaving a signature that the compiler accepts.
pub(super) fn take(signature: &mut Signature, errors: &mut Errors) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => errors.on(
                receiver,
                "a tool is a free function: no `self` comes with the model's arguments; for tools with state implement `Tool`",
            ),
            FnArg::Typed(parameter) => parameters.extend(field(parameter, errors)),
        }
    }
    parameters
}

fn field(parameter: &mut PatType, errors: &mut Errors) -> Option<Parameter> {
    let is_ours = |attribute: &Attribute| {
        let path = attribute.path();
        is_doc(attribute) || path.is_ident("serde") || path.is_ident("schemars")
    };
    let (attributes, others) = parameter.attrs.drain(..).partition(is_ours);
    parameter.attrs = others;
    let name = match &*parameter.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            pattern.ident.clone()
        }
        other => {
            errors.on(
                other,
                "the parameter of a tool needs a name, which the model sees; write `name: Type` and take it apart in the body",
            );
            return None;
        }
    };
    let ty = field_type(&parameter.ty, errors)?;
    Some(Parameter { attributes, name, ty })
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
            "a tool's arguments are read from JSON, so nothing can be borrowed; take an owned type, `&str` or `&[T]`",
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
