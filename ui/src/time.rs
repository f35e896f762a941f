//! Times as people read them.

use gloo_timers::callback::Interval;
use yew::prelude::*;

/// Now, in milliseconds since 1970.
pub fn now() -> u64 {
    // Whole milliseconds after 1970: neither negative nor too large.
    js_sys::Date::now() as u64
}

/// How long something that began at `since` has run at `now` (both in milliseconds since 1970): two units at most.
pub fn uptime(since: u64, now: u64) -> String {
    let seconds = now.saturating_sub(since) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {:02} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A point in time on the wall: year, month from 0, day, hour, minute.
type Wall = (u32, u32, u32, u32, u32);

fn wall(time: u64) -> Wall {
    let date = js_sys::Date::new(&(time as f64).into());
    (date.get_full_year(), date.get_month(), date.get_date(), date.get_hours(), date.get_minutes())
}

/// A point in time (in milliseconds since 1970) as people read it here and today.
pub fn moment(time: u64) -> String {
    on_the_wall(wall(time), wall(now()))
}

fn on_the_wall((year, month, day, hour, minute): Wall, (this_year, this_month, today, ..): Wall) -> String {
    let month_name = MONTHS.get(month as usize).copied().unwrap_or_default();
    match (year == this_year, month == this_month && day == today) {
        (true, true) => format!("Today, {hour:02}:{minute:02}"),
        (true, false) => format!("{day} {month_name}, {hour:02}:{minute:02}"),
        (false, _) => format!("{day} {month_name} {year}, {hour:02}:{minute:02}"),
    }
}

/// Whole seconds from `now` until `then` (both in milliseconds since 1970), rounded up; none when it has passed.
pub fn countdown(then: u64, now: u64) -> u64 {
    then.saturating_sub(now).div_ceil(1000)
}

/// Now, anew every second while `ticking`.
#[hook]
pub fn use_now(ticking: bool) -> u64 {
    let tick = use_force_update();
    use_effect_with(ticking, move |ticking| {
        let interval = ticking.then(|| Interval::new(1000, move || tick.force_update()));
        move || drop(interval)
    });
    now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_has_two_units_at_most() {
        let after = |seconds: u64| uptime(5_000, 5_000 + seconds * 1000);
        assert_eq!(after(0), "0 s");
        assert_eq!(after(59), "59 s");
        assert_eq!(after(60), "1 min");
        assert_eq!(after(3599), "59 min");
        assert_eq!(after(3600), "1 h 00 min");
        assert_eq!(after(86_399), "23 h 59 min");
        assert_eq!(after(90_000), "1 d 1 h");
    }

    #[test]
    fn a_moment_leaves_out_what_is_plain() {
        let now = (2026, 2, 12, 18, 0);
        assert_eq!(on_the_wall((2026, 2, 12, 9, 5), now), "Today, 09:05");
        assert_eq!(on_the_wall((2026, 1, 12, 9, 5), now), "12 Feb, 09:05");
        assert_eq!(on_the_wall((2025, 2, 12, 23, 59), now), "12 Mar 2025, 23:59");
    }

    #[test]
    fn a_clock_that_was_set_back_shows_no_negative_uptime() {
        assert_eq!(uptime(9_000, 1_000), "0 s");
    }

    #[test]
    fn a_countdown_ends_at_zero_and_not_before_its_time() {
        assert_eq!(countdown(10_000, 0), 10);
        assert_eq!(countdown(10_000, 9_999), 1);
        assert_eq!(countdown(10_000, 10_000), 0);
        assert_eq!(countdown(10_000, 20_000), 0);
    }
}
