//! What the page shows around its terminals.

use crate::screen::Found;
use protocol::{Stream, TerminalSize};
use std::rc::Rc;
use yew::Reducible;

/// Smallest, usual and largest font, in CSS pixels.
pub(crate) const FONTS: [u32; 3] = [9, 14, 28];

/// A short word to the user, for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    /// What it says.
    pub(crate) text: String,
    /// Something did not work.
    pub(crate) bad: bool,
}

/// Something happened on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The terminals show another run.
    NewRun,
    /// A terminal got its first bytes of this run.
    Printed(Stream),
    /// The user chose a tab.
    Choose(Stream),
    /// The guest's shell has this size.
    GuestSize(TerminalSize),
    /// The terminals have this size.
    Size(TerminalSize),
    /// Text is selected, or none.
    Selected(bool),
    /// The pointer is over a link, or over none.
    Pointed(Option<String>),
    /// Search found this.
    Found(Found),
    /// The search is opened.
    Find,
    /// The search is closed.
    EndSearch,
    /// The panel with the disks is opened.
    ShowDisks,
    /// The panel with the disks is closed.
    HideDisks,
    /// The panel with the disks is opened or closed.
    ToggleDisks,
    /// The panel with the shared files is closed.
    HideFiles,
    /// The panel with the shared files is opened or closed.
    ToggleFiles,
    /// The panel with the profiles is closed.
    HideProfiles,
    /// The panel with the profiles is opened or closed.
    ToggleProfiles,
    /// The panel with the machine's health is closed.
    HideHealth,
    /// The panel with the machine's health is opened or closed.
    ToggleHealth,
    /// The font gets this size.
    Font(u32),
    /// The terminals are to be readable for a screen reader, or need not be.
    Speak(bool),
    /// Something to tell.
    Say(Hint),
    /// It was there long enough.
    Unsay,
}

/// The page's own state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    choice: Option<Stream>,
    printed: [bool; 2],
    /// Size of the guest's shell.
    pub(crate) guest: Option<TerminalSize>,
    /// Size of the terminals.
    pub(crate) size: Option<TerminalSize>,
    /// Whether text is selected.
    pub(crate) selected: bool,
    /// Address under the pointer.
    pub(crate) link: Option<String>,
    /// What search found last.
    pub(crate) found: Option<Found>,
    /// Whether the search is open.
    pub(crate) searching: bool,
    /// Whether the panel with the disks is open.
    pub(crate) disks: bool,
    /// Whether the panel with the shared files is open; it has the same place.
    pub(crate) files: bool,
    /// Whether the panel with the profiles is open; it too has that place.
    pub(crate) profiles: bool,
    /// Whether the panel with the machine's health is open, in that place as well.
    pub(crate) health: bool,
    /// Size of the font.
    pub(crate) font: u32,
    /// Whether the terminals are readable for a screen reader.
    pub(crate) spoken: bool,
    /// What is being told.
    pub(crate) hint: Option<Hint>,
}

impl View {
    /// The page as it opens.
    pub(crate) fn new(font: u32, spoken: bool) -> Self {
        Self {
            choice: None,
            printed: [false; 2],
            guest: None,
            size: None,
            selected: false,
            link: None,
            found: None,
            searching: false,
            disks: false,
            files: false,
            profiles: false,
            health: false,
            font: font.clamp(FONTS[0], FONTS[2]),
            spoken,
            hint: None,
        }
    }

    /// The terminal to show: the user's choice, else the boot messages until the shell says something.
    pub(crate) fn tab(&self) -> Stream {
        let [_, shell] = self.printed;
        self.choice.unwrap_or(if shell { Stream::Shell } else { Stream::Serial })
    }

    /// Whether this run has printed anything.
    pub(crate) fn has_output(&self) -> bool {
        self.printed != [false; 2]
    }

    /// The guest's size where it is not that of the shown shell: another page shows it smaller.
    pub(crate) fn foreign_size(&self) -> Option<TerminalSize> {
        self.guest.filter(|guest| self.tab() == Stream::Shell && self.size.is_some_and(|size| size != *guest))
    }

    /// Which panel is open, at most one of them: disks, shared files, profiles, health.
    fn show_panels(&mut self, open: [bool; 4]) {
        [self.disks, self.files, self.profiles, self.health] = open;
    }

