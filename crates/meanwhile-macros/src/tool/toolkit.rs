//! `#[toolkit]`: an `impl` whose methods under `#[tool]` are tools that share one value.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{Attribute, ImplItem, ImplItemFn, ItemImpl, Meta, Visibility};

use super::attr::{self, Attr, OF_METHOD, OF_TOOLKIT};
use super::expand::structure;
use super::parameters::{self, Parameter, Takes};
use super::running::Running;
use super::{conditions, is_tool, no_description};
use crate::common::{Errors, Root, doc_text, plain};

/// A method that is a tool.
struct Method {
    attr: Attr,
    function: ImplItemFn,
    parameters: Vec<Parameter>,
    name: String,
    description: String,
}

/// Expands `#[toolkit]`.
pub(crate) fn toolkit(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut block = match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(block) => block,
        Err(_) => {
            let mut errors = Errors::default();
            errors.at(
                Span::call_site(),
                "`#[toolkit]` goes on the `impl` that holds the tools: `#[toolkit] impl Notes { … }`",
            );
            let mut out = errors.into_tokens();
            out.extend(item);
            return out;
        }
    };
    let mut errors = Errors::default();
    let attr = attr::parse(attribute, "toolkit", OF_TOOLKIT, &mut errors);
    check(&block, &mut errors);
    let methods = methods(&mut block, &mut errors);
    let tools = if errors.is_empty() {
        let twins = methods.iter().map(|method| twin(&methods, method));
        let methods = methods.iter().map(|method| method.write(&attr.root));
        let root = &attr.root;
        quote_spanned! {Span::mixed_site()=>
            #(#twins)*
            let toolbox = #root::Toolbox::new();
            #(#methods)*
            toolbox
        }
    } else {
        quote_spanned!(Span::mixed_site()=> ::core::unreachable!())
    };
    let is_plain = block.trait_.is_none() && block.generics.params.is_empty();
    let mut out = errors.into_tokens();
    block.to_tokens(&mut out);
    // Of what cannot be a toolkit a stub would only bring errors of its own.
    if is_plain {
        let (root, ty) = (&attr.root, &block.self_ty);
        out.extend(quote_spanned! {Span::mixed_site()=>
            impl #ty {
                /// Makes a toolbox of the methods that are tools. They share this value.
                #[must_use]
                #[allow(dead_code, unreachable_pub, unused_variables)]
                pub fn tools(self: ::std::sync::Arc<Self>) -> #root::Toolbox {
                    #tools
                }
            }
        });
    }
    out
}

fn check(block: &ItemImpl, errors: &mut Errors) {
    if let Some((path, _)) = &block.trait_ {
        errors.on(
            path,
            "a toolkit is made of the methods of the type itself; write `impl Type { … }`",
        );
    }
    if !block.generics.params.is_empty() {
        errors.on(
            &block.generics.params,
            "a toolkit has no generics: each of its tools is one function; name the types, or keep what varies in a `Box<dyn Trait>`",
        );
    }
}

/// Takes what is ours off the methods.
fn methods(block: &mut ItemImpl, errors: &mut Errors) -> Vec<Method> {
    let mut found: Vec<Method> = Vec::new();
    let mut is_any = false;
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        let Some(at) = function.attrs.iter().position(is_tool) else { continue };
        is_any = true;
        let attribute = function.attrs.remove(at);
        let Some(method) = method(&attribute, function, errors) else { continue };
        let meets = |first: &&Method| first.name == method.name && !first.excludes(&method);
        if let Some(first) = found.iter().find(meets) {
            errors.on(
                &function.sig.ident,
                format!(
                    "`{}` is called `{}` too; tools of a set need different names",
                    first.function.sig.ident, first.name
                ),
            );
        }
        found.push(method);
    }
    if !is_any && errors.is_empty() {
        errors.on(
            &block.self_ty,
            "a toolkit has at least one tool; put `#[tool]` on the methods that the model may call",
        );
    }
    found
}

