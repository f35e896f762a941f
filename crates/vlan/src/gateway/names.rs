//! What other LANs are called below `.lan`, whichever way they are joined.

use super::label;
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// The names that other LANs have given themselves. Two of them may have the same one; then their numbers tell them apart.
#[derive(Clone, Debug, Default)]
pub struct LanNames {
    wanted: BTreeMap<String, BTreeSet<(u8, u8)>>,
}

impl LanNames {
    /// This LAN calls itself so. One that is joined twice is still one.
    pub fn want(&mut self, name: &str, plan: Plan) {
        self.wanted.entry(label(name)).or_default().insert((plan.a, plan.b));
    }

    /// The label of a LAN that calls itself so: its name, if no other LAN wants it, else with its numbers behind it.
    pub fn label(&self, name: &str, plan: Plan) -> String {
        let plain = label(name);
        let numbers = (plan.a, plan.b);
        let shared = self.wanted.get(&plain).is_some_and(|lans| lans.iter().any(|other| *other != numbers));
        match shared || plain.is_empty() {
            false => plain,
            true => {
                let (a, b) = numbers;
                let numbers = format!("-{a}-{b}");
                let room = 63 - numbers.len();
                // Cut here, so that the numbers are never what is cut off.
                label(&format!("{}{numbers}", plain.get(..room).unwrap_or(&plain)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Plan = Plan { a: 1, b: 2 };
    const TWO: Plan = Plan { a: 3, b: 4 };

    #[test]
    fn a_name_that_two_lans_want_gets_their_numbers() {
        let mut names = LanNames::default();
        names.want("Ada", ONE);
        assert_eq!(names.label("Ada", ONE), "ada");
        names.want("ada", ONE);
        assert_eq!(names.label("Ada", ONE), "ada", "one LAN that is joined twice is one");
        names.want("ADA", TWO);
        assert_eq!((names.label("Ada", ONE), names.label("ADA", TWO)), ("ada-1-2".to_owned(), "ada-3-4".to_owned()));
        names.want("Bert", TWO);
        assert_eq!(names.label("Bert", TWO), "bert");
    }

    #[test]
    fn a_name_without_letters_is_its_numbers_and_a_long_one_keeps_them() {
        let mut names = LanNames::default();
        assert_eq!(names.label("—", ONE), "1-2");
        let long = "x".repeat(63);
        names.want(&long, ONE);
        assert_eq!(names.label(&long, ONE), long);
        names.want(&long, TWO);
        assert_eq!(names.label(&long, TWO), format!("{}-3-4", "x".repeat(59)));
    }
}
