//! A table as a CSV file (RFC 4180): a first line with names, lines that end with CR LF, quotes where they are needed.
//!
//! Spreadsheets take a value that begins with `=`, `+`, `-` or `@` for a formula, and names of machines and snapshots can be
//! anyone's. Such a value gets a `'` in front, which spreadsheets show as text, unless it is a number.

use protocol::Table;

/// Characters that begin a formula; the last two are skipped by some before they look.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The table as text.
pub fn write(table: &Table) -> String {
    let mut out = String::new();
    line(&mut out, table.columns.iter().map(|column| Some(column.name.as_str())));
    for row in &table.rows {
        line(&mut out, row.iter().map(Option::as_deref));
    }
    out
}

fn line<'a>(out: &mut String, values: impl Iterator<Item = Option<&'a str>>) {
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(',');
        }
        // NULL is nothing, an empty text is a pair of quotes.
        if let Some(value) = value {
            field(out, value);
        }
    }
    out.push_str("\r\n");
}

fn field(out: &mut String, value: &str) {
    let formula = value.starts_with(FORMULA) && value.parse::<f64>().is_err();
    let quoted = formula || value.is_empty() || value.contains(['"', ',', '\r', '\n']) || value.trim() != value;
    if !quoted {
        out.push_str(value);
        return;
    }
    out.push('"');
    if formula {
        out.push('\'');
    }
    out.push_str(&value.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::Column;

    fn table(columns: &[&str], rows: &[&[Option<&str>]]) -> Table {
        let column = |name: &&str| Column { name: (*name).to_owned(), kind: "VARCHAR".to_owned() };
        let row = |row: &&[Option<&str>]| row.iter().map(|value| value.map(str::to_owned)).collect();
        Table { columns: columns.iter().map(column).collect(), rows: rows.iter().map(row).collect(), more: false }
    }

    /// What a reader of RFC 4180 makes of it.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut value) = (vec![], vec![], String::new());
        let mut chars = text.chars().peekable();
        let mut quoted = false;
        while let Some(char) = chars.next() {
            match (quoted, char) {
                (true, '"') if chars.peek() == Some(&'"') => value.extend(chars.next()),
                (_, '"') => quoted = !quoted,
                (false, ',') => row.push(std::mem::take(&mut value)),
                (false, '\r') => {}
                (false, '\n') => {
                    row.push(std::mem::take(&mut value));
                    rows.push(std::mem::take(&mut row));
                }
                (_, char) => value.push(char),
            }
        }
        rows
    }

    #[test]
    fn quotes_are_where_they_are_needed() {
        let table =
            table(&["a", "b,c"], &[&[Some("x"), None], &[Some("say \"hi\""), Some("")], &[Some("1\n2"), Some(" y")]]);
        assert_eq!(write(&table), "a,\"b,c\"\r\nx,\r\n\"say \"\"hi\"\"\",\"\"\r\n\"1\n2\",\" y\"\r\n");
    }

    #[test]
    fn nothing_becomes_a_formula_and_numbers_stay_numbers() {
        let table = table(&["a"], &[&[Some("=1+1")], &[Some("@x")], &[Some("-5.5")], &[Some("-x")], &[Some("+1")]]);
        assert_eq!(write(&table), "a\r\n\"'=1+1\"\r\n\"'@x\"\r\n-5.5\r\n\"'-x\"\r\n+1\r\n");
    }

    proptest! {
        #[test]
        fn every_value_comes_back(values in prop::collection::vec("[a-z\",\r\n =]{0,12}", 1..5)) {
            let cells: Vec<Option<&str>> = values.iter().map(|value| Some(value.as_str())).collect();
            let names: Vec<&str> = values.iter().map(|_| "n").collect();
            let text = write(&table(&names, &[&cells]));
            let back = read(&text).swap_remove(1);
            for (before, after) in values.iter().zip(back) {
                let after = if before.starts_with(FORMULA) { after[1..].to_owned() } else { after };
                prop_assert_eq!(before, &after);
            }
        }
    }
}
