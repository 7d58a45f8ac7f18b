//! The attribute of `#[call]`: the model, and settings as keys.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{
    Expr, ExprArray, ExprLit, ExprPath, ExprUnary, Lit, LitBool, LitFloat, LitStr, Token, UnOp,
    parenthesized,
};

use crate::common::{Errors, Root, camel_case, did_you_mean, duration, listed, plain};

/// The keys in the order in which messages list them.
const KEYS: [&str; 24] = [
    "model",
    "client",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "parallel_tool_calls",
    "reasoning",
    "logprobs",
    "user",
    "service_tier",
    "prompt_cache_key",
    "option",
    "tools",
    "tool_choice",
    "max_turns",
    "timeout",
    "strict",
    "tag",
    "crate",
];

const EFFORTS: [(&str, &str); 7] = [
    ("none", "None"),
    ("minimal", "Minimal"),
    ("low", "Low"),
    ("medium", "Medium"),
    ("high", "High"),
    ("xhigh", "XHigh"),
    ("max", "Max"),
];

/// What the attribute says.
#[derive(Default)]
pub(super) struct Attr {
    pub(super) root: Root,
    /// Everything the user wrote, to find the names used in it.
    pub(super) written: TokenStream,
    /// Calls of the setters of `Params`.
    params: Vec<Setter>,
    /// Calls of the setters of `Settings`.
    settings: Vec<Setter>,
}

/// Writes the call of a setter when the root is known: `crate = …` may come last.
type Setter = Box<dyn Fn(&Root) -> TokenStream>;

impl Attr {
    /// Writes an expression of the type `Settings`.
    pub(super) fn settings(&self) -> TokenStream {
        let root = &self.root;
        let span = Span::mixed_site();
        let params = self.params.iter().map(|setter| setter(root));
        let settings = self.settings.iter().map(|setter| setter(root));
        if self.params.is_empty() {
            quote_spanned!(span=> #root::Settings::new() #(#settings)*)
        } else {
            quote_spanned!(span=> #root::settings(#root::Params::new() #(#params)*) #(#settings)*)
        }
    }
}

/// Parses the attribute. A wrong entry is reported and skipped.
pub(super) fn parse(attribute: TokenStream, errors: &mut Errors) -> Attr {
    let mut attr = Attr { written: attribute.clone(), ..Attr::default() };
    let mut seen = HashSet::new();
    let parser = |input: ParseStream<'_>| {
        let mut is_first = true;
        while !input.is_empty() {
            let entry = if is_first && is_model(input) {
                attr.model(input)
            } else {
                attr.entry(input, &mut seen)
            };
            is_first = false;
            if let Err(error) = entry {
                errors.push(error);
            }
            skip_to_comma(input, errors)?;
        }
        Ok(())
    };
    let parsed = parser.parse2(attribute);
    errors.take(parsed);
    attr
}

/// Whether the first entry is the model: a literal, or a constant.
fn is_model(input: ParseStream<'_>) -> bool {
    if !input.peek(syn::Ident::peek_any) {
        return true;
    }
    let fork = input.fork();
    let path = fork.call(syn::Path::parse_mod_style);
    let is_constant = path.is_ok_and(|path| {
        path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            !name.chars().any(char::is_lowercase)
        })
    });
    is_constant && (fork.is_empty() || fork.peek(Token![,]))
}

/// Goes past the comma after an entry; what stands before it is too much.
fn skip_to_comma(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
    if !input.is_empty() && !input.peek(Token![,]) && errors.is_empty() {
        errors.push(input.error("expected `,`"));
    }
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    input.parse::<Option<Token![,]>>()?;
    Ok(())
}

