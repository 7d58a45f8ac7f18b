//! [`Place`]: what stands between braces.

use crate::common::did_you_mean;

/// A placeholder: a value as text, a value as parts, or a cache mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `{name}`, `{name.field:spec}`: a value as text.
    Value(Value),
    /// `{name:list}`, `{name:image(detail=low)}`: a value by a part spec.
    Part { spec: PartSpec, path: Path, detail: Option<String> },
    /// `{:cache}`.
    Cache { ttl: Option<String> },
}

/// A value with its format spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) path: Path,
    /// What stands after the colon, in the language of `format!`.
    pub(crate) spec: String,
    /// The names that the spec takes width and precision from.
    pub(crate) arguments: Vec<String>,
    /// Whether the spec asks for `Display`.
    pub(crate) is_display: bool,
}

/// A name and the fields after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) name: String,
    pub(crate) fields: Vec<String>,
}

/// How a value becomes parts, or text made of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartSpec {
    List,
    Lists,
    Image,
    Images,
    Audio,
    Document,
    Parts,
}

const PART_SPECS: [(&str, PartSpec); 7] = [
    ("list", PartSpec::List),
    ("lists", PartSpec::Lists),
    ("image", PartSpec::Image),
    ("images", PartSpec::Images),
    ("audio", PartSpec::Audio),
    ("document", PartSpec::Document),
    ("parts", PartSpec::Parts),
];

const ALL_PARTS: &str =
    "`:list`, `:lists`, `:image`, `:images`, `:audio`, `:document`, `:parts`, `{:cache}`";

impl Place {
    /// Reads what stands between braces.
    pub(crate) fn parse(inside: &str) -> Result<Self, String> {
        let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
        let name = name.trim();
        if let Some(place) = special(name, spec.trim(), inside) {
            return place;
        }
        let path = Path::parse(name, inside)?;
        let (word, option) = split_option(spec.trim());
        if let Some((_, part)) = PART_SPECS.iter().find(|(known, _)| *known == word) {
            let detail = match (part, option) {
                (_, None) => None,
                (PartSpec::Image | PartSpec::Images, Some(option)) => {
                    Some(read_option(option, "detail", inside)?)
                }
                (_, Some(_)) => {
                    return Err(format!("`:{word}` in `{{{inside}}}` takes no options"));
                }
            };
            return Ok(Self::Part { spec: *part, path, detail });
        }
        let spec = spec.trim_end();
        match format_spec(spec) {
            Some((is_display, arguments)) => {
                Ok(Self::Value(Value { path, spec: spec.to_owned(), arguments, is_display }))
            }
            None => Err(unknown_spec(word, spec, inside)),
        }
    }

    /// The names of the values it takes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let (path, arguments) = match self {
            Self::Value(value) => (Some(&value.path), value.arguments.as_slice()),
            Self::Part { path, .. } => (Some(path), [].as_slice()),
            Self::Cache { .. } => (None, [].as_slice()),
        };
        path.map(|path| path.name.as_str()).into_iter().chain(arguments.iter().map(String::as_str))
    }
}

/// Placeholders without a name: the cache mark, and mistakes.
fn special(name: &str, spec: &str, inside: &str) -> Option<Result<Place, String>> {
    let (word, option) = split_option(spec);
    if word == "cache" {
        if !name.is_empty() {
            return Some(Err(format!(
                "`{{{inside}}}`: a cache mark carries no value; write `{{:cache}}` where the cached part ends"
            )));
        }
        let ttl = option.map(|option| read_option(option, "ttl", inside)).transpose();
        return Some(ttl.map(|ttl| Place::Cache { ttl }));
    }
    if name.is_empty() {
        return Some(Err(format!(
            "`{{{inside}}}` has no name; write the name of a parameter or local, as in `{{genre}}`, or `{{{{` and `}}}}` for literal braces"
        )));
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Err(format!(
            "`{{{inside}}}`: a template has no positional arguments; write the name of a parameter or local, as in `{{genre}}`"
        )));
    }
    None
}

