//! [`plots`]: the plots of the performance page, drawn from its tables, so that both say the same.

use std::fs;

use anyhow::{Context, Result, bail};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::run::root;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Writes nothing, and fails where something would be written
    #[arg(long)]
    check: bool,
}

/// A column of a table, as bars.
struct Plot {
    /// The file under `docs/plots`.
    file: &'static str,
    title: &'static str,
    /// How the line begins that names the columns.
    head: &'static str,
    /// Which column has the numbers; the first one has the names.
    column: usize,
    /// Whether ten times as much is as far from one as a hundred times from ten.
    logarithmic: bool,
}

const PAGE: &str = "docs/performance.md";

const PLOTS: [Plot; 4] = [
    Plot {
        file: "plain-call.svg",
        title: "Thousands of instructions for a plain call",
        head: "| client | instructions per plain call |",
        column: 1,
        logarithmic: false,
    },
    Plot {
        file: "chunk.svg",
        title: "Thousands of instructions for a streamed chunk",
        head: "| client | instructions per plain call |",
        column: 2,
        logarithmic: false,
    },
    Plot {
        file: "processor-time.svg",
        title: "Processor time of a plain call, in multiples of the least possible (each step ten times)",
        head: "| client | per plain call |",
        column: 1,
        logarithmic: true,
    },
    Plot {
        file: "memory.svg",
        title: "KB for each of 10,000 open streams",
        head: "| client | KB per stream |",
        column: 1,
        logarithmic: false,
    },
];

/// Draws the plots anew, or says which are not as they would be drawn.
pub(crate) fn plots(arguments: &Arguments) -> Result<()> {
    let page = root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {PAGE}"))?;
    let folder = root().join("docs/plots");
    let mut stale = Vec::new();
    for plot in &PLOTS {
        let bars = bars(&text, plot).with_context(|| format!("{PAGE}, for {}", plot.file))?;
        let new = draw(plot, &bars)?;
        let file = folder.join(plot.file);
        if fs::read_to_string(&file).is_ok_and(|old| old == new) {
            continue;
        }
        if !arguments.check {
            fs::create_dir_all(&folder)?;
            fs::write(&file, new)?;
        }
        stale.push(plot.file);
    }
    if arguments.check && !stale.is_empty() {
        bail!("run `cargo xtask plots`; not as the tables of {PAGE} have it: {stale:?}");
    }
    Ok(())
}

/// The rows of a table: a name, a number, and the number as it is written.
fn bars(page: &str, plot: &Plot) -> Result<Vec<(String, f64, String)>> {
    let mut lines = page.lines().skip_while(|line| !line.starts_with(plot.head));
    lines.next().with_context(|| format!("there is no table `{}`", plot.head))?;
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (name, cell) = match (cells.first(), cells.get(plot.column)) {
            (Some(name), Some(cell)) => (name.replace('`', ""), *cell),
            _ => bail!("the row `{line}` has no column {}", plot.column),
        };
        let written = cell.split(" (").next().unwrap_or(cell).trim();
        let number = written.trim_end_matches(['k', 'x', ' ']).replace(',', "");
        let number: f64 = number.parse().with_context(|| format!("`{cell}` is no number"))?;
        Ok((name, number, written.to_owned()))
    })
    .collect()
}

/// Pixels: of the whole, of the names, of the numbers behind the bars, of a row, of the title.
const WIDTH: u32 = 760;
const NAMES: i32 = 190;
const NUMBERS: i32 = 90;
const ROW: i32 = 28;
const TITLE: i32 = 44;

const OURS: RGBColor = RGBColor(38, 110, 180);
const OTHERS: RGBColor = RGBColor(165, 172, 180);
const INK: RGBColor = RGBColor(40, 44, 52);

fn draw(plot: &Plot, bars: &[(String, f64, String)]) -> Result<String> {
    let scale = |number: f64| if plot.logarithmic { number.max(1.0).log10() + 0.1 } else { number };
    let most = bars.iter().map(|(_, number, _)| scale(*number)).fold(f64::MIN_POSITIVE, f64::max);
    let room = f64::from(i32::try_from(WIDTH)? - NAMES - NUMBERS);
    let rows = i32::try_from(bars.len())?;
    let mut svg = String::new();
    {
        let height = u32::try_from(TITLE + rows * ROW + 12)?;
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
        area.draw(&Text::new(plot.title, (12, 14), text(17)))?;
        for (row, (name, number, written)) in (0..).zip(bars) {
            let top = TITLE + row * ROW;
            let middle = top + ROW / 2 - 2;
            #[allow(clippy::cast_possible_truncation, reason = "pixels within the picture")]
            let end = NAMES + (scale(*number) / most * room).round() as i32;
            let colour = if name.starts_with("meanwhile") { OURS } else { OTHERS };
            let bar = [(NAMES, top + 2), (end, top + ROW - 6)];
            area.draw(&Rectangle::new(bar, colour.filled()))?;
            let names = text(14).pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(name.as_str(), (NAMES - 8, middle), names))?;
            let numbers = text(14).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(written.as_str(), (end + 8, middle), numbers))?;
        }
        area.present()?;
    }
    Ok(svg)
}
