//! One command's conversation with a server: it asks, and shows what came, as tables or JSON lines.

use std::process::ExitCode;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    client::{Call, Client, ServerArguments},
    stdout,
    table::{self, Column},
};

/// What a list asks for at most at once.
const PAGE_MAX: usize = 1000;

pub struct Session {
    client: Client,
    pub json: bool,
}

/// A page of any list, each item as the server wrote it. One without pages has no cursor.
#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// How much of a list is wanted.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Wanted {
    /// At most this many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// Every one, page by page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl Session {
    pub fn new(server: &ServerArguments, json: bool) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(server.target()?),
            json,
        })
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Lists what matches, following cursors until there is enough.
    pub async fn list(
        &self,
        path: &str,
        filters: &[(&str, Option<&str>)],
        wanted: Wanted,
        columns: &[Column],
    ) -> anyhow::Result<ExitCode> {
        let most = if wanted.all {
            usize::MAX
        } else {
            usize::try_from(wanted.limit)?
        };
        let (mut shown, mut cursor, mut table) = (0, None, Vec::new());
        while shown < most {
            let limit = (most - shown).min(PAGE_MAX).to_string();
            let page = [
                ("limit", Some(limit.as_str())),
                ("cursor", cursor.as_deref()),
            ];
            let query = query(filters.iter().copied().chain(page));
            let page: Page = self
                .client
                .call(Call::get(format!("{path}?{query}")))
                .await?
                .read()?;
            shown += page.data.len();
            for item in page.data {
                if self.json {
                    stdout::json_line(item.get())?;
                } else {
                    table.push(serde_json::from_str(item.get())?);
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        if !self.json {
            stdout::print(table::listed(columns, &table))?;
            if cursor.is_some() {
                eprintln!("there are more: --limit N, or --all");
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Lists all that a path has, where that is little enough to have no pages.
    pub async fn list_whole(&self, path: &str, columns: &[Column]) -> anyhow::Result<ExitCode> {
        let page: Page = self.client.call(Call::get(path)).await?.read()?;
        if self.json {
            for item in page.data {
                stdout::json_line(item.get())?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let items = page
            .data
            .iter()
            .map(|item| serde_json::from_str(item.get()));
        let table: Vec<Value> = items.collect::<Result<_, _>>()?;
        stdout::print(table::listed(columns, &table))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Shows the answer's object, all its members.
    pub async fn show(&self, call: Call) -> anyhow::Result<ExitCode> {
        let answer = self.client.call(call).await?;
        if self.json {
            stdout::json_line(&answer.text())?;
        } else {
            stdout::print(table::detailed(&answer.read::<Box<RawValue>>()?))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Shows the answer as a picture that is drawn of it.
    pub async fn picture(
        &self,
        call: Call,
        draw: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<ExitCode> {
        let answer = self.client.call(call).await?;
        match self.json {
            true => stdout::line(answer.text().trim_end())?,
            false => stdout::print(draw(&answer.read()?))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Says in a sentence what was done.
    pub async fn done(
        &self,
        call: Call,
        sentence: impl FnOnce(&Value) -> String,
    ) -> anyhow::Result<ExitCode> {
        let answer = self.client.call(call).await?;
        let text = answer.text();
        if !self.json {
            let value = if text.is_empty() {
                Value::Null
            } else {
                answer.read()?
            };
            stdout::line(sentence(&value))?;
        } else if !text.is_empty() {
            stdout::json_line(&text)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Those that are given, as a URL's query.
pub fn query<'a>(parameters: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let given = parameters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(given)
        .finish()
}

/// A path below a collection; whatever was typed stays one segment.
pub fn object(collection: &str, id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("/{collection}/{id}")
}