impl Attr {
    fn model(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let model: Expr = input.parse()?;
        if let Some(literal) = string(&model) {
            let name = literal.value();
            let parts = name.split_once('/');
            if !parts.is_some_and(|(provider, model)| !provider.is_empty() && !model.is_empty()) {
                return Err(syn::Error::new_spanned(
                    literal,
                    format!(
                        "`{name}` is not a model string; write `provider/model`, as in `openai/gpt-4o-mini`"
                    ),
                ));
            }
        }
        self.setting("model", model)
    }

    fn entry(&mut self, input: ParseStream<'_>, seen: &mut HashSet<String>) -> syn::Result<()> {
        let key = input.call(Ident::parse_any)?;
        let name = plain(&key);
        if !KEYS.contains(&name.as_str()) {
            let suggestion = did_you_mean(&name, KEYS, ("", ""));
            let keys = listed(KEYS);
            return Err(syn::Error::new_spanned(
                &key,
                format!("unknown key `{name}` of `#[call]`{suggestion} (the keys are {keys})"),
            ));
        }
        let repeats = matches!(name.as_str(), "tag" | "option");
        if !repeats && !seen.insert(name.clone()) {
            return Err(syn::Error::new_spanned(&key, format!("`{name}` is set twice; keep one")));
        }
        match name.as_str() {
            "crate" => self.root = Root::parse_value(input)?,
            "strict" => self.strict(input)?,
            "tag" => self.tags(&key, input)?,
            "option" => self.option(&key, input)?,
            _ => {
                input.parse::<Token![=]>().map_err(|error| {
                    syn::Error::new(error.span(), format!("write a value: `{name} = …`"))
                })?;
                if name == "model" {
                    return self.model(input);
                }
                let value: Expr = input.parse()?;
                self.value(&key, &name, value)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, key: &Ident, name: &str, value: Expr) -> syn::Result<()> {
        match name {
            "client" | "max_turns" => self.setting(name, value),
            "tools" => self.tools(value),
            "tool_choice" => self.tool_choice(value),
            "timeout" => {
                let duration = match string(&value) {
                    Some(literal) => duration(literal)?,
                    None => value.to_token_stream(),
                };
                self.setting(name, duration)
            }
            "temperature" | "top_p" | "presence_penalty" | "frequency_penalty" => {
                self.param(key, float(value))
            }
            "stop" => match string(&value) {
                Some(literal) => self.param(key, quote!([#literal])),
                None => self.param(key, value),
            },
            "reasoning" => self.reasoning(key, value),
            _ => self.param(key, value),
        }
    }

    fn setting(&mut self, method: &str, value: impl ToTokens) -> syn::Result<()> {
        let method = Ident::new(method, Span::mixed_site());
        let value = value.into_token_stream();
        self.set(move |_| quote_spanned!(Span::mixed_site()=> .#method(#value)));
        Ok(())
    }

    fn param(&mut self, key: &Ident, value: impl ToTokens) -> syn::Result<()> {
        let (key, value) = (key.clone(), value.into_token_stream());
        self.params.push(Box::new(move |_| quote_spanned!(Span::mixed_site()=> .#key(#value))));
        Ok(())
    }

    fn set(&mut self, setter: impl Fn(&Root) -> TokenStream + 'static) {
        self.settings.push(Box::new(setter));
    }

    fn strict(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let mut is_on = true;
        if input.parse::<Option<Token![=]>>()?.is_some() {
            is_on = input.parse::<LitBool>()?.value;
        }
        if is_on {
            self.set(|_| quote_spanned!(Span::mixed_site()=> .strict()));
        }
        Ok(())
    }

    /// `tag(name = "value", …)`
    fn tags(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if !input.peek(syn::token::Paren) {
            let message = format!("write `{key}(name = \"value\")`");
            return Err(syn::Error::new_spanned(key, message));
        }
        let inside;
        parenthesized!(inside in input);
        while !inside.is_empty() {
            let name = if inside.peek(LitStr) {
                inside.parse::<LitStr>()?
            } else {
                let name = inside.call(Ident::parse_any)?;
                LitStr::new(&plain(&name), name.span())
            };
            inside.parse::<Token![=]>()?;
            let value: Expr = inside.parse()?;
            self.set(move |_| quote_spanned!(Span::mixed_site()=> .tag(#name, #value)));
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    /// `option("provider", "field", value)`
    fn option(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        let usage = || {
            let message = "write `option(\"provider\", \"field\", value)`";
            syn::Error::new_spanned(key, message)
        };
        if !input.peek(syn::token::Paren) {
            return Err(usage());
        }
        let inside;
        parenthesized!(inside in input);
        let values = Punctuated::<Expr, Token![,]>::parse_terminated(&inside)?;
        if values.len() != 3 {
            return Err(usage());
        }
        self.param(key, values)
    }

    fn tools(&mut self, value: Expr) -> syn::Result<()> {
        match value {
            Expr::Array(ExprArray { elems, .. }) => {
                for tool in elems {
                    match tool {
                        Expr::Path(path) => self.tool(path),
                        other => {
                            return Err(syn::Error::new_spanned(
                                other,
                                "name a `#[tool]` function or a tool type; for tools made at run time write `tools = toolbox()`",
                            ));
                        }
                    }
                }
                Ok(())
            }
            Expr::Path(path) => {
                self.tool(path);
                Ok(())
            }
            toolbox => self.setting("tools", toolbox),
        }
    }

    /// Adds a tool by type; the name of a function stands for the type that `#[tool]` made of it.
    fn tool(&mut self, ExprPath { mut path, .. }: ExprPath) {
        if let Some(last) = path.segments.last_mut() {
            last.ident = Ident::new(&camel_case(&plain(&last.ident)), last.ident.span());
        }
        self.set(move |_| quote_spanned!(Span::mixed_site()=> .tool::<#path>()));
    }

    fn tool_choice(&mut self, value: Expr) -> syn::Result<()> {
        let Some(literal) = string(&value).cloned() else {
            return self.setting("tool_choice", value);
        };
        let choice = match literal.value().as_str() {
            "auto" => "Auto",
            "none" => "None",
            "required" => "Required",
            _ => {
                self.set(move |root| {
                    quote_spanned! {Span::mixed_site()=>
                        .tool_choice(#root::ToolChoice::Tool(::std::string::String::from(#literal)))
                    }
                });
                return Ok(());
            }
        };
        let choice = Ident::new(choice, Span::mixed_site());
        self.set(move |root| {
            quote_spanned!(Span::mixed_site()=> .tool_choice(#root::ToolChoice::#choice))
        });
        Ok(())
    }

    fn reasoning(&mut self, key: &Ident, value: Expr) -> syn::Result<()> {
        let Some(literal) = string(&value) else { return self.param(key, value) };
        let written = literal.value();
        let Some((_, effort)) = EFFORTS.iter().find(|(name, _)| *name == written) else {
            let names = || EFFORTS.iter().map(|(name, _)| *name);
            let suggestion = did_you_mean(&written, names(), ("", ""));
            let message = format!(
                "unknown level `{written}`{suggestion} (the levels are {})",
                listed(names())
            );
            return Err(syn::Error::new_spanned(literal, message));
        };
        let (key, effort) = (key.clone(), Ident::new(effort, Span::mixed_site()));
        self.params.push(Box::new(
            move |root| quote_spanned!(Span::mixed_site()=> .#key(#root::Effort::#effort)),
        ));
        Ok(())
    }
}

/// The string literal that an expression is.
fn string(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => Some(literal),
        Expr::Group(group) => string(&group.expr),
        _ => None,
    }
}

/// `1` is meant as `1.0`.
fn float(value: Expr) -> TokenStream {
    match &value {
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), expr, .. }) => {
            let number = float((**expr).clone());
            quote!(#minus #number)
        }
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => {
            LitFloat::new(&format!("{}.0", number.base10_digits()), number.span()).to_token_stream()
        }
        _ => value.to_token_stream(),
    }
}