    fn after(&mut self, signal: Signal) {
        match signal {
            Signal::NewRun => (self.printed, self.guest) = ([false; 2], None),
            Signal::Printed(Stream::Serial) => self.printed[0] = true,
            Signal::Printed(Stream::Shell) => self.printed[1] = true,
            Signal::Choose(stream) => self.choice = Some(stream),
            Signal::GuestSize(size) => self.guest = Some(size),
            Signal::Size(size) => self.size = Some(size),
            Signal::Selected(selected) => self.selected = selected,
            Signal::Pointed(link) => self.link = link,
            Signal::Found(found) => self.found = Some(found),
            Signal::Find => self.searching = true,
            Signal::EndSearch => (self.searching, self.found) = (false, None),
            Signal::ShowDisks => self.show_panels([true, false, false, false]),
            Signal::HideDisks => self.disks = false,
            Signal::ToggleDisks => self.show_panels([!self.disks, false, false, false]),
            Signal::HideFiles => self.files = false,
            Signal::ToggleFiles => self.show_panels([false, !self.files, false, false]),
            Signal::HideProfiles => self.profiles = false,
            Signal::ToggleProfiles => self.show_panels([false, false, !self.profiles, false]),
            Signal::HideHealth => self.health = false,
            Signal::ToggleHealth => self.show_panels([false, false, false, !self.health]),
            Signal::Font(font) => self.font = font.clamp(FONTS[0], FONTS[2]),
            Signal::Speak(spoken) => self.spoken = spoken,
            Signal::Say(hint) => self.hint = Some(hint),
            Signal::Unsay => self.hint = None,
        }
    }
}

impl Reducible for View {
    type Action = Signal;

    fn reduce(self: Rc<Self>, signal: Signal) -> Rc<Self> {
        let mut view = (*self).clone();
        view.after(signal);
        if view == *self { self } else { view.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(signals: impl IntoIterator<Item = Signal>) -> View {
        let mut view = View::new(14, false);
        signals.into_iter().for_each(|signal| view.after(signal));
        view
    }

    #[test]
    fn boot_messages_are_shown_until_the_shell_says_something() {
        assert_eq!(view([]).tab(), Stream::Serial);
        assert_eq!(view([Signal::Printed(Stream::Serial)]).tab(), Stream::Serial);
        assert_eq!(view([Signal::Printed(Stream::Shell)]).tab(), Stream::Shell);
        assert_eq!(view([Signal::Printed(Stream::Shell), Signal::NewRun]).tab(), Stream::Serial);
    }

    #[test]
    fn the_users_choice_of_a_tab_stays() {
        let chosen = view([Signal::Choose(Stream::Serial), Signal::Printed(Stream::Shell)]);
        assert_eq!(chosen.tab(), Stream::Serial);
        assert_eq!(view([Signal::Choose(Stream::Shell), Signal::NewRun]).tab(), Stream::Shell);
    }

    #[test]
    fn the_guests_size_is_told_only_where_it_differs_from_what_is_shown() {
        let size = |cols| TerminalSize { cols, rows: 24 };
        let shell = Signal::Printed(Stream::Shell);
        let same = view([shell.clone(), Signal::Size(size(80)), Signal::GuestSize(size(80))]);
        assert_eq!(same.foreign_size(), None);
        let other = view([shell, Signal::Size(size(120)), Signal::GuestSize(size(80))]);
        assert_eq!(other.foreign_size(), Some(size(80)));
        let serial = view([Signal::Size(size(120)), Signal::GuestSize(size(80))]);
        assert_eq!(serial.foreign_size(), None, "the serial port has no size");
    }

    #[test]
    fn one_panel_is_open_at_a_time() {
        let both = view([Signal::ToggleFiles, Signal::ToggleDisks]);
        assert!(both.disks && !both.files);
        let files = view([Signal::ShowDisks, Signal::ToggleFiles]);
        assert!(files.files && !files.disks);
        assert!(!view([Signal::ToggleFiles, Signal::ToggleFiles]).files);
        let profiles = view([Signal::ToggleFiles, Signal::ToggleProfiles]);
        assert!(profiles.profiles && !profiles.files);
        let health = view([Signal::ToggleProfiles, Signal::ToggleHealth]);
        assert!(health.health && !health.profiles);
    }

    #[test]
    fn a_font_stays_legible() {
        assert_eq!(View::new(1, false).font, FONTS[0]);
        assert_eq!(view([Signal::Font(1000)]).font, FONTS[2]);
    }
}
