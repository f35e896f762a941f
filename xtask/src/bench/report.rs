//! What was measured, as text for a terminal and for `docs/benchmarks.md`.

use super::sides::{Boot, Event, Side};
use super::statistics::{Summary, ratio};
use anyhow::{Context, Result};
use std::fmt::{self, Display, Write};
use std::time::Duration;

/// A machine that boots may take so many times what the plain page takes.
pub const TARGET: f64 = 1.15;
/// From a warm state it has to be so many times quicker than that, and no slower than so long.
const WARM_TARGET: (f64, Duration) = (5.0, Duration::from_millis(700));
/// With more than this load for each processor before the run, what else the machine does is in the figures.
const IDLE_LOAD: f64 = 0.25;
/// Around the part of `docs/benchmarks.md` that is written here.
const MARKS: [&str; 2] = ["<!-- launch to prompt: written by `cargo xtask bench --write` -->", "<!-- end -->"];

/// One boot of each side, in the order of [`Side::ALL`].
pub type Round = [Boot; Side::ALL.len()];

/// Where and on what it was measured.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// As the browser names itself.
    pub browser: String,
    /// How many processors the machine has.
    pub processors: usize,
    /// The load average of the last minute, before and after.
    pub load: [f64; 2],
    /// What was booted.
    pub guest: String,
}

impl Circumstances {
    /// What it means that the figures are good enough, or are not.
    pub fn verdict(&self, good: bool) -> Verdict {
        match good {
            _ if self.load[0] > idle_load(self.processors) => Verdict::Busy,
            true => Verdict::Met,
            false => Verdict::Missed,
        }
    }
}

/// The load average up to which a machine counts as idle.
pub fn idle_load(processors: usize) -> f64 {
    IDLE_LOAD * processors as f64
}

impl Display for Circumstances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { browser, processors, load: [before, after], guest } = self;
        writeln!(f, "- {guest}\n- {browser}")?;
        writeln!(f, "- {processors} processors; load average {before:.2} before, {after:.2} after\n")
    }
}

/// What the figures say of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The extension is quick enough.
    Met,
    /// It is not.
    Missed,
    /// The machine had other work, so the figures prove nothing.
    Busy,
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Busy => "not judged, because the machine was busy before the run",
        })
    }
}

/// What was measured and what that means, which is a section of `docs/benchmarks.md`.
pub trait Section: Display {
    /// What is around it in the file.
    fn marks(&self) -> [&'static str; 2];

    /// Whether the figures are as good as they must be.
    fn verdict(&self) -> Verdict;

    /// The file's text with this section in it, in place of an older one or at the end.
    fn put_into(&self, text: &str) -> Result<String> {
        let [begin, end] = self.marks();
        let section = format!("{begin}\n{self}{end}\n");
        let Some((before, rest)) = text.split_once(begin) else {
            let title = if text.is_empty() { "# Benchmarks\n" } else { text };
            return Ok(format!("{title}\n{section}"));
        };
        let (_, after) = rest.split_once(end).with_context(|| format!("“{begin}” has no “{end}” after it"))?;
        // Another section may follow.
        let gap = if after.trim_start().is_empty() { "" } else { "\n" };
        Ok(format!("{before}{section}{gap}{}", after.trim_start_matches('\n')))
    }
}

/// The whole run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where and on what.
    pub circumstances: Circumstances,
    /// The first round, which fills caches and copies the base image into the private file system.
    pub warm_up: Round,
    /// All others.
    pub rounds: Vec<Round>,
}

/// Stretches of the way to the prompt; not every side passes all of them.
const STRETCHES: [(Event, Event); 8] = [
    (Event::Connected, Event::Greeted),
    (Event::Launched, Event::Recorded),
    (Event::Recorded, Event::Host),
    (Event::Host, Event::Engine),
    (Event::Launched, Event::Engine),
    (Event::Engine, Event::Running),
    (Event::Running, Event::Serial),
    (Event::Serial, Event::Prompt),
];

fn place(side: Side) -> usize {
    Side::ALL.iter().position(|other| *other == side).unwrap_or_default()
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "–".to_owned(), |duration| format!("{} ms", duration.as_millis()))
}

