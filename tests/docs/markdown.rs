//! Markdown as GitHub reads it.

/// A text as it stands in a cell of a table: on one line, without what would end the cell or begin a tag.
pub(crate) fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let parts = line.split('`').enumerate();
    let parts: Vec<_> =
        parts.map(|(index, part)| if index % 2 == 0 { part.replace('<', "&lt;") } else { part.to_owned() }).collect();
    parts.join("`")
}

/// A table; empty without rows.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head = line(&head.map(str::to_owned)) + &line(&[(); N].map(|()| "---".to_owned()));
    head + &rows.iter().map(|row| line(row)).collect::<String>() + "\n"
}