impl Path {
    fn parse(name: &str, inside: &str) -> Result<Self, String> {
        let mut fields = name.split('.').map(str::trim);
        let first = fields.next().unwrap_or_default();
        let fields: Vec<String> = fields.map(str::to_owned).collect();
        let is_index = |field: &String| field.bytes().all(|byte| byte.is_ascii_digit());
        let good = |field: &String| !field.is_empty() && (is_name(field) || is_index(field));
        if is_name(first) && fields.iter().all(good) {
            let first = first.strip_prefix("r#").unwrap_or(first);
            return Ok(Self { name: first.to_owned(), fields });
        }
        let starts_like_name =
            first.starts_with(|letter: char| letter.is_alphabetic() || letter == '_');
        Err(if starts_like_name && name.contains('[') {
            format!(
                "`{{{inside}}}`: a placeholder cannot index; bind the item first, `let item = &…;`, and write `{{item}}`"
            )
        } else if starts_like_name {
            format!(
                "`{{{inside}}}`: a placeholder is a name and its fields, not an expression; bind it first, `let value = …;`, and write `{{value}}`"
            )
        } else {
            format!(
                "`{{{inside}}}` is not a placeholder; write `{{{{` and `}}}}` for literal braces"
            )
        })
    }
}

/// Whether the text is an identifier, raw or not.
fn is_name(text: &str) -> bool {
    let text = text.strip_prefix("r#").unwrap_or(text);
    let mut letters = text.chars();
    let first = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    first && letters.all(|letter| letter.is_alphanumeric() || letter == '_') && text != "_"
}

/// `image(detail=low)` → `image`, `detail=low`.
fn split_option(spec: &str) -> (&str, Option<&str>) {
    match spec.strip_suffix(')').and_then(|spec| spec.split_once('(')) {
        Some((word, option)) => (word.trim(), Some(option.trim())),
        None => (spec, None),
    }
}

fn read_option(option: &str, key: &str, inside: &str) -> Result<String, String> {
    let value = option.split_once('=').filter(|(name, _)| name.trim() == key);
    match value.map(|(_, value)| value.trim().trim_matches('"')) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(format!("`{{{inside}}}`: the only option is `{key}`, as in `({key}=…)`")),
    }
}

fn unknown_spec(word: &str, spec: &str, inside: &str) -> String {
    let words = PART_SPECS.iter().map(|(word, _)| *word).chain(["cache"]);
    let suggestion = did_you_mean(word, words, (":", ""));
    format!(
        "`:{spec}` in `{{{inside}}}` is neither a format spec nor a part spec{suggestion} (part specs: {ALL_PARTS})"
    )
}

/// Reads a format spec: whether it asks for `Display`, and the names it takes numbers from.
fn format_spec(spec: &str) -> Option<(bool, Vec<String>)> {
    let is_alignment = |letter: char| matches!(letter, '<' | '^' | '>');
    let mut rest = spec;
    let mut letters = rest.chars();
    match (letters.next(), letters.next()) {
        (Some(_), Some(second)) if is_alignment(second) => rest = letters.as_str(),
        (Some(first), _) if is_alignment(first) => rest = rest.get(1..)?,
        _ => {}
    }
    rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    rest = rest.strip_prefix('#').unwrap_or(rest);
    rest = rest.strip_prefix('0').unwrap_or(rest);
    let mut arguments = Vec::new();
    rest = count(rest, &mut arguments)?;
    if let Some(precision) = rest.strip_prefix('.') {
        rest = count(precision, &mut arguments)?;
        if rest.len() == precision.len() {
            return None;
        }
    }
    let known = ["", "?", "x?", "X?", "x", "X", "o", "b", "e", "E", "p"];
    known.contains(&rest).then_some((rest.is_empty(), arguments))
}

/// Reads a width or precision, if there is one: a number, or a name with `$`.
fn count<'a>(rest: &'a str, arguments: &mut Vec<String>) -> Option<&'a str> {
    let after_digits = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    if after_digits.len() < rest.len() {
        // `1$` is positional.
        return (!after_digits.starts_with('$')).then_some(after_digits);
    }
    match rest.split_once('$') {
        Some((name, after)) if is_name(name) => {
            arguments.push(name.strip_prefix("r#").unwrap_or(name).to_owned());
            Some(after)
        }
        _ => Some(rest),
    }
}

/// The names in the placeholders of any text, for macros that capture, such as `format!`.
pub(crate) fn names_in(text: &str) -> Vec<String> {
    let opened = text.split('{').skip(1);
    let places = opened.filter_map(|rest| rest.split_once('}')).map(|(inside, _)| inside);
    let read = places.filter_map(|inside| Place::parse(inside).ok());
    read.flat_map(|place| place.names().map(str::to_owned).collect::<Vec<_>>()).collect()
}
