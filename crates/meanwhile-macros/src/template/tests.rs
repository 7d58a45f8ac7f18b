//! The grammar of templates.

use proptest::prelude::*;
use syn::LitStr;

use super::check::{Piece, Section, Template};
use super::parse::Role;
use super::source::Source;

/// The roles and literal text of a template, with `<…>` for placeholders; or its mistakes.
fn read(literal: &str) -> Vec<String> {
    let literal: LitStr = syn::parse_str(literal).unwrap();
    let (template, mistakes) = Template::of(&Source::of(&literal).dedent());
    if mistakes.is_empty() { template.sections.iter().map(show).collect() } else { mistakes }
}

fn show(section: &Section) -> String {
    match section {
        Section::Messages(path) => format!("messages {}", path.name),
        Section::Message { role, pieces } => {
            let text = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Place(place) => format!("<{}>", place.names().collect::<Vec<_>>().join(",")),
            });
            format!("{}|{}", role.word().to_lowercase(), text.collect::<String>())
        }
    }
}

fn check(literal: &str, expected: &[&str]) {
    assert_eq!(read(literal), expected, "{literal}");
}

fn check_mistake(literal: &str, expected: &str) {
    let found = read(literal);
    assert!(found.len() == 1 && found[0].contains(expected), "{literal}: {found:#?}");
}

