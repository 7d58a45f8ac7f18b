//! [`pages`], the manual pages of system calls and the C library as a [`Collection`].

use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use flate2::read::GzDecoder;
use meanwhile_rag::Document;

use crate::data::{Collection, Question, fetch};

/// How many pages are asked for.
const QUESTIONS: usize = 500;

/// Sections 2 and 3 of the manual, without their NAME sections. A question is the text of such a section,
/// as in "open, openat, creat - open and possibly create a file"; the answer is the page it is from.
pub(crate) fn pages(folder: &Path) -> Result<Collection> {
    let package = fetch(folder, "deb", Command::new("apt-get").args(["download", "manpages-dev"]))?;
    let unpacked = folder.join("manpages-dev");
    if !unpacked.is_dir() {
        let status = Command::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked).status()?;
        ensure!(status.success(), "dpkg-deb cannot unpack {}", package.display());
    }
    let (mut documents, mut questions) = (Vec::new(), Vec::new());
    for section in ["man2", "man3"] {
        let section = unpacked.join("usr/share/man").join(section);
        let mut files: Vec<_> = std::fs::read_dir(section)?.collect::<Result<_, _>>()?;
        files.sort_by_key(std::fs::DirEntry::file_name);
        for file in
            files.into_iter().filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()))
        {
            let mut source = Vec::new();
            GzDecoder::new(std::fs::File::open(file.path())?).read_to_end(&mut source)?;
            let source = String::from_utf8_lossy(&source);
            let Some((name, text)) = page(&source) else { continue };
            let id = file.file_name().to_string_lossy().trim_end_matches(".gz").to_owned();
            questions.push(Question { text: name, answers: vec![id.clone()] });
            documents.push(Document::new(id, text));
        }
    }
    // Every so many, from all of the alphabet.
    let step = questions.len().div_ceil(QUESTIONS).max(1);
    let mut of_step: Vec<Question> = Vec::new();
    let mut rest = Vec::new();
    for (at, question) in questions.into_iter().enumerate() {
        if at % step == 0 { of_step.push(question) } else { rest.push(question) }
    }
    of_step.extend(rest);
    of_step.truncate(QUESTIONS);
    Ok(Collection { name: "manual pages, sections 2 and 3", documents, questions: of_step })
}

/// The text of the NAME section of a page and the rest of the page; `None` for a page that only points to
/// another one.
fn page(source: &str) -> Option<(String, String)> {
    let (mut name, mut text, mut in_name) = (String::new(), String::new(), false);
    for line in source.lines() {
        let Some(request) = line.strip_prefix('.') else {
            let out = if in_name { &mut name } else { &mut text };
            out.push_str(&plain(line));
            out.push('\n');
            continue;
        };
        let (request, arguments) = request.trim_start().split_once(' ').unwrap_or((request, ""));
        let arguments = plain(arguments).replace('"', "");
        match request {
            "so" => return None,
            "SH" => {
                in_name = arguments.trim() == "NAME";
                if !in_name {
                    text.push_str(&format!("\n## {}\n\n", arguments.trim()));
                }
            }
            "SS" => text.push_str(&format!("\n### {}\n\n", arguments.trim())),
            "PP" | "P" | "LP" | "TP" | "IP" | "HP" => {
                text.push('\n');
                text.push_str(&arguments);
                text.push('\n');
            }
            "B" | "I" | "BR" | "BI" | "IR" | "IB" | "RB" | "RI" | "SM" | "SB" => {
                let out = if in_name { &mut name } else { &mut text };
                // Words of different fonts stand together without a space.
                let glued = request.len() == 2 && request != "SM" && request != "SB";
                out.push_str(&if glued { arguments.replace(' ', "") } else { arguments });
                out.push('\n');
            }
            _ => {}
        }
    }
    let name = name.replace('\n', " ").trim().to_owned();
    (!name.is_empty()).then_some((name, text))
}

/// A line without what sets its type.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = escape.chars();
        match chars.next() {
            Some('f' | '*') => match chars.next() {
                Some('(') => drop((chars.next(), chars.next())),
                Some('[') => while !matches!(chars.next(), Some(']') | None) {},
                _ => {}
            },
            Some('(') => match (chars.next(), chars.next()) {
                (Some('a'), Some('q')) => text.push('\''),
                (Some('d'), Some('q')) => text.push('"'),
                (Some('e'), Some('n' | 'm')) => text.push('-'),
                _ => {}
            },
            Some('[') => while !matches!(chars.next(), Some(']') | None) {},
            Some('-') => text.push('-'),
            Some('e') => text.push('\\'),
            Some('~' | ' ' | '0') => text.push(' '),
            // The rest of the line is a comment.
            Some('"') | None => return text,
            Some(_) => {}
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
}