fn method(attribute: &Attribute, function: &mut ImplItemFn, errors: &mut Errors) -> Option<Method> {
    let written = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    };
    let attr = attr::parse(written, "tool", OF_METHOD, errors);
    parameters::check_signature(&function.sig, errors);
    let parameters = parameters::take(&mut function.sig, Takes::Itself, errors);
    let description = attr.description.as_ref().map(syn::LitStr::value);
    let Some(description) = description.or_else(|| doc_text(&function.attrs)) else {
        errors.on(&function.sig.ident, no_description("method"));
        return None;
    };
    let name = attr::name(&attr, &function.sig.ident, str::to_owned, errors);
    Some(Method { attr, function: function.clone(), parameters, name, description })
}

/// What the compiler finds twice where two methods of one name are there, each under a condition: a
/// toolbox would keep the later one. Nothing for a name that only one has.
fn twin(methods: &[Method], method: &Method) -> Option<TokenStream> {
    let mut same = methods.iter().enumerate().filter(|(_, other)| other.name == method.name);
    let (first, _) = same.next()?;
    same.next()?;
    let ident = &method.function.sig.ident;
    let name = format!(
        "another_tool_has_the_name_of_{}_{first}",
        plain(&methods.get(first)?.function.sig.ident)
    );
    let name = Ident::new(&name, Span::mixed_site().located_at(ident.span()));
    let conditions = conditions(&method.function.attrs);
    Some(quote_spanned! {ident.span()=>
        #(#conditions)*
        #[allow(dead_code, non_upper_case_globals)]
        const #name: () = ();
    })
}

impl Method {
    /// Whether the two are for different configurations, as far as one can see here.
    fn excludes(&self, other: &Self) -> bool {
        let text = |method: &Self| {
            let conditions = conditions(&method.function.attrs).into_iter();
            conditions.map(|condition| condition.to_token_stream().to_string()).collect::<Vec<_>>()
        };
        let (one, two) = (text(self), text(other));
        !one.is_empty() && !two.is_empty() && one != two
    }

    /// Writes the statement that adds the method to `toolbox`.
    fn write(&self, root: &Root) -> TokenStream {
        let Self { attr, function, parameters, name, description } = self;
        let span = Span::mixed_site();
        let arguments = Ident::new("Arguments", span);
        let private = Visibility::Inherited;
        let structure = structure(root, &[], &TokenStream::new(), &private, &arguments, parameters);
        let running = Running { root, signature: &function.sig, parameters };
        let owned = quote_spanned!(span=> let this = ::std::sync::Arc::clone(this););
        let run = running.body(&owned, |hosts| self.call(hosts));
        let is_async = function.sig.asyncness.is_some();
        let timeout = attr.timeout();
        let needs = parameters::needs(root, parameters);
        let conditions = conditions(&function.attrs);
        quote_spanned! {span=>
            #(#conditions)*
            let toolbox = {
                #structure

                static SPEC: ::std::sync::OnceLock<#root::ToolSpec> =
                    ::std::sync::OnceLock::new();
                let spec =
                    SPEC.get_or_init(|| #root::tool_spec::<#arguments>(#name, #description));
                toolbox.with(#root::AnyTool::new(#root::Method::<Self, #arguments> {
                    value: ::std::sync::Arc::clone(&self),
                    spec,
                    is_async: #is_async,
                    timeout: #timeout,
                    needs: || #needs,
                    run: |this, arguments, context| {
                        ::std::boxed::Box::pin(async move { #run })
                    },
                }))
            };
        }
    }

    fn call(&self, hosts: &[TokenStream]) -> TokenStream {
        let span = Span::mixed_site();
        let fields = quote_spanned!(span=> arguments);
        let mut hosts = hosts.iter();
        let arguments = self.parameters.iter().map(|parameter| match parameter.host() {
            Some(_) => hosts.next().cloned().unwrap_or_default(),
            None => parameter.argument(&fields),
        });
        let name = &self.function.sig.ident;
        quote_spanned!(span=> Self::#name(&*this, #(#arguments),*))
    }
}
