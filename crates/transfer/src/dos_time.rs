//! MS-DOS times, which are what zip archives have. They know no time zone; here they are UTC.

use zip::DateTime;

const DAY: u64 = 86_400;

/// A DOS time for seconds since 1970, the nearest one if it is before 1980 or after 2107.
pub(crate) fn from_unix(seconds: u64) -> DateTime {
    let (year, month, day) = civil(seconds / DAY);
    let rest = (seconds % DAY) as u32;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    match u16::try_from(year) {
        Ok(year @ 1980..=2107) => {
            DateTime::from_date_and_time(year, month, day, hour as u8, minute as u8, second as u8).unwrap_or_default()
        }
        Ok(0..1980) => DateTime::default(),
        _ => DateTime::from_date_and_time(2107, 12, 31, 23, 59, 58).unwrap_or_default(),
    }
}

/// Seconds since 1970.
pub(crate) fn to_unix(time: DateTime) -> u64 {
    let (year, month) = (u64::from(time.year()), u64::from(time.month()));
    // Years that begin in March have their odd day at the end.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + u64::from(time.day()).max(1) - 1;
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - DAYS_TO_1970;
    days * DAY + u64::from(time.hour()) * 3600 + u64::from(time.minute()) * 60 + u64::from(time.second())
}

/// Days from the first of March of the year 0 to the first of January of 1970.
const DAYS_TO_1970: u64 = 719_468;

/// Year, month and day of a number of days since 1970.
fn civil(days: u64) -> (u64, u8, u8) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
    let month = (if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 }) as u8;
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_two_seconds() {
        // 1980-01-01, a leap day, the end of a year, and the last one, as `date -u +%s` has them.
        for seconds in [315_532_800, 951_782_400, 1_709_208_000, 1_735_689_598, 4_354_819_198, 1_700_000_001] {
            assert_eq!(to_unix(from_unix(seconds)), seconds & !1, "{seconds}");
        }
        let time = from_unix(951_827_696);
        assert_eq!((time.year(), time.month(), time.day()), (2000, 2, 29));
        assert_eq!((time.hour(), time.minute(), time.second()), (12, 34, 56));
    }

    #[test]
    fn what_dos_has_no_time_for_becomes_its_first_or_last() {
        assert_eq!(to_unix(from_unix(0)), 315_532_800);
        assert_eq!(to_unix(from_unix(u64::MAX / 2)), 4_354_819_198);
    }
}
