//! Durations written as text: `"20s"`.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::LitStr;

/// `"20s"` as a `Duration`.
pub(crate) fn duration(literal: &LitStr) -> syn::Result<TokenStream> {
    let written = literal.value();
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = written.split_at_checked(digits).unwrap_or_default();
    let factor: Option<u64> = match unit.trim() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let milliseconds = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    match milliseconds {
        Some(milliseconds) => {
            let span = Span::mixed_site().located_at(literal.span());
            Ok(quote_spanned!(span=> ::core::time::Duration::from_millis(#milliseconds)))
        }
        None => Err(syn::Error::new(
            literal.span(),
            format!(
                "`{written}` is not a duration; write `\"20s\"`, `\"500ms\"` or `\"2m\"`, or an expression of the type `Duration`"
            ),
        )),
    }
}
