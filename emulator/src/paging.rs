//! The ways to page through a list, and `fields`.

use std::borrow::Borrow;

use serde_json::{Value, json};

use crate::answer::{Answer, Refusal};
use crate::request::{Object, ObjectExt as _, Request};

/// How a list may be paged, by Auth0's OpenAPI description.
pub(crate) struct Paging {
    /// The member of the envelope that holds the objects.
    pub(crate) key: &'static str,
    /// The member of an object that tells it from others.
    pub(crate) id: &'static str,
    /// Members that are shown whatever `fields` says.
    pub(crate) always: &'static [&'static str],
    /// How many objects come without asking for a number.
    pub(crate) default: usize,
    /// What paging is known.
    pub(crate) style: Style,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// `page` and `per_page`.
    Offset,
    /// `take` and `from`, with at most so many objects on a page.
    Checkpoint(usize),
    /// Either. `take` wins (recorded).
    Both,
}

/// Offset paging ends here (Auth0's documentation).
pub(crate) const OFFSET_END: usize = 1000;

pub(crate) fn beyond_offset() -> Refusal {
    Refusal::new(400, "invalid_paging", "You can only page through the first 1000 records.")
}

impl Paging {
    /// The answer with the page of `objects` that the request asks for, each as `view` shows it.
    pub(crate) fn answer<T: Borrow<Object>>(
        &self,
        request: &Request,
        objects: impl IntoIterator<Item = T>,
        view: impl Fn(&Object) -> Object,
    ) -> Result<Answer, Refusal> {
        // Most of them are only counted, so nothing is made of them yet.
        let objects: Vec<T> = objects.into_iter().collect();
        let is_checkpoint = request.parameter("take").is_some() || request.parameter("from").is_some();
        match self.style {
            Style::Checkpoint(most) => self.by_checkpoint(request, &objects, most, view),
            Style::Both if is_checkpoint => self.by_checkpoint(request, &objects, 100, view),
            Style::Both | Style::Offset => self.by_offset(request, &objects, view),
        }
    }

    fn by_offset<T: Borrow<Object>>(
        &self,
        request: &Request,
        objects: &[T],
        view: impl Fn(&Object) -> Object,
    ) -> Result<Answer, Refusal> {
        let fields = Fields::of(request)?;
        let page = request.number("page", 0, usize::MAX)?.unwrap_or(0);
        let least = if matches!(self.key, "clients" | "users") { 0 } else { 1 };
        let limit = request.number("per_page", least, 100)?.unwrap_or(self.default);
        let start = page.saturating_mul(limit);
        if start.saturating_add(limit) > OFFSET_END {
            return Err(beyond_offset());
        }
        let page = objects.iter().skip(start).take(limit);
        let page: Vec<_> = page.map(|object| fields.select(view(object.borrow()), self.always)).collect();
        if request.flag("include_totals")? != Some(true) {
            return Ok(Answer::ok(page));
        }
        let mut body = json!({ "total": objects.len(), "start": start, "limit": limit });
        if self.key == "users" {
            body["length"] = page.len().into();
        }
        body[self.key] = page.into();
        Ok(Answer::ok(body))
    }

    /// `next` is absent on the last page. A checkpoint is the id of the last object before it.
    fn by_checkpoint<T: Borrow<Object>>(
        &self,
        request: &Request,
        objects: &[T],
        most: usize,
        view: impl Fn(&Object) -> Object,
    ) -> Result<Answer, Refusal> {
        let fields = Fields::of(request)?;
        let take = request.number("take", 1, most)?.unwrap_or(50);
        let start = match request.parameter("from") {
            None => 0,
            Some(from) => {
                let last = objects.iter().position(|object| object.borrow().text(self.id) == from);
                1 + last.ok_or_else(|| Refusal::new(400, "invalid_paging", "The from parameter is not valid."))?
            }
        };
        let end = start.saturating_add(take);
        let mut body = json!({});
        if end < objects.len() {
            body["next"] = objects[end - 1].borrow().text(self.id).into();
        }
        let page = objects.iter().skip(start).take(take);
        body[self.key] = page.map(|object| fields.select(view(object.borrow()), self.always)).collect();
        Ok(Answer::ok(body))
    }
}

/// `fields` and `include_fields`.
pub(crate) struct Fields {
    names: Vec<String>,
    include: bool,
}

impl Fields {
    pub(crate) fn of(request: &Request) -> Result<Self, Refusal> {
        let names = request.parameter("fields").unwrap_or_default();
        Ok(Self {
            names: names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            include: request.flag("include_fields")?.unwrap_or(true),
        })
    }

    /// The members asked for, and those of `always`; or all but those named.
    pub(crate) fn select(&self, mut object: Object, always: &[&str]) -> Value {
        if !self.names.is_empty() {
            object.retain(|key, _| {
                self.names.contains(key) == self.include || self.include && always.contains(&key.as_str())
            });
        }
        Value::Object(object)
    }
}
