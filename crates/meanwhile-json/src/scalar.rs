//! [`convert`]: a number, a text, true, false or null as another kind of them, where there is one meaning.

use serde_json::{Number, Value};

use crate::RepairKind;
use crate::guide::{Kinds, Node, fold};

/// A value that fits, what it costs, and what was done.
pub(crate) struct Converted {
    /// `None` where the value fits as it is.
    pub(crate) value: Option<(Value, RepairKind)>,
    pub(crate) cost: u32,
}

impl Converted {
    fn as_it_is() -> Self {
        Self { value: None, cost: 0 }
    }

    fn into(value: Value, kind: RepairKind, cost: u32) -> Self {
        Self { value: Some((value, kind)), cost }
    }
}

/// Makes a scalar fit a node that is no union. `raw` is how it was written, where that is known.
pub(crate) fn convert(node: &Node, value: &Value, raw: Option<&str>) -> Option<Converted> {
    if let Some(choices) = &node.choices {
        return choose(choices, value, raw);
    }
    let kinds = node.kinds;
    if kinds.has(Kinds::of(value)) {
        return Some(Converted::as_it_is());
    }
    match value {
        Value::String(text) => from_text(kinds, text),
        Value::Number(number) => {
            if kinds.has(Kinds::INTEGER)
                && let Some(whole) = whole(number)
            {
                return Some(Converted::into(Value::Number(whole), RepairKind::WholeNumber, 1));
            }
            to_text(kinds, value, raw)
        }
        Value::Bool(_) => to_text(kinds, value, raw),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn to_text(kinds: Kinds, value: &Value, raw: Option<&str>) -> Option<Converted> {
    let text = raw.map_or_else(|| value.to_string(), str::to_owned);
    let fits = kinds.has(Kinds::STRING);
    fits.then(|| Converted::into(Value::String(text), RepairKind::ToText, 3))
}

fn from_text(kinds: Kinds, text: &str) -> Option<Converted> {
    let text = text.trim();
    let found = |value| Some(Converted::into(value, RepairKind::FromText, 3));
    if kinds.has(Kinds::INTEGER)
        && let Some(number) = number_in(text, kinds.has(Kinds::NUMBER))
    {
        return found(Value::Number(number));
    }
    let word = text.trim_end_matches(['.', '!']).to_lowercase();
    if kinds.has(Kinds::BOOLEAN) {
        match word.as_str() {
            "true" | "yes" => return found(Value::Bool(true)),
            "false" | "no" => return found(Value::Bool(false)),
            _ => {}
        }
    }
    let is_null = matches!(word.as_str(), "" | "null" | "none");
    if kinds.has(Kinds::NULL) && is_null { found(Value::Null) } else { None }
}

/// Whether a choice is meant, and what it costs.
type Sense<'a> = (&'a dyn Fn(&str) -> bool, u32);

/// The only allowed value that is spelt so or nearly so.
fn choose(choices: &[Value], value: &Value, raw: Option<&str>) -> Option<Converted> {
    if choices.contains(value) {
        return Some(Converted::as_it_is());
    }
    let text = match (value, raw) {
        (Value::Null | Value::Array(_) | Value::Object(_), _) => return None,
        (Value::String(text), _) => text.clone(),
        (_, Some(raw)) => raw.to_owned(),
        (value, None) => value.to_string(),
    };
    let text = text.trim();
    let spelt = |choice: &Value| match choice {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let only = |fits: &dyn Fn(&str) -> bool| {
        let mut fitting = choices.iter().filter(|choice| fits(&spelt(choice)));
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(Some(one.clone())),
            (Some(_), Some(_)) => Err(()),
            (None, _) => Ok(None),
        }
    };
    let folded = fold(text);
    // From the narrowest sense to the widest: several in one sense are ambiguous.
    let senses: [Sense<'_>; 4] = [
        (&|choice| choice == text, 1),
        (&|choice| choice.to_lowercase() == text.to_lowercase(), 2),
        (&|choice| !folded.is_empty() && fold(choice) == folded, 2),
        (&|choice| folded.len() >= 5 && one_apart(&fold(choice), &folded), 4),
    ];
    for (sense, cost) in senses {
        if let Some(choice) = only(sense).ok()? {
            return Some(Converted::into(choice, RepairKind::Choice, cost));
        }
    }
    None
}

/// Whether one letter more, less, other, or two changed over make the one word of the other.
fn one_apart(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let head = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let rest = |word: &[char], skip: usize| word.get(head + skip..).map(<[char]>::to_vec);
    let same = |a: usize, b: usize| matches!((rest(&one, a), rest(&other, b)), (Some(a), Some(b)) if a == b);
    let swapped = || {
        same(2, 2) && one.get(head) == other.get(head + 1) && one.get(head + 1) == other.get(head)
    };
    // A word of digits is another number, not a slip.
    let digits = |word: &[char]| word.iter().any(char::is_ascii_digit);
    !digits(&one) && !digits(&other) && (same(1, 1) || same(1, 0) || same(0, 1) || swapped())
}

/// The whole number that a number with a fraction of zero is.
fn whole(number: &Number) -> Option<Number> {
    let value = number.as_f64()?;
    // Above 2^53 a float does not know its last digit.
    let is_whole = value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0;
    if !is_whole {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
    let whole = value as i64;
    Some(Number::from(whole))
}

/// The number that a text says, with thousands separators, a sign of a currency or as a fraction.
/// Percents and commas before decimals have several meanings, so they say none.
fn number_in(text: &str, fractions: bool) -> Option<Number> {
    const CURRENCIES: [char; 4] = ['$', '€', '£', '¥'];
    let negative = text.starts_with('-');
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    let bare =
        bare.strip_prefix(CURRENCIES).or_else(|| bare.strip_suffix(CURRENCIES)).unwrap_or(bare);
    let bare = bare.trim();
    if !bare.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some((above, below)) = bare.split_once('/') {
        let digits = |text: &str| {
            let text = text.trim();
            let fine = text.len() <= 9 && !text.is_empty();
            (fine && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u32>().ok())?
        };
        let (above, below) = (digits(above)?, digits(below)?);
        if !fractions || below == 0 {
            return None;
        }
        let value = f64::from(above) / f64::from(below);
        return Number::from_f64(if negative { -value } else { value });
    }
    let (whole, rest) = bare.split_at(bare.find(['.', 'e', 'E']).unwrap_or(bare.len()));
    let mut digits = String::with_capacity(bare.len() + 1);
    if negative {
        digits.push('-');
    }
    digits.push_str(&ungrouped(whole)?);
    digits.push_str(rest);
    let number = lenient_number(&digits, true)?;
    let is_whole = number.is_i64() || number.is_u64();
    if fractions || is_whole { Some(number) } else { self::whole(&number) }
}

/// Digits without the separators between groups of three.
fn ungrouped(text: &str) -> Option<String> {
    let separator = text.chars().find(|c| !c.is_ascii_digit());
    let Some(separator) = separator else { return Some(text.to_owned()) };
    if ![',', '_', '\'', ' ', '\u{a0}', '\u{202f}', '\u{2009}'].contains(&separator) {
        return None;
    }
    let groups: Vec<&str> = text.split(separator).collect();
    let fine = groups.iter().enumerate().all(|(place, group)| {
        let long = if place == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
        long && group.bytes().all(|b| b.is_ascii_digit())
    });
    fine.then(|| groups.concat())
}

/// A number as RFC 8259 has it, read as `serde_json` reads it. Nothing where it is none, or too large.
pub(crate) fn strict_number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = (1..=18).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    if plain {
        let size = digits.bytes().fold(0_i64, |sum, b| sum * 10 + i64::from(b - b'0'));
        if digits.len() == text.len() {
            // As `serde_json` has it: what is not negative is unsigned.
            return Some(Number::from(size.unsigned_abs()));
        }
        if size != 0 {
            return Some(Number::from(-size));
        }
    }
    serde_json::from_str(text).ok()
}

/// A number as people and other languages write it. Zeros in front only where they are told to count for
/// nothing: otherwise it may be a code.
pub(crate) fn lenient_number(text: &str, zeros: bool) -> Option<Number> {
    let negative = text.starts_with('-');
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(hexadecimal) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        let fine = hexadecimal.bytes().all(|b| b.is_ascii_hexdigit());
        let value = if fine { i64::from_str_radix(hexadecimal, 16).ok()? } else { return None };
        return Some(Number::from(if negative { -value } else { value }));
    }
    let (whole, rest) = bare.split_at(bare.find(['.', 'e', 'E']).unwrap_or(bare.len()));
    let (fraction, exponent) = rest.split_at(rest.find(['e', 'E']).unwrap_or(rest.len()));
    let whole =
        ungrouped(whole).filter(|_| whole.contains('_')).unwrap_or_else(|| whole.to_owned());
    let significant = whole.trim_start_matches('0');
    if !zeros && whole.len() > 1 && significant.len() != whole.len() {
        return None;
    }
    if whole.is_empty() && fraction.len() < 2 {
        return None;
    }
    let mut plain = String::with_capacity(text.len() + 2);
    if negative {
        plain.push('-');
    }
    plain.push_str(if significant.is_empty() { "0" } else { significant });
    if fraction.len() > 1 {
        plain.push_str(fraction);
    }
    plain.push_str(exponent);
    strict_number(&plain)
}

/// What a word of another language is in JSON.
pub(crate) fn word(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        // As JavaScript writes what is no number.
        "null" | "None" | "NULL" | "Null" | "nil" | "undefined" | "NaN" | "nan" => {
            Some(Value::Null)
        }
        _ => None,
    }
}
