//! What is printed, and which counts are not as they should be.

use std::{fmt::Display, time::Duration};

/// Columns of what is printed.
const NAME: usize = 56;

/// Prints, and counts the misses.
#[derive(Default)]
pub(crate) struct Report {
    misses: usize,
}

impl Report {
    pub(crate) fn headline(&self, words: &str) {
        println!("\n{words}");
    }

    /// Something that is measured and not judged.
    pub(crate) fn line(&self, name: &str, value: impl Display) {
        println!("  {name:<NAME$} {value}");
    }

    /// A count that has to be this.
    pub(crate) fn exactly(&mut self, name: &str, count: usize, wanted: usize) {
        self.judge(name, count, wanted, count == wanted, "");
    }

    /// A count that may be less.
    pub(crate) fn at_most(&mut self, name: &str, count: usize, wanted: usize) {
        self.judge(name, count, wanted, count <= wanted, "at most ");
    }

    fn judge(&mut self, name: &str, count: usize, wanted: usize, is_right: bool, words: &str) {
        let mark = if is_right { "✓" } else { "✗" };
        println!("  {name:<NAME$} {count:>6}   {mark} {words}{wanted}");
        self.misses += usize::from(!is_right);
    }

    /// Mean, median, 99th percentile and longest of times.
    pub(crate) fn times(&self, name: &str, times: &mut [Duration]) {
        times.sort_unstable();
        let Some(last) = times.len().checked_sub(1) else { return };
        let at = |percent: usize| times[(times.len() * percent / 100).min(last)];
        let mean = times.iter().sum::<Duration>().div_f64(times.len() as f64);
        let all = [("mean", mean), ("p50", at(50)), ("p99", at(99)), ("max", times[last])];
        let words: Vec<_> = all.iter().map(|(word, time)| format!("{word} {}", seconds(*time))).collect();
        self.line(name, words.join(", "));
    }

    pub(crate) fn misses(&self) -> usize {
        self.misses
    }
}

/// A time for people.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
