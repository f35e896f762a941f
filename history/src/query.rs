use crate::download::{TextDownload, save_text};
use crate::examples::EXAMPLES;
use protocol::{CatalogReply, CatalogRequest, Problem, ProblemCode, ROWS_MAX, Table};
use ui::{Button, Icon, Kind, Menu, MenuItem, use_world};
use web_sys::{HtmlTextAreaElement, KeyboardEvent};
use yew::prelude::*;

/// So many rows are shown; a file gets all, up to [`ROWS_MAX`].
const SHOWN_ROWS: u32 = 500;

/// A box for questions in SQL, and their answers.
#[component]
pub(crate) fn Query() -> Html {
    let workbench = use_world();
    let sql = use_state(|| EXAMPLES.first().map_or("", |(_, sql)| sql).to_owned());
    let busy = use_state(|| false);
    let saving = use_state(|| false);
    let problem = use_state(|| None::<Problem>);
    // With the question that it answers: what is in the box may be another one by now.
    let answer = use_state(|| None::<(String, Table)>);
    let download = use_mut_ref(|| None::<TextDownload>);
    let run = {
        let (workbench, busy, problem, answer) = (workbench.clone(), busy.clone(), problem.setter(), answer.setter());
        Callback::from(move |sql: String| {
            if *busy {
                return;
            }
            busy.set(true);
            let (busy, problem, answer) = (busy.setter(), problem.clone(), answer.clone());
            let request = CatalogRequest::Query { sql: sql.clone(), rows: SHOWN_ROWS };
            workbench.ask_catalog(request, move |result| {
                busy.set(false);
                match result {
                    Ok(CatalogReply::Table(table)) => {
                        problem.set(None);
                        answer.set(Some((sql, table)));
                    }
                    Ok(CatalogReply::Done | CatalogReply::Recovered(_)) => {}
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let save = {
        let (saving, problem, asked) = (saving.clone(), problem.setter(), answer.as_ref().map(|(sql, _)| sql.clone()));
        Callback::from(move |_: MouseEvent| {
            let Some(sql) = asked.clone().filter(|_| !*saving) else { return };
            saving.set(true);
            let (saving, problem, download) = (saving.setter(), problem.clone(), download.clone());
            workbench.ask_catalog(CatalogRequest::Query { sql, rows: ROWS_MAX }, move |result| {
                saving.set(false);
                match result.and_then(|reply| save_reply(&reply)) {
                    Ok(saved) => *download.borrow_mut() = saved,
                    Err(failed) => problem.set(Some(failed)),
                }
            });
        })
    };
    let oninput = {
        let sql = sql.setter();
        Callback::from(move |event: InputEvent| sql.set(event.target_unchecked_into::<HtmlTextAreaElement>().value()))
    };
    let onkeydown = {
        let run = run.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                run.emit(event.target_unchecked_into::<HtmlTextAreaElement>().value());
            }
        })
    };
    let onclick = {
        let (run, sql) = (run.clone(), sql.clone());
        Callback::from(move |_: MouseEvent| run.emit((*sql).clone()))
    };
    let examples = EXAMPLES.iter().map(|(label, example)| {
        let (sql, run) = (sql.setter(), run.clone());
        MenuItem {
            label: (*label).into(),
            detail: None,
            name: None,
            icon: None,
            danger: false,
            onselect: Callback::from(move |()| {
                sql.set((*example).to_owned());
                run.emit((*example).to_owned());
            }),
        }
    });
    html! {
        <section class="section" aria-labelledby="ask">
            <h2 id="ask">{ "Ask in SQL" }</h2>
            <div class="panel query">
                <label class="visually-hidden" for="sql">{ "Question in SQL" }</label>
                <textarea id="sql" class="mono" rows="6" spellcheck="false" autocapitalize="off" autocomplete="off"
                    aria-describedby="sql-about" value={(*sql).clone()} {oninput} {onkeydown} />
                <div class="query-actions">
                    <Button label="Run" kind={Kind::Primary} icon={Icon::Play} busy={*busy} {onclick} />
                    <Menu label="Examples" icon={Icon::More} items={examples.collect::<Vec<_>>()} />
                    <p id="sql-about" class="remark">
                        { "Reads only. " }<kbd>{ "Ctrl" }</kbd>{ " + " }<kbd>{ "Enter" }</kbd>{ " runs it. Times are in UTC." }
                    </p>
                    if answer.is_some() {
                        <Button label="Save as CSV" icon={Icon::Export} class="small" busy={*saving} onclick={save} />
                    }
                </div>
                if let Some(problem) = &*problem {
                    <div class="notice" role="alert">
                        { Html::from(Icon::Warning) }
                        <div class="notice-body">
                            <pre class="mono">{ &problem.message }</pre>
                            <p class="notice-advice">{ &problem.advice }</p>
                        </div>
                    </div>
                }
                if let Some((_, table)) = &*answer { { result(table) } }
            </div>
        </section>
    }
}

fn save_reply(reply: &CatalogReply) -> Result<Option<TextDownload>, Problem> {
    let CatalogReply::Table(table) = reply else { return Ok(None) };
    let failed = |_| Problem::new(ProblemCode::Internal, "The browser did not begin to save the file.");
    save_text("workbench.csv", "text/csv;charset=utf-8", &catalog::csv::write(table)).map(Some).map_err(failed)
}

/// How many rows there are, in words.
fn count(table: &Table) -> String {
    match (table.rows.len(), table.more) {
        (1, false) => "1 row".to_owned(),
        (rows, false) => format!("{rows} rows"),
        (rows, true) => format!("The first {rows} rows; there are more, which are saved in a CSV file"),
    }
}

/// Whether values of this type read better at the right.
fn is_number(kind: &str) -> bool {
    ["INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL"].iter().any(|word| kind.contains(word)) && !kind.contains('[')
}

fn result(table: &Table) -> Html {
    let right: Vec<bool> = table.columns.iter().map(|column| is_number(&column.kind)).collect();
    let class = |at: usize| right.get(at).copied().unwrap_or_default().then_some("right");
    html! {
        <>
            <p class="remark count" role="status">{ count(table) }</p>
            <div class="scroll result" tabindex="0" role="region" aria-label="Result">
                <table>
                    <thead>
                        <tr>{ for table.columns.iter().enumerate().map(|(at, column)| html! {
                            <th scope="col" class={classes!(class(at))}>{ &column.name }<small>{ &column.kind }</small></th>
                        }) }</tr>
                    </thead>
                    <tbody>{ for table.rows.iter().map(|row| html! {
                        <tr>{ for row.iter().enumerate().map(|(at, value)| match value {
                            Some(value) => html! { <td class={classes!(class(at))}>{ value }</td> },
                            None => html! { <td class={classes!("null", class(at))}>{ "NULL" }</td> },
                        }) }</tr>
                    }) }</tbody>
                </table>
            </div>
        </>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_in_words() {
        let table = |rows, more| Table { columns: vec![], rows: vec![vec![]; rows], more };
        assert_eq!(count(&table(1, false)), "1 row");
        assert_eq!(count(&table(0, false)), "0 rows");
        assert!(count(&table(500, true)).starts_with("The first 500 rows; there are more"));
    }

    #[test]
    fn numbers_stand_at_the_right() {
        assert!(is_number("BIGINT") && is_number("DOUBLE") && is_number("DECIMAL(18,3)"));
        assert!(!is_number("VARCHAR") && !is_number("INTEGER[]") && !is_number("TIMESTAMP"));
    }

    #[test]
    fn every_example_may_be_asked() {
        for (name, sql) in EXAMPLES {
            assert!(catalog::guard::check(sql).is_ok(), "{name}");
        }
    }
}
