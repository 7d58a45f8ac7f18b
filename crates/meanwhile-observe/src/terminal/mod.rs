//! Streams and timelines, written for people.

mod printer;
mod timeline;

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

pub use printer::{AsyncStreamPrinter, StreamPrinter};
pub use timeline::Timeline;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const TOOL: Style = AnsiColor::Cyan.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default();

/// Whether to write colours to a stream: it is a terminal that shows them, and nobody has asked for
/// plain text with `NO_COLOR`, or asked for them anyway with `CLICOLOR_FORCE`.
#[must_use]
pub fn shows_colors(stream: &impl IsTerminal) -> bool {
    if anstyle_query::no_color() {
        return false;
    }
    anstyle_query::clicolor_force()
        || (stream.is_terminal()
            && anstyle_query::term_supports_ansi_color()
            && anstyle_query::clicolor().unwrap_or(true))
}

/// Adds text, styled where colours are shown.
fn paint(out: &mut String, colors: bool, style: Style, text: &str) {
    if colors && !text.is_empty() {
        out.push_str(&style.render().to_string());
        clean(out, text);
        out.push_str(&style.render_reset().to_string());
    } else {
        clean(out, text);
    }
}

/// Adds text without what would steer the terminal: a model must not move the cursor.
fn clean(out: &mut String, text: &str) {
    out.extend(text.chars().filter(|c| *c != '\r').map(|c| match c {
        '\n' | '\t' => c,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }));
}
