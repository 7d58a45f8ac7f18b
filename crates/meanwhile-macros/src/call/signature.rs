//! The signature: what a prompt function must look like, and what it becomes.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::visit_mut::{self, VisitMut};
use syn::{
    FnArg, GenericArgument, GenericParam, Lifetime, LifetimeParam, PathArguments, Receiver,
    ReceiverKind, ReturnType, Signature, Type, TypeFnPtr, TypeImplTrait, TypeParamBound,
    TypeReference, WherePredicate, parse_quote,
};

use super::names;
use crate::common::{Errors, is_doc, plain};
use crate::tool::{is_host, is_tool};

/// What the signature declares.
pub(super) struct Declared {
    /// The return type as written: `Result<T>`.
    pub(super) result: Type,
    /// The `T` in it.
    pub(super) output: Type,
}

/// Checks the signature and finds the output type.
pub(super) fn check(signature: &Signature, errors: &mut Errors) -> Option<Declared> {
    if signature.asyncness.is_none() {
        errors.on(
            signature.fn_token,
            "`#[call]` functions must be `async fn`; for a prompt without a model use `prompt!`",
        );
    }
    if let Some(constness) = &signature.constness {
        errors.on(constness, "a `#[call]` function cannot be `const`");
    }
    let declared = match &signature.output {
        ReturnType::Type(_, result) => output_of(result),
        ReturnType::Default => None,
    };
    match (&declared, &signature.output) {
        (Some(_), _) => {}
        (None, ReturnType::Type(_, result)) => errors.on(
            result,
            "write `-> Result<T>`, where `T` is what awaiting the call returns: `Response`, `String`, or a type with `#[derive(Extract)]`",
        ),
        (None, ReturnType::Default) => errors.on(
            &signature.ident,
            "write `-> Result<T>`, where `T` is what awaiting the call returns: `Response`, `String`, or a type with `#[derive(Extract)]`",
        ),
    }
    declared
}

/// Reports what belongs to `#[tool]`, and takes it away.
pub(super) fn check_tools(function: &mut super::Function, errors: &mut Errors) {
    for attribute in function.attributes.extract_if(.., |attribute| is_tool(attribute)) {
        errors.on(
            attribute,
            "write `#[tool]` above `#[call]`: a tool is made of the function as you wrote it, and the call comes after",
        );
    }
    for input in &mut function.signature.inputs {
        let attributes = match input {
            FnArg::Receiver(receiver) => &mut receiver.attrs,
            FnArg::Typed(parameter) => &mut parameter.attrs,
        };
        for attribute in attributes.extract_if(.., |attribute| is_host(attribute)) {
            errors.on(
                attribute,
                "`#[host]` is for tools, whose arguments come from a model; a `#[call]` function is given everything where it is called (to make it a tool, write `#[tool]` above `#[call]`)",
            );
        }
    }
}

/// The `T` of a path that ends in `Result<T>` or `Result<T, _>`.
fn output_of(result: &Type) -> Option<Declared> {
    let path = match result {
        Type::Path(path) => path,
        Type::Group(group) => return output_of(&group.elem),
        Type::Paren(paren) => return output_of(&paren.elem),
        _ => return None,
    };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(output) => {
            Some(Declared { result: result.clone(), output: output.clone() })
        }
        _ => None,
    })
}

/// The names of the parameters, `self` among them.
pub(super) fn parameters(signature: &Signature) -> Vec<String> {
    let of = |input: &FnArg| match input {
        FnArg::Receiver(_) => vec!["self".to_owned()],
        FnArg::Typed(parameter) => names::bound_by(&parameter.pat),
    };
    signature.inputs.iter().flat_map(of).collect()
}

/// Reports parameters that nothing uses.
pub(super) fn check_used(
    signature: &Signature,
    is_used: impl Fn(&str) -> bool,
    errors: &mut Errors,
) {
    for input in &signature.inputs {
        let FnArg::Typed(parameter) = input else { continue };
        for name in names::bound_by(&parameter.pat) {
            let is_name = name.starts_with(|first: char| first.is_lowercase());
            if is_name && !is_used(&name) {
                errors.on(
                    &parameter.pat,
                    format!(
                        "the prompt does not use the parameter `{name}`; write `{{{name}}}` in its template, or call it `_{name}`"
                    ),
                );
            }
        }
    }
}

