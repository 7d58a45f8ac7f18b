//! The body: every place where it ends becomes a prompt or an error, and literals there templates.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Block, Expr, ExprAsync, ExprClosure, ExprLit, ExprLoop, ExprMacro, ExprReturn, Item, Lit,
    LitStr, Macro, Stmt, StmtMacro,
};

use crate::common::{Errors, Root};
use crate::template::{self, Known};

/// Rewrites a body; returns the names that its templates use.
pub(super) fn rewrite(
    body: &mut Block,
    known: &Known,
    root: &Root,
    errors: &mut Errors,
) -> Vec<String> {
    let mut ends = Ends { known, root, errors, used: Vec::new(), returns: false };
    ends.visit_block_mut(body);
    ends.block(body);
    ends.used
}

/// Finds the ends of a body, and its templates there.
struct Ends<'a> {
    known: &'a Known,
    root: &'a Root,
    errors: &'a mut Errors,
    used: Vec<String>,
    returns: bool,
}

impl Ends<'_> {
    /// Rewrites the end of a block.
    fn block(&mut self, block: &mut Block) {
        let closing = block.brace_token.span.close();
        match block.stmts.last_mut() {
            Some(Stmt::Expr(tail, None)) => self.end(tail),
            Some(last @ Stmt::Macro(StmtMacro { semi_token: None, .. })) => {
                let Stmt::Macro(StmtMacro { attrs, mac, .. }) = last.clone() else { return };
                let mut tail = Expr::Macro(ExprMacro { attrs, mac });
                self.end(&mut tail);
                *last = Stmt::Expr(tail, None);
            }
            Some(Stmt::Expr(Expr::Return(_) | Expr::Loop(_), Some(_)) | Stmt::Macro(_)) => {}
            // A statement before may have returned on every way.
            Some(Stmt::Expr(..)) if self.returns => {}
            Some(Stmt::Expr(last, Some(semicolon))) if is_text(last) => {
                self.errors.on(semicolon, "remove this `;`: the body evaluates to the prompt");
            }
            _ => self.errors.at(
                closing,
                "the body ends without a prompt; end it with a string literal, a message, a list of messages or a `Prompt`, without a `;`",
            ),
        }
    }

    /// Rewrites an expression that a body ends with.
    fn end(&mut self, tail: &mut Expr) {
        let root = self.root;
        match tail {
            Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => {
                let prompt = self.template(&literal.clone());
                let span = Span::mixed_site().located_at(tail.span());
                *tail = Expr::Verbatim(quote_spanned!(span=> #root::Body::Ok(#prompt)));
            }
            Expr::Block(block) if block.label.is_none() => self.block(&mut block.block),
            Expr::Unsafe(block) => self.block(&mut block.block),
            Expr::Paren(inner) => self.end(&mut inner.expr),
            Expr::Group(inner) => self.end(&mut inner.expr),
            Expr::If(choice) if choice.else_branch.is_some() => {
                self.block(&mut choice.then_branch);
                if let Some((_, otherwise)) = &mut choice.else_branch {
                    self.end(otherwise);
                }
            }
            Expr::Match(choice) => {
                for arm in &mut choice.arms {
                    self.end(&mut arm.body);
                }
            }
            Expr::Call(call) if is_variant(&call.func, "Ok") && call.args.len() == 1 => {
                if let Some(inner) = call.args.first_mut() {
                    self.end(inner);
                    *tail = inner.clone();
                }
            }
            Expr::Call(call) if is_variant(&call.func, "Err") && call.args.len() == 1 => {
                let error = &call.args;
                let span = Span::mixed_site().located_at(call.func.span());
                *tail = Expr::Verbatim(quote_spanned! {span=>
                    #root::Body::Err(#root::BodyError::from(#error))
                });
            }
            // `Err(…)?` has no value.
            Expr::Try(attempt) if is_error(&attempt.expr) => {
                *tail = (*attempt.expr).clone();
                self.end(tail);
            }
            tail if diverges(tail) => {}
            _ => {
                let span = Span::mixed_site().located_at(tail.span());
                *tail = Expr::Verbatim(quote_spanned!(span=> #root::body(#tail)));
            }
        }
    }

    fn template(&mut self, literal: &LitStr) -> TokenStream {
        let template = template::read(literal, self.errors);
        self.used.extend(template.names().map(str::to_owned));
        for mistake in template.unknown_names(self.known) {
            self.errors.at(literal.span(), mistake);
        }
        template::expand(&template, literal, self.root)
    }
}

impl VisitMut for Ends<'_> {
    fn visit_expr_return_mut(&mut self, expr: &mut ExprReturn) {
        visit_mut::visit_expr_return_mut(self, expr);
        self.returns = true;
        if let Some(value) = &mut expr.expr {
            self.end(value);
        }
    }

    // What returns in these does not return from the body.
    fn visit_expr_closure_mut(&mut self, _: &mut ExprClosure) {}
    fn visit_expr_async_mut(&mut self, _: &mut ExprAsync) {}
    fn visit_item_mut(&mut self, _: &mut Item) {}
}

/// Whether the expression is `Ok` or `Err`, by any path.
fn is_variant(function: &Expr, name: &str) -> bool {
    match function {
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    }
}

fn is_error(expr: &Expr) -> bool {
    matches!(expr, Expr::Call(call) if is_variant(&call.func, "Err"))
}

/// Whether the expression is a value that was meant to be the prompt.
fn is_text(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(ExprLit { lit: Lit::Str(_), .. }))
}

/// Whether the expression never has a value, as far as can be seen.
fn diverges(expr: &Expr) -> bool {
    match expr {
        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
        Expr::Loop(ExprLoop { body, .. }) => {
            !body.to_token_stream().into_iter().any(|token| mentions_break(&token))
        }
        Expr::Macro(ExprMacro { mac: Macro { path, .. }, .. }) => {
            let names = ["panic", "todo", "unimplemented", "unreachable"];
            path.segments.last().is_some_and(|last| names.iter().any(|name| last.ident == name))
        }
        _ => false,
    }
}

fn mentions_break(token: &proc_macro2::TokenTree) -> bool {
    match token {
        proc_macro2::TokenTree::Ident(ident) => ident == "break",
        proc_macro2::TokenTree::Group(group) => {
            group.stream().into_iter().any(|token| mentions_break(&token))
        }
        _ => false,
    }
}

/// The statements of a body.
pub(super) fn statements(body: &Block) -> TokenStream {
    let statements = &body.stmts;
    quote!(#(#statements)*)
}
