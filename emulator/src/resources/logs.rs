//! `/logs`: reading the tenant log, by checkpoint or by search.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, Refusal};
use crate::log::{Entry, TenantLog};
use crate::lucene::{Query, Test};
use crate::management::Call;
use crate::paging::{Fields, OFFSET_END, beyond_offset};
use crate::request::{ObjectExt as _, Request, object_of};
use crate::tenant::Tenant;

/// The most entries on a page.
const MOST: usize = 100;
/// How many there are without asking for a number (recorded).
const DEFAULT: usize = 50;

/// Shown whatever `fields` says (recorded).
const ALWAYS: &[&str] = &["_id"];

pub(crate) fn list(tenant: &mut Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    match call.request.parameter("from") {
        Some(from) => after(call.log, call.request, from, &tenant.management_audience()),
        None => search(call.log, call.request),
    }
}

pub(crate) fn get(call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    // Neither code nor words are recorded.
    let entry = call.log.get(id).ok_or_else(|| Refusal::new(404, "inexistent_log", "The log does not exist"))?;
    Ok(Answer::ok_text(entry.json.to_string()))
}

/// The entries after a position, oldest first; all other parameters are ignored. Any position will do, whether it is an entry's or
/// made up; what is no position at all is refused, which is not recorded.
fn after(log: &TenantLog, request: &Request, from: &str, base: &str) -> Result<Answer, Refusal> {
    if from.is_empty() || !from.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::invalid_query(format!("String does not match pattern ^[0-9]+$: {from}"), "from"));
    }
    let take = request.number("take", 1, MOST)?.unwrap_or(DEFAULT);
    let entries: Vec<_> = log.after(from).take(take).collect();
    let next = entries.last().map_or(from, |entry| &entry.id);
    let link = format!("<{base}logs?from={next}&take={take}>; rel=\"next\"");
    Ok(Answer::ok_text(array(entries.iter().map(|entry| &*entry.json))).with_header("link", link))
}

/// Newest first, where `sort` does not say otherwise.
fn search(log: &TenantLog, request: &Request) -> Result<Answer, Refusal> {
    let query = request.parameter("q").filter(|text| !text.is_empty()).map(parse).transpose()?;
    let fields = Fields::of(request)?;
    let page = request.number("page", 0, usize::MAX)?.unwrap_or(0);
    let limit = request.number("per_page", 0, MOST)?.unwrap_or(DEFAULT);
    let totals = request.flag("include_totals")? == Some(true);
    let start = page.saturating_mul(limit);
    if start.saturating_add(limit) > OFFSET_END {
        return Err(beyond_offset());
    }
    let matches = |entry: &&Entry| query.as_ref().is_none_or(|query| fits(query, &entry.json));
    let page: Vec<&str> = match request.parameter("sort").unwrap_or("date:-1") {
        "date:-1" => texts(log.iter().rev().filter(matches), start, limit),
        "date:1" => texts(log.iter().filter(matches), start, limit),
        sort => {
            let (field, order) = order(sort)?;
            let mut found: Vec<_> = log.iter().filter(matches).map(|entry| (key(entry, field), entry)).collect();
            found.sort_by(|(a, _), (b, _)| a.cmp(b));
            if order == "-1" {
                found.reverse();
            }
            texts(found.into_iter().map(|(_, entry)| entry), start, limit)
        }
    };
    // Objects are only taken apart when something of them is left out.
    let is_whole = request.parameter("fields").is_none_or(str::is_empty);
    let length = page.len();
    let logs = if is_whole {
        array(page.into_iter())
    } else {
        let cut = |text: &str| fields.select(object_of(serde_json::from_str(text).unwrap_or_default()), ALWAYS);
        page.into_iter().map(cut).collect::<Value>().to_string()
    };
    if !totals {
        return Ok(Answer::ok_text(logs));
    }
    // Auth0's documentation: the total is that of the page.
    Ok(Answer::ok_text(format!(
        "{{\"start\":{start},\"limit\":{limit},\"length\":{length},\"total\":{length},\"logs\":{logs}}}"
    )))
}

fn parse(text: &str) -> Result<Query, Refusal> {
    Query::parse(text).ok_or_else(|| Refusal::invalid_query("Invalid query", "q"))
}

fn order(sort: &str) -> Result<(&str, &str), Refusal> {
    let is_fine = |(field, order): &(&str, &str)| !field.is_empty() && ["1", "-1"].contains(order);
    sort.split_once(':')
        .filter(is_fine)
        .ok_or_else(|| Refusal::invalid_query(format!("String does not match pattern ^.+:(1|-1)$: {sort}"), "sort"))
}

fn key(entry: &Entry, field: &str) -> String {
    let entry = object_of(serde_json::from_str(&entry.json).unwrap_or_default());
    entry.text(field).to_owned()
}

fn texts<'a>(entries: impl Iterator<Item = &'a Entry>, start: usize, limit: usize) -> Vec<&'a str> {
    entries.skip(start).take(limit).map(|entry| &*entry.json).collect()
}

fn array<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut text = "[".to_owned();
    for item in items {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(item);
    }
    text.push(']');
    text
}

/// The members that can be searched (Auth0's documentation), read without making the rest of the entry.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Searchable<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    date: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    client_name: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    user_name: Cow<'a, str>,
    #[serde(borrow)]
    connection: Cow<'a, str>,
    #[serde(borrow)]
    connection_id: Cow<'a, str>,
    #[serde(borrow)]
    strategy: Cow<'a, str>,
    #[serde(borrow)]
    strategy_type: Cow<'a, str>,
    #[serde(borrow)]
    description: Cow<'a, str>,
    #[serde(borrow)]
    ip: Cow<'a, str>,
    #[serde(borrow)]
    log_id: Cow<'a, str>,
    #[serde(borrow)]
    hostname: Cow<'a, str>,
    #[serde(borrow)]
    user_agent: Cow<'a, str>,
}

/// The members that a term without a field is looked for in.
const BARE: &[&str] = &["client_name", "connection", "description", "ip", "log_id", "type", "user_name"];

impl Searchable<'_> {
    fn value(&self, field: &str) -> Option<&str> {
        Some(match field {
            "type" => &self.kind,
            "date" => &self.date,
            "client_id" => &self.client_id,
            "client_name" => &self.client_name,
            "user_id" => &self.user_id,
            "user_name" => &self.user_name,
            "connection" => &self.connection,
            "connection_id" => &self.connection_id,
            "strategy" => &self.strategy,
            "strategy_type" => &self.strategy_type,
            "description" => &self.description,
            "ip" => &self.ip,
            "log_id" => &self.log_id,
            "hostname" => &self.hostname,
            "user_agent" => &self.user_agent,
            _ => return None,
        })
    }
}

fn fits(query: &Query, json: &str) -> bool {
    let entry: Searchable<'_> = serde_json::from_str(json).unwrap_or_default();
    let has = |field: &str, test: &Test| entry.value(field).is_some_and(|value| !value.is_empty() && test.fits(value));
    query.holds(&|field, test| match field {
        Some(field) => has(field, test),
        None => BARE.iter().any(|field| has(field, test)),
    })
}
