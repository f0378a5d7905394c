//! `posthaste deliveries audit`: the whole log, stretch by stretch, and what came of it.

use std::{io::IsTerminal, process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use crate::{
    client::Call,
    paint::{Ink, Paint},
    session::{Session, query},
    stdout,
};

const HELP: &str = "\
Each delivery's record and its attempts stand in a chain of hashes (docs/reference/provenance.md).
Exit code 0 when every record fits, 1 when one does not.";

#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Created not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Created before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// What was found so far.
#[derive(Default, Serialize)]
struct Sum {
    deliveries: u64,
    attempts: u64,
    without: u64,
    first_mismatch: Option<Mismatch>,
}

#[derive(Deserialize)]
struct Stretch {
    deliveries: u64,
    attempts: u64,
    without: u64,
    first_mismatch: Option<Mismatch>,
    next_cursor: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Mismatch {
    delivery_id: String,
    attempt: Option<u32>,
    expected: String,
    found: Option<String>,
}

impl Arguments {
    pub async fn run(self, session: &Session) -> anyhow::Result<ExitCode> {
        let sum = self.follow(session).await?;
        match session.json {
            true => stdout::line(serde_json::to_string(&sum)?)?,
            false => stdout::print(sum.told(Paint::for_stdout()))?,
        }
        Ok(ExitCode::from(u8::from(sum.first_mismatch.is_some())))
    }

    async fn follow(&self, session: &Session) -> anyhow::Result<Sum> {
        let (mut sum, mut cursor, bar) = (Sum::default(), None::<String>, progress());
        loop {
            let query = query([
                ("since", self.since.as_deref()),
                ("until", self.until.as_deref()),
                ("cursor", cursor.as_deref()),
            ]);
            let call = Call::get(format!("/deliveries/audit?{query}"));
            let stretch: Stretch = session.client().call(call).await?.read()?;
            cursor = stretch.next_cursor.clone();
            sum.add(stretch);
            bar.set_message(format!("{} deliveries", HumanCount(sum.deliveries)));
            if cursor.is_none() {
                bar.finish_and_clear();
                return Ok(sum);
            }
        }
    }
}

fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
    let bar = ProgressBar::new_spinner();
    bar.set_style(style.expect("the template is well formed"));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

const NOT_SHOWN: &str = "\
Not shown: that no attempt was removed from the end of a delivery, and no delivery as a whole; and
whoever may write the store may have worked the chain out anew.
";

impl Sum {
    fn add(&mut self, stretch: Stretch) {
        self.deliveries += stretch.deliveries;
        self.attempts += stretch.attempts;
        self.without += stretch.without;
        let first = self.first_mismatch.take();
        self.first_mismatch = first.or(stretch.first_mismatch);
    }

    fn told(&self, paint: Paint) -> String {
        let (deliveries, attempts) = (HumanCount(self.deliveries), HumanCount(self.attempts));
        let mut told = format!("deliveries  {deliveries}\nattempts    {attempts}\n");
        if self.without > 0 {
            let without = HumanCount(self.without);
            told += &format!("unchecked   {without} attempts, made before provenance was kept\n");
        }
        told += &match &self.first_mismatch {
            None if self.attempts == 0 => "nothing was attempted\n".to_owned(),
            None => paint.ink(Ink::Green, "every record fits") + "\n",
            Some(mismatch) => mismatch.told(paint),
        };
        told + "\n" + NOT_SHOWN
    }
}

impl Mismatch {
    fn told(&self, paint: Paint) -> String {
        let does_not_fit = paint.ink(Ink::Red, "does not fit");
        let (id, expected) = (&self.delivery_id, &self.expected);
        let found = self.found.as_deref().unwrap_or("nothing");
        let what = match self.attempt {
            Some(number) => format!("attempt {number} of {id}"),
            None => format!("{id}, which says that it had another attempt"),
        };
        let why = match self.attempt {
            Some(1) => "its event, subscription or format was changed, or this attempt's record",
            Some(_) => "this attempt's record was changed, or one before it was removed",
            None => "attempts were removed",
        };
        format!("{does_not_fit}: {what}\n  {why}\n  expected {expected}\n  found    {found}\n")
    }
}
