//! What a body may be, and what becomes of it.

use meanwhile::prelude::*;

use crate::support::{messages, run, show};

mod styles {
    use super::*;

    #[call("a/b")]
    pub(super) async fn template(genre: &str) -> Result<Response> {
        "SYSTEM: You are a librarian.
         USER: Recommend a {genre} book."
    }

    #[call("a/b")]
    pub(super) async fn macro_template(genre: &str) -> Result<Response> {
        prompt!(
            "SYSTEM: You are a librarian.
             USER: Recommend a {genre} book."
        )
    }

    #[call("a/b")]
    pub(super) async fn builder(genre: &str) -> Result<Response> {
        Prompt::new().system("You are a librarian.").user(format!("Recommend a {genre} book."))
    }

    #[call("a/b")]
    pub(super) async fn list(genre: &str) -> Result<Response> {
        [
            Message::system("You are a librarian."),
            Message::user(format!("Recommend a {genre} book.")),
        ]
    }

    #[call("a/b")]
    pub(super) async fn values(genre: &str) -> Result<Response> {
        let text = Part::text(format!("Recommend a {genre} book."));
        vec![Message::system("You are a librarian."), Message::new(Role::User, text)]
    }

    #[call("a/b")]
    pub(super) async fn fallible(genre: &str) -> Result<Response> {
        fn build(genre: &str) -> std::result::Result<Prompt, std::io::Error> {
            Ok(template_prompt(genre))
        }
        build(genre)
    }

    #[call("a/b")]
    pub(super) async fn awaiting(genre: &str) -> Result<Response> {
        let prompt = async { template_prompt(genre) }.await;
        prompt
    }

    fn template_prompt(genre: &str) -> Prompt {
        prompt!("SYSTEM: You are a librarian.\nUSER: Recommend a {genre} book.")
    }
}

#[test]
fn every_style_sends_the_same_messages() {
    let all = [
        styles::template("noir"),
        styles::macro_template("noir"),
        styles::builder("noir"),
        styles::list("noir"),
        styles::values("noir"),
        styles::fallible("noir"),
        styles::awaiting("noir"),
    ];
    let all = all.map(|call| run(call.messages()).unwrap());
    assert_eq!(
        all[0].iter().map(show).collect::<Vec<_>>(),
        ["system: You are a librarian.", "user: Recommend a noir book.",]
    );
    for other in &all {
        assert_eq!(*other, all[0]);
    }
}

#[call("a/b")]
async fn branches(kind: u8, who: Option<&str>) -> Result<String> {
    let spelled = kind.to_string();
    if kind == 9 {
        return "nine is {spelled}";
    }
    for round in 0..kind {
        if round == 7 {
            return Ok("round {round}");
        }
    }
    match (kind, who) {
        (0, Some(name)) => "hello {name}",
        (1, _) => {
            let doubled = kind * 2;
            "doubled: {doubled}"
        }
        (2, _) => Ok("ok"),
        (3, _) => Err("three is wrong"),
        (4, _) => Err("four is wrong"),
        (5, _) => return Message::user("five"),
        (6, None) => {
            if spelled == "6" {
                "six {{{spelled}}}"
            } else {
                unreachable!()
            }
        }
        (7, _) => unreachable!(),
        _ => loop {
            return vec![Message::assistant("looped")];
        },
    }
}

#[test]
fn literals_are_templates_wherever_a_body_ends() {
    for (kind, who, expected) in [
        (0, Some("Ada"), "user: hello Ada"),
        (1, None, "user: doubled: 2"),
        (2, None, "user: ok"),
        (5, None, "user: five"),
        (6, None, "user: six {6}"),
        (7, Some("x"), "assistant: looped"),
        (8, None, "user: round 7"),
        (9, None, "user: nine is 9"),
        (0, None, "assistant: looped"),
    ] {
        if kind == 7 {
            continue;
        }
        assert_eq!(messages(branches(kind, who)), [expected], "{kind}");
    }
    for (kind, expected) in [(3, "three is wrong"), (4, "four is wrong")] {
        let error = run(branches(kind, None).into_future()).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Prompt, expected));
        assert_eq!(error.operation(), Some("branches"));
    }
}