impl Report {
    fn boots(&self, side: Side) -> impl Iterator<Item = &Boot> {
        self.rounds.iter().map(move |round| &round[place(side)])
    }

    /// A side's figures from Launch to the prompt.
    pub fn summary(&self, side: Side) -> Option<Summary> {
        let totals: Option<Vec<_>> = self.boots(side).map(Boot::total).collect();
        Summary::of(&totals?)
    }

    fn stretch(&self, side: Side, (from, to): (Event, Event)) -> Option<Duration> {
        let all: Vec<_> = self.boots(side).filter_map(|boot| boot.between(from, to)).collect();
        Some(Summary::of(&all)?.median)
    }

    /// How many times the plain page's median a side's median is.
    pub fn ratio(&self, side: Side) -> Option<f64> {
        ratio(self.summary(side)?.median, self.summary(Side::Plain)?.median)
    }

    /// How many times quicker than the machine that boots the one is that goes on from the warm state.
    fn gain(&self) -> Option<f64> {
        ratio(self.summary(Side::Cold)?.median, self.summary(Side::Button)?.median)
    }

    fn totals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, ["", "warm-up", "median", "p95", "min", "max", "ratio"])?;
        row(f, ["---", "---:", "---:", "---:", "---:", "---:", "---:"])?;
        for side in Side::ALL {
            let warm_up = milliseconds(self.warm_up[place(side)].total());
            let Some(Summary { median, p95, min, max }) = self.summary(side) else { continue };
            let ratio = self.ratio(side).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let [median, p95, min, max] = [median, p95, min, max].map(|figure| milliseconds(Some(figure)));
            row(f, [side.to_string(), warm_up, median, p95, min, max, ratio])?;
        }
        Ok(())
    }

    fn breakdown(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [plain, cold, message, button] = Side::ALL.map(|side| side.to_string());
        row(f, ["median from … to …".to_owned(), plain, cold, message, button])?;
        row(f, ["---", "---:", "---:", "---:", "---:"])?;
        for stretch in STRETCHES {
            let [plain, cold, message, button] = Side::ALL.map(|side| milliseconds(self.stretch(side, stretch)));
            row(f, [format!("{} → {}", stretch.0, stretch.1), plain, cold, message, button])?;
        }
        Ok(())
    }
}

fn row<const N: usize>(f: &mut fmt::Formatter<'_>, cells: [impl Display; N]) -> fmt::Result {
    let [first, rest @ ..] = &cells[..] else { return Ok(()) };
    write!(f, "| {first:<52}")?;
    for cell in rest {
        write!(f, " | {cell:>24}")?;
    }
    f.write_str(" |\n")
}

impl Section for Report {
    fn marks(&self) -> [&'static str; 2] {
        MARKS
    }

