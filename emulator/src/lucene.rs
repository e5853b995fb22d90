//! The part of Lucene's query language that Auth0 documents for its searches: `field:value`, quotes, `*`, ranges, parentheses,
//! `AND`, `OR`, `NOT` or `-`. Terms side by side are joined by `AND`, which binds tighter than `OR`.

use std::iter::Peekable;
use std::str::Chars;

/// A query that was understood.
#[derive(Debug)]
pub(crate) enum Query {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Term {
        /// `None` for a term without a field.
        field: Option<String>,
        test: Test,
    },
}

/// What a term asks of a value.
#[derive(Debug)]
pub(crate) enum Test {
    Equals(String),
    /// The parts between the stars; the value has them in this order.
    Glob(Vec<String>),
    Range {
        least: Option<Bound>,
        most: Option<Bound>,
    },
}

#[derive(Debug)]
pub(crate) struct Bound {
    value: String,
    is_inclusive: bool,
}

/// Parentheses deeper than this are refused: nobody writes them, and each costs stack.
const DEEPEST: usize = 50;

impl Query {
    /// `None` when the text is not a query of the kind described above.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.chars().peekable(), depth: 0 };
        let query = parser.any(None)?;
        parser.skip_blanks();
        parser.rest.peek().is_none().then_some(query)
    }

    /// Whether it holds, given what a test on a field comes to.
    pub(crate) fn holds(&self, term: &impl Fn(Option<&str>, &Test) -> bool) -> bool {
        match self {
            Self::All(queries) => queries.iter().all(|query| query.holds(term)),
            Self::Any(queries) => queries.iter().any(|query| query.holds(term)),
            Self::Not(query) => !query.holds(term),
            Self::Term { field, test } => term(field.as_deref(), test),
        }
    }

    /// Whether every term names its field.
    pub(crate) fn has_fields(&self) -> bool {
        match self {
            Self::All(queries) | Self::Any(queries) => queries.iter().all(Self::has_fields),
            Self::Not(query) => query.has_fields(),
            Self::Term { field, .. } => field.is_some(),
        }
    }
}

impl Test {
    pub(crate) fn fits(&self, value: &str) -> bool {
        match self {
            Self::Equals(wanted) => wanted == value,
            Self::Glob(parts) => glob(parts, value),
            Self::Range { least, most } => {
                least.as_ref().is_none_or(|least| least.is_below(value))
                    && most.as_ref().is_none_or(|most| most.is_above(value))
            }
        }
    }

    pub(crate) fn fits_ignoring_case(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        match self {
            Self::Equals(wanted) => wanted.to_lowercase() == value,
            Self::Glob(parts) => glob(&parts.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>(), &value),
            range @ Self::Range { .. } => range.fits(&value),
        }
    }
}

impl Bound {
    fn is_below(&self, value: &str) -> bool {
        match compare(&self.value, value) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => self.is_inclusive,
            std::cmp::Ordering::Greater => false,
        }
    }

    /// An inclusive day or month includes all of its hours.
    fn is_above(&self, value: &str) -> bool {
        match compare(&self.value, value) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self.is_inclusive,
            std::cmp::Ordering::Less => self.is_inclusive && value.starts_with(&self.value),
        }
    }
}

/// Numbers as numbers; all else, such as dates, as text.
fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        // Log ids are too long for a float, and equally long.
        (Ok(a), Ok(b)) if a.abs() < 1e15 && b.abs() < 1e15 => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

