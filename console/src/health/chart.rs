use ui::SECONDS;
use yew::prelude::*;

/// The chart's size in its own units.
const SIZE: (f64, f64) = (120.0, 28.0);

#[derive(Properties, PartialEq)]
pub(super) struct ChartProps {
    /// What it shows, in words.
    pub(super) label: AttrValue,
    /// Lines of figures, oldest first; the first one is filled.
    pub(super) lines: Vec<Vec<f64>>,
    /// What the top is at least.
    pub(super) top: f64,
}

/// A small chart of the last minute, the newest at the right.
#[component]
pub(super) fn Chart(props: &ChartProps) -> Html {
    let (width, height) = SIZE;
    let top = props.lines.iter().flatten().copied().fold(props.top, f64::max);
    let path = |line: &Vec<f64>| {
        let points = points(line, top);
        points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
    };
    let area = props.lines.first().filter(|line| line.len() > 1).map(|line| {
        let first = points(line, top).first().map_or(width, |point| point.0);
        format!("{first:.1},{height} {} {width},{height}", path(line))
    });
    html! {
        <svg class="figure-chart" viewBox={format!("0 0 {width} {height}")} preserveAspectRatio="none" role="img"
            aria-label={props.label.clone()}>
            if let Some(area) = area { <polygon class="chart-area" points={area} /> }
            { for props.lines.iter().enumerate().map(|(index, line)| html! {
                <polyline class={classes!("chart-line", (index > 0).then_some("second"))} points={path(line)} />
            }) }
        </svg>
    }
}

/// Where the figures are, of which the newest is at the right edge.
fn points(line: &[f64], top: f64) -> Vec<(f64, f64)> {
    let (width, height) = SIZE;
    let step = width / (SECONDS - 1) as f64;
    let start = width - step * (line.len().saturating_sub(1)) as f64;
    // A line at the very edge would be cut in half.
    let place = |(index, value): (usize, &f64)| {
        let share = if top > 0.0 { value / top } else { 0.0 };
        (start + step * index as f64, height - 1.0 - share * (height - 2.0))
    };
    line.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_figure_is_at_the_right_and_the_largest_at_the_top() {
        let found = points(&[0.0, 1.0], 1.0);
        assert_eq!(found[1], (SIZE.0, 1.0));
        assert_eq!(found[0].1, SIZE.1 - 1.0);
        assert!(points(&[0.0; SECONDS], 0.0)[0].0.abs() < 1e-9, "a full minute fills it");
    }
}