/// Removes what only an attribute macro may read: doc comments on parameters.
pub(super) fn strip(signature: &mut Signature) {
    for input in &mut signature.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.attrs.retain(|attribute| !is_doc(attribute)),
            FnArg::Typed(parameter) => parameter.attrs.retain(|attribute| !is_doc(attribute)),
        }
    }
}

/// Gives the signature a lifetime that everything borrowed outlives, and returns it.
pub(super) fn borrow(signature: &mut Signature) -> Lifetime {
    let taken = signature.generics.lifetimes().any(|known| known.lifetime.ident == "call");
    let name = if taken { "'__call" } else { "'call" };
    let call = Lifetime::new(name, Span::call_site());

    for input in &mut signature.inputs {
        let mut borrow = Borrow { call: &call };
        match input {
            FnArg::Receiver(receiver) => borrow.visit_receiver_mut(receiver),
            FnArg::Typed(parameter) => borrow.visit_type_mut(&mut parameter.ty),
        }
    }

    let mut outlives: Vec<WherePredicate> = Vec::new();
    for parameter in &mut signature.generics.params {
        match parameter {
            GenericParam::Lifetime(lifetime) => {
                lifetime.colon_token.get_or_insert_default();
                lifetime.bounds.push(call.clone());
            }
            GenericParam::Type(parameter) => {
                let name = &parameter.ident;
                outlives.push(parse_quote!(#name: #call));
            }
            GenericParam::Const(_) => {}
        }
    }
    let by_value = signature
        .receiver()
        .is_some_and(|receiver| !matches!(receiver.kind, ReceiverKind::Reference(..)));
    if by_value {
        outlives.push(parse_quote!(Self: #call));
    }
    if !outlives.is_empty() {
        signature.generics.make_where_clause().predicates.extend(outlives);
    }
    let parameter = GenericParam::Lifetime(LifetimeParam::new(call.clone()));
    signature.generics.params.insert(0, parameter);
    call
}

/// Names the lifetimes that are elided.
struct Borrow<'a> {
    call: &'a Lifetime,
}

impl VisitMut for Borrow<'_> {
    fn visit_receiver_mut(&mut self, receiver: &mut Receiver) {
        match &mut receiver.kind {
            ReceiverKind::Reference(_, lifetime, _) => match lifetime {
                Some(lifetime) => self.visit_lifetime_mut(lifetime),
                None => *lifetime = Some(self.call.clone()),
            },
            ReceiverKind::Typed(_, ty) => self.visit_type_mut(ty),
            _ => {}
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.call.clone();
        }
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some(self.call.clone());
        }
        if let Type::ImplTrait(inner) = &mut *reference.elem {
            // What is borrowed for `'call` outlives it; no bound is needed.
            visit_mut::visit_type_impl_trait_mut(self, inner);
        } else {
            visit_mut::visit_type_reference_mut(self, reference);
        }
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        visit_mut::visit_type_impl_trait_mut(self, ty);
        ty.bounds.push(TypeParamBound::Lifetime(self.call.clone()));
    }

    // The lifetimes in these are their own.
    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments_mut(
        &mut self,
        _: &mut syn::ParenthesizedGenericArguments,
    ) {
    }
}

/// Takes the parameters, for a body that is replaced because of an error.
pub(super) fn consume(signature: &Signature) -> TokenStream {
    let names = parameters(signature).into_iter().filter(|name| name != "self");
    let names = names.filter(|name| name.starts_with(|first: char| first.is_lowercase()));
    let names = names.map(|name| crate::common::identifier(&name, Span::call_site()));
    quote!(let _ = (#(&#names,)*);)
}

/// The function's name, as errors and observations show it.
pub(super) fn name(signature: &Signature) -> String {
    plain(&signature.ident)
}
