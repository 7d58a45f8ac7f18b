//! [`Names`]: names of tools that every provider accepts, each used once.

use std::collections::HashSet;

/// The longest name that all large providers accept.
const LONGEST: usize = 64;

/// Gives out names; the same tools in the same order get the same names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Makes an acceptable name of a server's own one: letters, digits, `_` and `-`, not begun by a
    /// digit or `-`, of 64 characters at most. What had to be cut gets a mark of the whole name, and a
    /// name that is taken already gets a number.
    pub(crate) fn give(&mut self, prefix: Option<&str>, name: &str) -> String {
        let whole = match prefix {
            Some(prefix) => format!("{prefix}_{name}"),
            None => name.to_owned(),
        };
        let mut accepted: String = whole.chars().map(accepted_char).collect();
        if !accepted.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            accepted.insert(0, '_');
        }
        if accepted.len() > LONGEST {
            let mark = format!("_{:08x}", hash(&whole));
            accepted.truncate(LONGEST - mark.len());
            accepted.push_str(&mark);
        }
        let mut free = accepted.clone();
        let mut number = 2_u32;
        while self.taken.contains(&free) {
            let mark = format!("_{number}");
            free = accepted.clone();
            free.truncate(LONGEST - mark.len());
            free.push_str(&mark);
            number += 1;
        }
        self.taken.insert(free.clone());
        free
    }
}

fn accepted_char(char: char) -> char {
    if char.is_ascii_alphanumeric() || char == '-' { char } else { '_' }
}

/// FNV-1a: the mark must be the same in every build and process.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
