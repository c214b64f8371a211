//! What refers to nothing, what is given twice, and damaged pages: questions that SQL answers.

use rusqlite::Connection;

use crate::row::text;
use crate::schema::Schema;

/// References of one table to another that lead nowhere.
#[derive(Debug)]
pub(crate) struct Dangling {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) to: String,
    pub(crate) count: u64,
    /// The first few values.
    pub(crate) values: Vec<String>,
}

/// How many values of a dangling reference are named.
const VALUES_MAX: usize = 5;
/// How many complaints of a page check are kept.
const COMPLAINTS_MAX: u32 = 20;

/// The foreign keys of every table but `sessions` and `messages`, which the scan judges row by row.
pub(crate) fn dangling(connection: &Connection, schema: &Schema) -> rusqlite::Result<Vec<Dangling>> {
    let mut found = Vec::new();
    let others = schema.tables().filter(|table| !["sessions", "messages"].contains(table));
    for table in others {
        for (from, to_table, to) in foreign_keys(connection, table)? {
            // A key that names no column refers to the primary key, which is `id` in all tables of a gateway.
            let to = to.unwrap_or_else(|| "id".to_owned());
            if !schema.has(&to_table, &to) {
                continue;
            }
            let (own, other) = (quoted(table), quoted(&to_table));
            let (from_name, to_name) = (quoted(&from), quoted(&to));
            let sql = format!(
                "SELECT t.{from_name} FROM {own} t WHERE t.{from_name} IS NOT NULL \
                 AND NOT EXISTS (SELECT 1 FROM {other} o WHERE o.{to_name} = t.{from_name})"
            );
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let (mut count, mut values) = (0, Vec::new());
            while let Some(row) = rows.next()? {
                count += 1;
                let value = text(row.get_ref(0)?).unwrap_or_default();
                if values.len() < VALUES_MAX && !values.contains(&value) {
                    values.push(value);
                }
            }
            if count > 0 {
                found.push(Dangling { table: table.to_owned(), column: from, to: to_table, count, values });
            }
        }
    }
    Ok(found)
}

/// The foreign keys of one column: the column, the other table, and its column if it is named.
fn foreign_keys(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    let sql = "SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?1) k \
               WHERE (SELECT COUNT(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = k.id) = 1 ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let keys = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    keys.collect()
}

/// What SQLite finds wrong in the pages of the tables `sessions` and `messages`, and in their rows. Indices are not compared.
pub(crate) fn complaints(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for table in ["sessions", "messages"] {
        let mut statement = connection.prepare(&format!("PRAGMA quick_check('{table}')"))?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        for line in lines.take(COMPLAINTS_MAX as usize) {
            // The first line may name the database before it says what is wrong.
            let line = line?;
            complaints.extend(line.lines().filter(|line| *line != "ok" && !line.starts_with("***")).map(str::to_owned));
        }
    }
    Ok(complaints)
}

/// A name as SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