#[test]
fn roles_begin_at_line_starts() {
    check(r#""hello""#, &["user|hello"]);
    check(r#""SYSTEM: a\nUSER: b\n  ASSISTANT:c""#, &["system|a", "user|b", "assistant|c"]);
    check(
        r#""MESSAGES: {h}\nUSER: x\nMESSAGES: {self.h}""#,
        &["messages h", "user|x", "messages self"],
    );
    check(r#""NOTE: text\nTODO: more""#, &["user|NOTE: text\nTODO: more"]);
    check(
        r#""the SUPERUSER: x, MULTI_USER: y, USER::new()""#,
        &["user|the SUPERUSER: x, MULTI_USER: y, USER::new()"],
    );
    check(r#""user: hi\nSystem: ho""#, &["user|user: hi\nSystem: ho"]);
}

#[test]
fn a_backslash_writes_the_word() {
    check(r#""\\USER: hi""#, &["user|USER: hi"]);
    check(r#""say \\USER: hi""#, &["user|say USER: hi"]);
    check(r#""\\USERS: hi""#, &["user|USERS: hi"]);
    check(r##"r"\TOOL: hi""##, &["user|TOOL: hi"]);
    check(r#""a \\ b \\n \\NOTE: c""#, &["user|a \\ b \\n \\NOTE: c"]);
}

#[test]
fn dedents_once_and_trims_section_ends() {
    check("\"SYSTEM: a\n     b\n     USER: c\n       d\n     \"", &["system|a\nb", "user|c\n  d"]);
    check("\"\n    one\n      two\n\n    three\n    \"", &["user|one\n  two\n\nthree"]);
    check(
        "\"USER:\n    Fix:\n    ```\n    fn main() {{\n        x\n    }}\n    ```\"",
        &["user|Fix:\n```\nfn main() {\n    x\n}\n```"],
    );
    // Spaces after an escaped newline were written on purpose.
    check(r#""Fix:\n    x = 1""#, &["user|Fix:\n    x = 1"]);
    check("\"a \\\n     b\"", &["user|a b"]);
    check("r\"a\n\tb\n\t\tc\"", &["user|a\nb\n\tc"]);
    check("\"a\n\tb\n  c\"", &["user|a\n\tb\n  c"]);
    check("\"  a  b  \"", &["user|  a  b"]);
    check(r#""{x}\n{y}\n""#, &["user|<x>\n<y>"]);
}

#[test]
fn reads_placeholders() {
    check(
        r#""{x} {x.a.0} {self.b:?} {p:.2} {x:>width$.prec$} {r#type}""#,
        &["user|<x> <x> <self> <p> <x,width,prec> <type>"],
    );
    check(
        r#""{xs:list}{xss:lists}{i:image}{i:image(detail=low)}{is:images}{a:audio}{d:document}{ps:parts}{:cache}{:cache(ttl=1h)}""#,
        &["user|<xs><xss><i><i><is><a><d><ps><><>"],
    );
    check(r#""{{literal}} {{{x}}}""#, &["user|{literal} {<x>}"]);
    check(r#""{x:*^+#012.3e} {x:}""#, &["user|<x> <x>"]);
}

#[test]
fn says_what_to_write() {
    check_mistake(r#""a } b""#, "unmatched `}` after `a`; write `}}`");
    check_mistake(r#""a {b""#, "unclosed `{` at `{b`");
    check_mistake(r#""a {b\n}""#, "unclosed `{` at `{b`");
    check_mistake(r#""{\"a\": 1}""#, "is not a placeholder; write `{{` and `}}`");
    check_mistake(r#""{\"a\": {\"b\": 1}}""#, "unclosed `{` at `{\"a\": {");
    check_mistake(r#""{}""#, "`{}` has no name");
    check_mistake(r#""{:?}""#, "`{:?}` has no name");
    check_mistake(r#""{0}""#, "no positional arguments");
    check_mistake(r#""{d[k]}""#, "cannot index");
    check_mistake(r#""{d.len()}""#, "not an expression");
    check_mistake(r#""{x:lst}""#, "did you mean `:list`?");
    check_mistake(r#""{x:1$}""#, "neither a format spec nor a part spec");
    check_mistake(r#""{x:.*}""#, "neither a format spec nor a part spec");
    check_mistake(r#""{x:cache}""#, "write `{:cache}`");
    check_mistake(r#""{x:list(a=b)}""#, "takes no options");
    check_mistake(r#""{x:image(size=b)}""#, "the only option is `detail`");
    check_mistake(
        r#""Tell the USER: hi""#,
        "`USER:` after `Tell the` is not at the start of a line",
    );
    check_mistake(r#""SYSTEM: a USER: b""#, "not at the start of a line");
    check_mistake(r#""USERS: hi""#, "unknown role `USERS:`; did you mean `USER:`?");
    check_mistake(r#""TOOL: hi""#, "did you mean `MESSAGES:`?");
    check_mistake(r#""hi\nUSER: x""#, "text before the first role");
    check_mistake(r#""SYSTEM:\nUSER: x""#, "the `SYSTEM:` section is empty");
    check_mistake(r#""""#, "the prompt is empty");
    check_mistake(r#""MESSAGES: {a} {b}""#, "takes one placeholder");
    check_mistake(r#""MESSAGES: {a:list}""#, "takes one placeholder");
    check_mistake(r#""MESSAGES: a""#, "takes one placeholder");
    check_mistake(r#""MESSAGES:""#, "takes one placeholder");
}

#[test]
fn reads_every_escape() {
    let literal = r#""\x41\u{1F600}\t\'\"\\\0 é""#;
    let literal: LitStr = syn::parse_str(literal).unwrap();
    assert_eq!(Source::of(&literal).dedent(), literal.value());
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = Template::of(&Source::plain(text).dedent());
    }

    #[test]
    fn never_panics_on_syntax(text in r"([ \t\n\\{}:.()$#=?a-c0-2]|SYSTEM|USER|USR|MESSAGES|list|image|cache){0,40}") {
        let _ = Template::of(&Source::plain(text.clone()).dedent());
        let literal = LitStr::new(&text, proc_macro2::Span::call_site());
        let _ = Template::of(&Source::of(&literal).dedent());
    }

    #[test]
    fn text_comes_through(text in r"[^{}\\A-Z\s][^{}\\A-Z]{0,80}") {
        // The first line is not blank, so only the end is trimmed, and escaped lines stay.
        let literal = LitStr::new(&text, proc_macro2::Span::call_site());
        let (template, mistakes) = Template::of(&Source::of(&literal).dedent());
        prop_assert_eq!(mistakes, Vec::<String>::new());
        let expected = Section::Message {
            role: Role::User,
            pieces: vec![Piece::Text(Source::of(&literal).dedent().trim_end().to_owned())],
        };
        prop_assert_eq!(template.sections, vec![expected]);
    }

    #[test]
    fn dedent_removes_exactly_the_common_indentation(
        lines in prop::collection::vec("[a-z][a-z ]{0,8}", 1..6),
        indents in prop::collection::vec(0_usize..6, 6),
        common in 0_usize..6,
    ) {
        let mut written = String::from("first");
        let mut expected = String::from("first");
        let least = indents.iter().take(lines.len()).min().copied().unwrap_or(0);
        for (line, indent) in lines.iter().zip(&indents) {
            written.push_str(&format!("\n{}{line}", " ".repeat(common + indent)));
            expected.push_str(&format!("\n{}{line}", " ".repeat(indent - least)));
        }
        prop_assert_eq!(Source::plain(written).dedent(), expected);
    }
}
