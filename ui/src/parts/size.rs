use protocol::MemoryMib;

/// A machine's memory as people read it.
pub fn memory(size: MemoryMib) -> String {
    match size.mib() {
        mib if mib >= 1024 => format!("{} GiB", mib / 1024),
        mib => format!("{mib} MiB"),
    }
}

/// Units above the byte, each 1024 times the one before.
const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];

/// A number of bytes as people read it: one decimal below ten, none above.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut text = if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
    for unit in UNITS {
        if value.round() < 1024.0 {
            break;
        }
        value /= 1024.0;
        let tenths = (value * 10.0).round();
        let whole = tenths % 10.0 == 0.0 || value >= 9.95;
        text = if whole { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") };
    }
    text
}

/// A size that was typed, in bytes: a whole or decimal number of MiB or GiB. None if it is no whole number of MiB.
pub fn typed_bytes(number: &str, gib: bool) -> Option<u64> {
    let number: f64 = number.trim().replace(',', ".").parse().ok()?;
    let mib = if gib { number * 1024.0 } else { number };
    // Above this there is no disk, and below it the conversion is exact.
    let valid = mib.fract() == 0.0 && (1.0..=f64::from(1 << 30)).contains(&mib);
    valid.then_some((mib as u64) << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::MEMORY_CHOICES_MIB;

    #[test]
    fn bytes_are_told_in_the_largest_unit_that_leaves_a_number_above_one() {
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (10 * 1024, "10 KiB"),
            ((1 << 20) - 1, "1 MiB"),
            (3_565_158, "3.4 MiB"),
            (256 << 20, "256 MiB"),
            ((1 << 30) + (1 << 29), "1.5 GiB"),
            (2 << 40, "2 TiB"),
            (5000 << 40, "5000 TiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text, "{count}");
        }
    }

    #[test]
    fn a_typed_size_is_a_whole_number_of_mib() {
        assert_eq!(typed_bytes("512", false), Some(512 << 20));
        assert_eq!(typed_bytes(" 1.5 ", true), Some(1536 << 20));
        assert_eq!(typed_bytes("1,5", true), Some(1536 << 20));
        for wrong in ["", "x", "0", "-1", "0.3", "NaN", "inf", "1e30"] {
            assert_eq!(typed_bytes(wrong, false), None, "{wrong}");
        }
    }

    #[test]
    fn every_size_that_a_machine_can_have_is_a_round_number_of_its_unit() {
        let texts = MEMORY_CHOICES_MIB.map(|mib| memory(MemoryMib::try_from(mib).unwrap()));
        assert_eq!(texts, ["32 MiB", "64 MiB", "128 MiB", "256 MiB", "512 MiB", "1 GiB", "2 GiB"]);
    }
}
