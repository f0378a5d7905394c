//! `posthaste simulate`: the engine's decisions in worlds made of one number each, watched by an
//! independent model. A seed that breaks a promise is printed, and replays exactly.

use std::{process::ExitCode, sync::Mutex, thread, time::Duration};

use anyhow::Context;
use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use posthaste::clock::{Clock, SystemClock};
use posthaste_simulation::{Options, Report, Totals, simulate_all};
use serde_json::json;

use crate::{
    paint::{Ink, Paint},
    stdout,
};

const HELP: &str = "\
Examples:
  posthaste simulate                       100 worlds, one virtual hour each
  posthaste simulate --seeds 10000
  posthaste simulate --seed 4711 --trace   one world again, with all that happens in it

Exit codes: 0 no promise was broken, 1 one was.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// How many worlds
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first world's seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// This world alone
    #[arg(long, value_name = "N", conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Virtual hours of trouble in each; then it has to drain
    #[arg(long, value_name = "HOURS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=24))]
    hours: u64,
    /// Print every step, with --seed
    #[arg(long, requires = "seed")]
    trace: bool,
}

impl Arguments {
    pub fn run(self, json: bool) -> anyhow::Result<ExitCode> {
        let clock = SystemClock::new();
        let seeds = match self.seed {
            Some(seed) => seed..seed.saturating_add(1),
            None => self.first..self.first.saturating_add(self.seeds),
        };
        let options = Options {
            length: Duration::from_secs(self.hours * 3600),
            keep_trace: self.trace,
            ..Options::default()
        };
        let shown = Mutex::new(Shown::new(json, &self, seeds.end - seeds.start));
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        simulate_all(seeds, &options, threads, |report| {
            let mut shown = shown.lock().expect("nothing panics while it shows");
            shown.report(&report)
        });
        let shown = shown.into_inner().expect("nothing panics while it shows");
        shown.end(clock.elapsed())
    }
}

/// What was seen so far.
struct Shown {
    json: bool,
    trace: bool,
    hours: u64,
    paint: Paint,
    bar: ProgressBar,
    worlds: u64,
    violations: u64,
    totals: Totals,
    /// Why nothing more can be shown.
    failed: Option<anyhow::Error>,
}

impl Shown {
    fn new(json: bool, arguments: &Arguments, worlds: u64) -> Self {
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} worlds, {per_sec}, {eta} left");
        let bar = match json {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(worlds),
        };
        bar.set_style(style.expect("a template that holds together"));
        Self {
            json,
            trace: arguments.trace,
            hours: arguments.hours,
            paint: Paint::for_stdout(),
            bar,
            worlds: 0,
            violations: 0,
            totals: Totals::default(),
            failed: None,
        }
    }

    /// Says whether to go on.
    fn report(&mut self, report: &Report) -> bool {
        self.worlds += 1;
        self.totals += report.totals;
        self.violations += u64::from(report.violation.is_some());
        self.bar.inc(1);
        let printed = self.bar.suspend(|| self.print(report));
        self.failed = printed.err();
        self.failed.is_none()
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        if self.json {
            return stdout::line(as_json(report, self.hours, self.trace));
        }
        if self.trace || report.violation.is_some() {
            stdout::print(&report.trace)?;
        }
        let Some(violation) = &report.violation else {
            return Ok(());
        };
        let mark = self.paint.ink(Ink::Red, "✗");
        stdout::line(format_args!("{mark} seed {}, {violation}", report.seed))?;
        stdout::line(format_args!("  {}", again(report.seed, self.hours)))
    }

    fn end(self, took: Duration) -> anyhow::Result<ExitCode> {
        self.bar.finish_and_clear();
        if let Some(error) = self.failed {
            return Err(error).context("cannot show what happens");
        }
        if !self.json {
            self.summary(took)?;
        }
        Ok(match self.violations {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }

    fn summary(&self, took: Duration) -> anyhow::Result<()> {
        let Totals {
            steps,
            events,
            deliveries,
            attempts,
            crashes,
            faults,
            changes,
            repetitions,
            replayed,
            pruned,
            expired,
        } = self.totals;
        #[allow(clippy::cast_precision_loss)] // shown with one digit
        let per_s = self.worlds as f64 / took.as_secs_f64().max(0.001);
        stdout::line(format_args!(
            "{} worlds of {} h in {:.1} s, {per_s:.1} a second",
            HumanCount(self.worlds),
            self.hours,
            took.as_secs_f64(),
        ))?;
        for (count, what) in [
            (events, "events accepted"),
            (deliveries, "deliveries owed"),
            (attempts, "attempts"),
            (repetitions, "repetitions, each with its reason"),
            (replayed, "deliveries sent again by replays"),
            (pruned, "deliveries past their retention"),
            (expired, "deliveries held for too long"),
            (crashes, "crashes"),
            (faults, "faults of store and clock, hints lost"),
            (changes, "changes, redeliveries and tests meanwhile"),
            (steps, "steps"),
        ] {
            stdout::line(format_args!("{:>15} {what}", HumanCount(count).to_string()))?;
        }
        let ink = if self.violations == 0 {
            Ink::Green
        } else {
            Ink::Red
        };
        let count = HumanCount(self.violations).to_string();
        let line = format!("{count:>15} promises broken");
        stdout::line(self.paint.ink(ink, &line))
    }
}

fn again(seed: u64, hours: u64) -> String {
    format!("again: posthaste simulate --seed {seed} --hours {hours} --trace")
}

fn as_json(report: &Report, hours: u64, trace: bool) -> String {
    let totals = report.totals;
    let violation = report.violation.as_ref().map(|violation| {
        json!({
            "at_s": violation.at.as_secs_f64(),
            "what": violation.what,
            "again": again(report.seed, hours),
            "trace": report.trace,
        })
    });
    let mut shown = json!({
        "seed": report.seed,
        "hash": format!("{:016x}", report.hash),
        "steps": totals.steps,
        "events": totals.events,
        "deliveries": totals.deliveries,
        "attempts": totals.attempts,
        "repetitions": totals.repetitions,
        "replayed": totals.replayed,
        "pruned": totals.pruned,
        "expired": totals.expired,
        "crashes": totals.crashes,
        "faults": totals.faults,
        "changes": totals.changes,
        "violation": violation,
    });
    if trace && report.violation.is_none() {
        shown["trace"] = report.trace.clone().into();
    }
    shown.to_string()
}
