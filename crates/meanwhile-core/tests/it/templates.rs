//! What templates are filled with.

use meanwhile_core::template::Template;
use meanwhile_core::{Image, Message, Part, Prompt, Role};

#[test]
fn text_runs_together_and_parts_split_it() {
    let mut template = Template::new();
    template.section(Role::System).text("Be ").format(format_args!("{}", "kind"));
    template
        .section(Role::User)
        .text("See ")
        .image("https://a.example/i.png")
        .text("!")
        .cache_mark();
    let prompt = template.finish();
    assert_eq!(prompt.messages[0], Message::system("Be kind"));
    let kinds: Vec<&str> = prompt.messages[1].parts.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["text", "image", "text", "cache mark"]);
}

#[test]
fn lists_join() {
    let mut template = Template::new();
    template.list(&["a", "b"]).text("|").lists(&vec![vec![1, 2], vec![3]]);
    assert_eq!(template.finish().messages[0].text(), "a\nb|1\n2\n\n3");
}

#[test]
fn empty_media_is_left_out() {
    let mut template = Template::new();
    template.section(Role::User).text("x").image(&None::<Image>).image("");
    assert_eq!(template.finish().messages[0].parts.len(), 1);
}

#[test]
fn history_is_taken_whole() {
    let history = vec![Message::user("q"), Message::assistant("a")];
    let mut template = Template::new();
    template.section(Role::System).text("s");
    template.messages(&history).messages(&Message::user("next"));
    let roles: Vec<Role> = template.finish().messages.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
}

#[test]
fn every_way_to_write_a_prompt_gives_the_same_messages() {
    let expected = vec![Message::user("hi")];
    let mut template = Template::new();
    template.text("hi");
    for prompt in [
        Prompt::from("hi"),
        Prompt::from("hi".to_owned()),
        Prompt::from(Part::text("hi")),
        Prompt::from(Message::user("hi")),
        Prompt::from([Message::user("hi")]),
        Prompt::from(expected.as_slice()),
        Prompt::new().user("hi"),
        template.finish(),
    ] {
        assert_eq!(prompt.messages, expected);
    }
}

#[test]
fn media_types_are_read_off_the_bytes() {
    let check = |bytes: &[u8], expected: Option<&str>| {
        assert_eq!(Image::from(bytes.to_vec()).media_type.as_deref(), expected);
    };
    check(b"\x89PNG\r\n\x1a\n....", Some("image/png"));
    check(b"RIFF\0\0\0\0WEBP", Some("image/webp"));
    check(b"RIFF", None);
    check(b"", None);
}
