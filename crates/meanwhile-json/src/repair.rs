//! [`Repair`]: one thing that was mended, and where.

use std::fmt;

/// One thing that was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// What was mended.
    pub kind: RepairKind,
    /// Where in the whole text, in bytes. For the type of a value it is where the value ends, or where the
    /// list or object begins that was made to fit.
    pub offset: usize,
    /// Which value, as a JSON pointer. The root is the empty text.
    pub path: String,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, " ({})", self.path) }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// What was mended. `Display` says it in a few words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RepairKind {
            $($(#[$doc])* $name,)*
        }

        impl fmt::Display for RepairKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

kinds! {
    /// The value was in a code fence.
    Fence => "took the value out of a code fence",
    /// Text before or after the value was skipped.
    Prose => "skipped text around the value",
    /// The thoughts of a model, in a tag, were skipped.
    Thinking => "skipped the thoughts before the value",
    /// A comma had nothing after it, or there was one too many.
    ExtraComma => "skipped a comma too many",
    /// Two values had no comma between them.
    MissingComma => "added a missing comma",
    /// A key had no colon after it.
    MissingColon => "added a missing colon",
    /// Something else stood for a comma or a colon.
    Separator => "read another sign as a comma or colon",
    /// A key had no quotes.
    UnquotedKey => "quoted a key",
    /// A text had no quotes.
    UnquotedText => "quoted a text",
    /// A text had other quotes than `"`.
    Quotes => "replaced other quotes",
    /// A text held its own quote without a backslash.
    InnerQuote => "kept a quote inside a text",
    /// A text held a line break or another control character.
    ControlCharacter => "kept a control character inside a text",
    /// A backslash stood before a character that needs none, or a code was not a character.
    Escape => "mended an escape",
    /// Texts were joined with `+`.
    Joined => "joined texts",
    /// A value was a word of another language, such as `None`.
    Word => "read a word of another language",
    /// A number was written as JSON does not allow, such as `.5`.
    Number => "rewrote a number",
    /// A comment was skipped.
    Comment => "skipped a comment",
    /// An ellipsis stood for more.
    Ellipsis => "skipped an ellipsis",
    /// A bracket was missing.
    MissingBracket => "added a missing bracket",
    /// There was a bracket too many.
    ExtraBracket => "skipped a bracket too many",
    /// The text ended within the value, which was closed.
    CutOff => "closed what was cut off",
    /// White space that JSON does not know.
    WhiteSpace => "skipped unusual white space",
    /// A key came twice: the last one counts.
    DuplicateKey => "took the last of two equal keys",
    /// Several values came after each other: they became a list, or were equal.
    SeveralValues => "took several values",
    /// A text became the number, the word or the value that the schema asks for.
    FromText => "read a value out of a text",
    /// A value became the text that the schema asks for.
    ToText => "wrote a value as a text",
    /// A whole number was written with a fraction of zero.
    WholeNumber => "wrote a number as a whole one",
    /// A value became one of the allowed ones that is spelt nearly so.
    Choice => "took the allowed value that is nearly so",
    /// A key became the property that is spelt nearly so.
    Key => "took the property that is nearly so",
    /// A single value became a list of one.
    ToList => "made a list of one value",
    /// A list of one became its value, or a wrapping object what was in it.
    Unwrapped => "took a value out of what was around it",
    /// A value was put into the only property of an object.
    Wrapped => "put a value into its object",
    /// A property that is absent became null, or one that is null became absent.
    Absent => "took null for absent",
    /// A property that the schema does not allow was left out.
    ExtraProperty => "left out a property that is not allowed",
}