fn glob(parts: &[String], value: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(rest) = value.strip_prefix(first.as_str()) else { return false };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
    middle.iter().all(|part| match rest.find(part.as_str()) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

/// A word as it stands in a query; quoted words are never operators and have no stars.
struct Word {
    text: String,
    is_quoted: bool,
}

impl Parser<'_> {
    /// Groups joined by `OR`. Within `field:(…)` the terms have that field.
    fn any(&mut self, field: Option<&str>) -> Option<Query> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut groups = vec![self.all(field)?];
        while self.takes("OR") {
            groups.push(self.all(field)?);
        }
        self.depth -= 1;
        if groups.len() == 1 { groups.pop() } else { Some(Query::Any(groups)) }
    }

    fn all(&mut self, field: Option<&str>) -> Option<Query> {
        let mut terms = vec![self.negated(field)?];
        loop {
            self.skip_blanks();
            let is_over = matches!(self.rest.peek(), None | Some(')'));
            if !self.takes("AND") && (is_over || self.is_next("OR")) {
                break;
            }
            terms.push(self.negated(field)?);
        }
        if terms.len() == 1 { terms.pop() } else { Some(Query::All(terms)) }
    }

    fn negated(&mut self, field: Option<&str>) -> Option<Query> {
        let mut is_negated = false;
        loop {
            self.skip_blanks();
            let is_not = self.takes("NOT") || self.rest.next_if_eq(&'-').is_some();
            if !is_not {
                break;
            }
            is_negated = !is_negated;
        }
        let term = self.term(field)?;
        Some(if is_negated { Query::Not(Box::new(term)) } else { term })
    }

    fn term(&mut self, field: Option<&str>) -> Option<Query> {
        self.skip_blanks();
        if self.rest.next_if_eq(&'(').is_some() {
            return self.closed(field);
        }
        if matches!(self.rest.peek(), Some('[' | '{')) {
            return Some(Query::Term { field: Some(field?.to_owned()), test: self.range()? });
        }
        let word = self.word()?;
        if self.rest.next_if_eq(&':').is_some() {
            if word.is_quoted || field.is_some() {
                return None;
            }
            return match self.rest.peek()? {
                '(' => {
                    self.rest.next();
                    self.closed(Some(&word.text))
                }
                '[' | '{' => Some(Query::Term { field: Some(word.text), test: self.range()? }),
                _ => {
                    let value = self.word()?;
                    Some(Query::Term { field: Some(word.text), test: value.test() })
                }
            };
        }
        let is_operator = !word.is_quoted && ["AND", "OR", "NOT", "TO"].contains(&word.text.as_str());
        (!is_operator).then(|| Query::Term { field: field.map(str::to_owned), test: word.test() })
    }

    /// What stands between a parenthesis, which was read, and its partner.
    fn closed(&mut self, field: Option<&str>) -> Option<Query> {
        let query = self.any(field)?;
        self.skip_blanks();
        self.rest.next_if_eq(&')').map(|_| query)
    }

    /// `[a TO b]`, `{a TO b}` or a mix; `*` is no bound.
    fn range(&mut self) -> Option<Test> {
        let least_is_inclusive = self.rest.next()? == '[';
        let least = self.bound()?;
        if !self.takes("TO") {
            return None;
        }
        let most = self.bound()?;
        self.skip_blanks();
        let most_is_inclusive = match self.rest.next()? {
            ']' => true,
            '}' => false,
            _ => return None,
        };
        let bound = |value: Option<String>, is_inclusive| value.map(|value| Bound { value, is_inclusive });
        Some(Test::Range { least: bound(least, least_is_inclusive), most: bound(most, most_is_inclusive) })
    }

    /// A time may end in `Z` or not; without it, it is a prefix of those in the log.
    fn bound(&mut self) -> Option<Option<String>> {
        self.skip_blanks();
        let mut text = String::new();
        if self.rest.peek() == Some(&'"') {
            text = self.word()?.text;
        }
        // Not `word`: a time has colons.
        while let Some(c) = self.rest.next_if(|c| !c.is_whitespace() && !"[]{}()\"".contains(*c)) {
            text.push(c);
        }
        match text.as_str() {
            "" => None,
            "*" => Some(None),
            text => Some(Some(text.strip_suffix('Z').unwrap_or(text).to_owned())),
        }
    }

    fn word(&mut self) -> Option<Word> {
        let mut text = String::new();
        if self.rest.next_if_eq(&'"').is_some() {
            loop {
                match self.rest.next()? {
                    '"' => return Some(Word { text, is_quoted: true }),
                    '\\' => text.push(self.rest.next()?),
                    c => text.push(c),
                }
            }
        }
        while let Some(c) = self.rest.next_if(|c| !c.is_whitespace() && !":()[]{}\"~^".contains(*c)) {
            text.push(if c == '\\' { self.rest.next()? } else { c });
        }
        (!text.is_empty()).then_some(Word { text, is_quoted: false })
    }

    fn skip_blanks(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
    }

    /// Whether an operator comes next; takes it if so.
    fn takes(&mut self, operator: &str) -> bool {
        let is_next = self.is_next(operator);
        if is_next {
            self.rest.by_ref().take(operator.len()).for_each(drop);
        }
        is_next
    }

    fn is_next(&mut self, operator: &str) -> bool {
        self.skip_blanks();
        let mut ahead = self.rest.clone();
        operator.chars().all(|c| ahead.next() == Some(c)) && ahead.peek().is_none_or(|c| c.is_whitespace() || *c == '(')
    }
}

impl Word {
    fn test(self) -> Test {
        if self.is_quoted || !self.text.contains('*') {
            Test::Equals(self.text)
        } else {
            Test::Glob(self.text.split('*').map(str::to_owned).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(query: &str, values: &[(&str, &str)]) -> Option<bool> {
        let query = Query::parse(query)?;
        Some(query.holds(&|field, test| {
            values.iter().any(|(name, value)| field.is_none_or(|field| field == *name) && test.fits(value))
        }))
    }

    #[test]
    fn a_query_holds_or_not() {
        let entry = [("type", "sapi"), ("date", "2026-01-02T03:04:05.678Z"), ("ip", "192.0.2.1"), ("n", "12")];
        for (query, expected) in [
            ("type:sapi", true),
            ("type:(scp OR sapi) AND ip:\"192.0.2.1\"", true),
            ("type:(scp OR sce)", false),
            ("type:scp OR type:sce OR type:sapi", true),
            ("type:scp OR type:sapi AND ip:1", false),
            ("(type:scp OR type:sapi) ip:192*", true),
            ("NOT type:sapi", false),
            ("-type:s ip:*2.0*", true),
            ("ip:192*1 type:s*i", true),
            ("date:[2026-01-02 TO *]", true),
            ("date:[2026-01-02T03:04:05Z TO 2026-01-02T03:04:06Z}", true),
            ("date:[* TO 2026-01-02]", true),
            ("date:[* TO 2026-01-02}", false),
            ("date:{2026-01-02T03:04:05.678Z TO *]", true),
            ("n:[2 TO 12]", true),
            ("n:{12 TO 20}", false),
            ("sapi", true),
            ("\"OR\"", false),
        ] {
            assert_eq!(holds(query, &entry), Some(expected), "{query}");
        }
    }

    #[test]
    fn what_is_not_a_query_is_refused() {
        let deep = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
        for query in ["", "a:", ":a", "a OR", "(a", "a)", "a:[1 TO", "a:[1 2]", "a:\"x", "a:b:c", "a~", "AND", &deep] {
            assert!(holds(query, &[]).is_none(), "{query:.30}");
        }
    }
}