    fn verdict(&self) -> Verdict {
        let cold = self.ratio(Side::Cold).is_some_and(|ratio| ratio <= TARGET);
        let gained = self.gain().is_some_and(|gain| gain >= WARM_TARGET.0);
        let quick = self.summary(Side::Button).is_some_and(|summary| summary.median < WARM_TARGET.1);
        self.circumstances.verdict(cold && gained && quick)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Launch to prompt\n")?;
        writeln!(
            f,
            "From pressing Launch to the shell’s prompt, against a plain page that runs the same v86, kernel and image from memory. \
             {} rounds after one to warm up, taking turns, one machine at a time, each a fresh one. \
             The machine that boots has a template with the same image and no warm state; the others go on from that state. The message is sent as soon as the background answers the popup; the button is pressed half a \
             second after it is there, which is quicker than a person is.\n",
            self.rounds.len()
        )?;
        write!(f, "{}", self.circumstances)?;
        self.totals(f)?;
        f.write_char('\n')?;
        self.breakdown(f)?;
        let gain = self.gain().map_or_else(String::new, |gain| format!("{gain:.1} times"));
        let (times, limit) = (WARM_TARGET.0, WARM_TARGET.1.as_millis());
        writeln!(f, "\nBy the button, the warm state is {gain} quicker than booting.")?;
        writeln!(
            f,
            "\nTargets: booting at most {TARGET} times the plain page’s median; from the warm state at least {times} times quicker \
             than booting, and under {limit} ms: **{}**.",
            self.verdict()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// A boot in which each event came so many milliseconds after the one before.
    fn boot(steps: &[(Event, u64)]) -> Boot {
        let mut now = 1_700_000_000_000;
        let mut at = BTreeMap::new();
        for (event, after) in steps {
            now += after;
            at.insert(*event, now);
        }
        Boot(at)
    }

    fn round(plain: u64, cold: u64, warm: u64) -> Round {
        let plain = boot(&[(Event::Launched, 0), (Event::Engine, 100), (Event::Prompt, plain - 100)]);
        let extension = |total| {
            boot(&[(Event::Connected, 0), (Event::Greeted, 40), (Event::Launched, 500), (Event::Prompt, total)])
        };
        [plain, extension(cold), extension(2 * warm), extension(warm)]
    }

    fn report(rounds: &[(u64, u64, u64)]) -> Report {
        Report {
            circumstances: Circumstances {
                browser: "A browser".into(),
                processors: 2,
                load: [0.1, 1.9],
                guest: "A guest".into(),
            },
            warm_up: round(9_000, 9_000, 9_000),
            rounds: rounds.iter().map(|(plain, cold, warm)| round(*plain, *cold, *warm)).collect(),
        }
    }

    #[test]
    fn targets_are_met_up_to_their_figures_and_missed_beyond() {
        assert_eq!(report(&[(2_000, 2_300, 459)]).verdict(), Verdict::Met);
        assert_eq!(report(&[(2_000, 2_301, 400)]).verdict(), Verdict::Missed, "it boots too slowly");
        assert_eq!(report(&[(2_000, 2_300, 461)]).verdict(), Verdict::Missed, "it gains too little");
        assert_eq!(report(&[(9_000, 9_000, 700)]).verdict(), Verdict::Missed, "it takes too long");
    }

    #[test]
    fn on_a_busy_machine_no_figure_is_a_proof() {
        let mut report = report(&[(2_000, 1_000, 100)]);
        report.circumstances.load = [0.5, 3.0];
        assert_eq!(report.verdict(), Verdict::Met, "its own load comes after");
        report.circumstances.load[0] = 0.51;
        assert_eq!(report.verdict(), Verdict::Busy);
    }

    #[test]
    fn the_warm_up_counts_for_nothing() {
        let report = report(&[(1_000, 1_000, 1_000), (1_200, 1_100, 1_100)]);
        assert_eq!(report.summary(Side::Plain).unwrap().max, Duration::from_millis(1_200));
        assert!(report.to_string().contains("9000 ms"));
    }

    #[test]
    fn without_a_round_no_target_is_met() {
        assert_eq!(report(&[]).verdict(), Verdict::Missed);
    }

    #[test]
    fn the_text_says_figures_circumstances_and_verdict() {
        let text = report(&[(1_000, 1_200, 1_100)]).to_string();
        for wanted in ["1200 ms", "1.20", "1.10", "0.10 before, 1.90 after", "A guest", "A browser", "**missed**"] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }

    #[test]
    fn the_breakdown_leaves_open_what_a_side_does_not_pass() {
        let text = report(&[(1_000, 1_200, 1_100)]).to_string();
        let line = text.lines().find(|line| line.contains("→ background awake")).unwrap();
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        assert_eq!(cells[2..5], ["–", "40 ms", "40 ms"]);
    }

    #[test]
    fn a_new_report_takes_the_place_of_the_old_one_and_leaves_the_rest() {
        let old = report(&[(1_000, 1_200, 1_200)]).put_into("# Benchmarks\n\nWords.\n").unwrap() + "\nMore words.\n";
        let new = report(&[(1_000, 1_000, 100)]).put_into(&old).unwrap();
        assert!(new.starts_with("# Benchmarks\n\nWords.\n") && new.ends_with("\nMore words.\n"), "{new}");
        assert!(new.contains("**met**") && !new.contains("**missed**"));
        assert_eq!(report(&[(1_000, 1_000, 100)]).put_into(&new).unwrap(), new);
    }

    #[test]
    fn a_file_whose_end_mark_is_lost_is_left_alone() {
        let cut = format!("# Benchmarks\n\n{}\nWords that nobody may lose.\n", MARKS[0]);
        assert!(report(&[]).put_into(&cut).is_err());
    }
}