#[call("a/b")]
async fn reads_file(path: &str) -> Result<String> {
    let text = std::fs::read_to_string(path)?;
    "Summarise: {text}"
}

#[call("a/b")]
async fn fails_anyhow(path: &str) -> Result<String> {
    let text = read_anyhow(path)?;
    "Summarise: {text}"
}

#[call("a/b")]
async fn fails_later(path: &str) -> Result<String> {
    let text = async { read_anyhow(path) }.await?;
    if text.is_empty() {
        return Err("empty");
    }
    "Summarise: {text}"
}

#[call("a/b")]
async fn fails_ours(name: &str) -> Result<String> {
    let model = meanwhile::Registry::new().model(name)?;
    prompt!("x").model(model)
}

fn read_anyhow(path: &str) -> anyhow::Result<String> {
    use anyhow::Context as _;
    std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

#[test]
fn any_error_may_end_a_body() {
    use std::error::Error as _;

    let error = run(reads_file("/no/such/file").into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
    assert!(error.source().unwrap().is::<std::io::Error>());

    for call in [fails_anyhow("/no/such/file"), fails_later("/no/such/file")] {
        let error = run(call.into_future()).unwrap_err();
        assert_eq!(error.message(), "cannot read /no/such/file");
    }

    let error = run(fails_ours("acme/x").into_future()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownProvider);
}

struct Shelf<'a, T> {
    name: &'a str,
    books: Vec<T>,
}

impl<T: std::fmt::Display + Sync> Shelf<'_, T> {
    #[call("a/b")]
    async fn describe(&self, tone: &str) -> Result<String> {
        "Describe {self.name} ({tone}):\n{self.books:list}"
    }

    #[call("a/b")]
    async fn describe_later(&self, tone: &str) -> Result<String> {
        let tone = async { tone.to_uppercase() }.await;
        "Describe {self.name} ({tone}):\n{self.books:list}"
    }
}

#[test]
fn methods_borrow_self() {
    let shelf = Shelf { name: "poems", books: vec![1, 2] };
    assert_eq!(messages(shelf.describe("dry")), ["user: Describe poems (dry):\n1\n2"]);
    assert_eq!(messages(shelf.describe_later("dry")), ["user: Describe poems (DRY):\n1\n2"]);
}

#[call("a/b")]
async fn generic<'x, T: std::fmt::Display, const N: usize>(
    /// Doc comments on parameters are allowed.
    first: &'x T,
    (left, right): (u8, impl Into<String>),
    many: [T; N],
) -> Result<Vec<u8>>
where
    T: Clone,
{
    let right: String = right.into();
    "{first} {left} {right} {many:list}"
}

#[call("a/b")]
async fn generic_later<'x, T>(
    first: &'x T,
    text: impl Into<String> + Send,
    callback: &(dyn Fn(&str) -> String + Sync),
    cow: std::borrow::Cow<'_, str>,
    mut owned: String,
) -> Result<Vec<u8>>
where
    T: std::fmt::Display + Sync,
{
    let text = text.into();
    let text = callback(&text);
    async {}.await;
    owned.push('!');
    "{first} {text} {cow} {owned}"
}

#[test]
fn generics_and_lifetimes_are_kept() {
    let call = generic(&1_u8, (2, "three"), [4]);
    assert_eq!(messages(call), ["user: 1 2 three 4"]);
    let name = String::from("five");
    let call = generic_later(&1, "a", &|text| text.repeat(2), name.as_str().into(), "b".into());
    assert_eq!(messages(call), ["user: 1 aa five b!"]);
}

trait Greets {
    fn name(&self) -> String;

    #[call("a/b")]
    async fn greet(&self) -> Result<String> {
        let name = self.name();
        "Greet {name}"
    }
}

impl Greets for u8 {
    fn name(&self) -> String {
        format!("number {self}")
    }
}

#[test]
fn traits_may_have_them() {
    assert_eq!(messages(7_u8.greet()), ["user: Greet number 7"]);
}
