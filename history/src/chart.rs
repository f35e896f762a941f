use crate::plot::{HEIGHT, LEFT, Plot, Sample, WIDTH, plot};
use crate::rows::duration;
use ui::{bytes, moment};
use yew::prelude::*;

/// Most rows of the table beside a chart.
const ROWS_MAX: usize = 200;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Bytes,
}

impl Unit {
    /// What round numbers are powers of.
    fn base(self) -> u64 {
        match self {
            Self::Milliseconds => 10,
            Self::Bytes => 1024,
        }
    }

    /// A value as people read it.
    fn words(self, value: u64) -> String {
        match self {
            Self::Milliseconds => duration(value),
            Self::Bytes => bytes(value),
        }
    }
}

#[derive(Properties, PartialEq)]
pub(crate) struct ChartProps {
    /// Names the chart in the page; unique there.
    pub(crate) id: &'static str,
    /// What it shows.
    pub(crate) title: &'static str,
    /// Oldest first.
    pub(crate) samples: Vec<Sample>,
    pub(crate) unit: Unit,
    /// Each sample follows from the one before, so that a line between them means something.
    #[prop_or_default]
    pub(crate) line: bool,
    /// What stands there without samples.
    pub(crate) empty: &'static str,
}

/// A chart of something over time, and the same as a table.
#[component]
pub(crate) fn Chart(props: &ChartProps) -> Html {
    let ChartProps { id, title, samples, unit, .. } = props;
    html! {
        <section class="section" aria-labelledby={*id}>
            <h2 id={*id}>{ title }</h2>
            <div class="panel chart">
                if let Some(plot) = plot(samples, unit.base()) {
                    { drawing(props, &plot) }
                    <details>
                        <summary>{ "As a table" }</summary>
                        <div class="scroll" tabindex="0" role="region" aria-label={format!("{title} as a table")}>
                            <table>
                                <thead><tr><th scope="col">{ "When" }</th><th scope="col">{ title }</th></tr></thead>
                                <tbody>
                                    { for samples.iter().rev().take(ROWS_MAX).map(|(time, value)| html! {
                                        <tr><td>{ moment(*time) }</td><td class="number">{ unit.words(*value) }</td></tr>
                                    }) }
                                </tbody>
                            </table>
                        </div>
                    </details>
                } else {
                    <p class="nothing">{ props.empty }</p>
                }
            </div>
        </section>
    }
}

/// What the chart shows, in a sentence.
fn summary(samples: &[Sample], unit: Unit) -> String {
    let values = || samples.iter().map(|(_, value)| *value);
    let (Some(least), Some(most), Some(last)) = (values().min(), values().max(), values().next_back()) else {
        return String::new();
    };
    let count = if samples.len() == 1 { "1 value".to_owned() } else { format!("{} values", samples.len()) };
    format!("{count} from {} to {}; the latest is {}.", unit.words(least), unit.words(most), unit.words(last))
}

fn drawing(props: &ChartProps, plot: &Plot) -> Html {
    let ChartProps { id, title, samples, unit, .. } = props;
    let (title_id, about_id) = (format!("{id}-title"), format!("{id}-about"));
    let points: Vec<String> = plot.points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let (first, last) = plot.span;
    let base_line = HEIGHT - 6.0;
    html! {
        <svg class="drawing" viewBox={format!("0 0 {WIDTH} {HEIGHT}")} role="img" aria-labelledby={title_id.clone()}
            aria-describedby={about_id.clone()}>
            <title id={title_id}>{ title }</title>
            <desc id={about_id}>{ summary(samples, *unit) }</desc>
            { for plot.grid.iter().map(|(y, value)| html! {
                <g>
                    <line class="grid" x1={LEFT.to_string()} x2={WIDTH.to_string()} y1={format!("{y:.1}")} y2={format!("{y:.1}")} />
                    <text class="label" x={(LEFT - 8.0).to_string()} y={format!("{:.1}", y + 3.5)} text-anchor="end">{ unit.words(*value) }</text>
                </g>
            }) }
            if props.line && points.len() > 1 { <polyline class="line" points={points.join(" ")} /> }
            { for plot.points.iter().zip(samples).map(|((x, y), (time, value))| html! {
                <circle class="point" cx={format!("{x:.1}")} cy={format!("{y:.1}")} r="2.6">
                    <title>{ format!("{}: {}", moment(*time), unit.words(*value)) }</title>
                </circle>
            }) }
            <text class="label" x={LEFT.to_string()} y={base_line.to_string()}>{ moment(first) }</text>
            if last > first {
                <text class="label" x={WIDTH.to_string()} y={base_line.to_string()} text-anchor="end">{ moment(last) }</text>
            }
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_said_in_a_sentence() {
        let said = summary(&[(0, 612), (1, 480), (2, 500)], Unit::Milliseconds);
        assert_eq!(said, "3 values from 480 ms to 612 ms; the latest is 500 ms.");
    }
}
