use protocol::MemoryMib;

/// A machine's memory as people read it.
pub fn memory(size: MemoryMib) -> String {
    match size.mib() {
        mib if mib >= 1024 => format!("{} GiB", mib / 1024),
        mib => format!("{mib} MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::MEMORY_CHOICES_MIB;

    #[test]
    fn every_size_that_a_machine_can_have_is_a_round_number_of_its_unit() {
        let texts = MEMORY_CHOICES_MIB.map(|mib| memory(MemoryMib::try_from(mib).unwrap()));
        assert_eq!(texts, ["32 MiB", "64 MiB", "128 MiB", "256 MiB", "512 MiB", "1 GiB", "2 GiB"]);
    }
}
