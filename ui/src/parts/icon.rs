//! Our own icons: outlines on a 16 by 16 grid with round ends, in the colour of the text around them.

use yew::prelude::*;

/// An icon. It says nothing to assistive technology: the control that bears it has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A tick.
    Check,
    /// Opens a menu below.
    ChevronDown,
    /// Towards earlier matches.
    ChevronUp,
    /// An eraser.
    Clear,
    /// Two machines out of one.
    Clone,
    /// A cross.
    Close,
    /// Two sheets.
    Copy,
    /// A disk drive.
    Disk,
    /// An arrow out of a tray.
    Export,
    /// A sheet.
    File,
    /// A folder.
    Folder,
    /// A folder with a plus.
    FolderPlus,
    /// A clock whose hands go back.
    History,
    /// An arrow into a tray.
    Import,
    /// A chip.
    Memory,
    /// A dark theme.
    Moon,
    /// Three dots.
    More,
    /// Two computers on one cable.
    Network,
    /// The system's theme.
    Monitor,
    /// A clipboard.
    Paste,
    /// A line that beats.
    Pulse,
    /// Two bars.
    Pause,
    /// A box with a lid.
    Package,
    /// A pencil.
    Pencil,
    /// A triangle that points to the right.
    Play,
    /// The sign on a power switch.
    Power,
    /// A circular arrow.
    Restart,
    /// A magnifying glass.
    Search,
    /// Two sliders.
    Settings,
    /// Something is being said.
    Speech,
    /// A square.
    Stop,
    /// A light theme.
    Sun,
    /// A camera.
    Snapshot,
    /// A prompt.
    Terminal,
    /// A letter with a plus.
    TextLarger,
    /// A letter with a minus.
    TextSmaller,
    /// A bin.
    Trash,
    /// An arrow back to the left.
    Undo,
    /// A triangle with an exclamation mark.
    Warning,
}

impl Icon {
    /// The outline.
    fn path(self) -> &'static str {
        match self {
            Self::Check => "M3.5 8.5l3 3 6-7",
            Self::ChevronDown => "M4 6.25l4 4 4-4",
            Self::ChevronUp => "M4 9.75l4-4 4 4",
            Self::Clear => {
                "M7 13.25h6.25M9.6 3.1l3.3 3.3a1 1 0 0 1 0 1.4l-5.1 5.1a1 1 0 0 1-.7.3H5.9a1 1 0 0 1-.7-.3L3.1 \
                 10.8a1 1 0 0 1 0-1.4l5.1-6.3a1 1 0 0 1 1.4 0zM5.7 6.4l4.4 4.2"
            }
            Self::Clone => {
                "M4.5 2.5a1.75 1.75 0 1 0 0 3.5a1.75 1.75 0 1 0 0-3.5M4.5 10a1.75 1.75 0 1 0 0 3.5a1.75 1.75 0 1 0 \
                 0-3.5M11.5 4.5a1.75 1.75 0 1 0 0 3.5a1.75 1.75 0 1 0 0-3.5M4.5 6v4M11.5 8c0 2-7 .5-7 2"
            }
            Self::Close => "M4 4l8 8M12 4l-8 8",
            Self::Copy => {
                "M6.75 5.5h5a1.25 1.25 0 0 1 1.25 1.25v5A1.25 1.25 0 0 1 11.75 13h-5a1.25 1.25 0 0 \
                 1-1.25-1.25v-5A1.25 1.25 0 0 1 6.75 5.5zM3.3 10.2A1.25 1.25 0 0 1 3 9.4V4.25A1.25 1.25 0 0 1 4.25 \
                 3h5.1c.3 0 .6.1.8.3"
            }
            Self::Disk => {
                "M3.5 9L4.6 3.8a1 1 0 0 1 1-.8h4.8a1 1 0 0 1 1 .8L12.5 9M3.5 9h9a1 1 0 0 1 1 1v2a1 1 0 0 1-1 1h-9a1 1 0 0 \
                 1-1-1v-2a1 1 0 0 1 1-1zM10.75 11h.01"
            }
            Self::Export => "M8 9.75V2.75M5.25 5.25L8 2.5l2.75 2.75M2.75 10v2.25a1 1 0 0 0 1 1h8.5a1 1 0 0 0 1-1V10",
            Self::File => "M4.75 2.5h4.5l3 3v7a1 1 0 0 1-1 1h-6.5a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM9 2.75v3h3",
            Self::Package => "M2.5 5.25L8 2.5l5.5 2.75v5.5L8 13.5l-5.5-2.75zM2.5 5.25L8 8l5.5-2.75M8 8v5.5",
            Self::Folder => {
                "M2.5 4.25a1 1 0 0 1 1-1h2.6a1 1 0 0 1 .8.4l.85 1.1h4.75a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1z"
            }
            Self::FolderPlus => {
                "M2.5 4.25a1 1 0 0 1 1-1h2.6a1 1 0 0 1 .8.4l.85 1.1h4.75a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-9a1 1 0 0 \
                 1-1-1zM8 7.25v3.5M6.25 9h3.5"
            }
            Self::Pulse => "M1.75 8.25h2.9L6.5 3.5l3.25 9L11.4 8.25h2.85",
            Self::History => "M2.75 8a5.25 5.25 0 1 0 1.6-3.75M4.25 1.75V4.5H7M8 5v3.25l2.25 1.25",
            Self::Import => "M8 2.75v7M5.25 7.25L8 10l2.75-2.75M2.75 10v2.25a1 1 0 0 0 1 1h8.5a1 1 0 0 0 1-1V10",
            Self::Memory => {
                "M5 4h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM6.5 2v2M9.5 2v2M6.5 12v2M9.5 \
                 12v2M2 6.5h2M2 9.5h2M12 6.5h2M12 9.5h2"
            }
            Self::Moon => "M13.2 9.6A5.5 5.5 0 1 1 6.4 2.8a4.4 4.4 0 0 0 6.8 6.8z",
            Self::More => "M3.5 8h.01M8 8h.01M12.5 8h.01",
            Self::Network => "M6 2.75h4v3H6zM2.5 10.25h4v3h-4zM9.5 10.25h4v3h-4zM8 5.75V8M4.5 10.25V8h7v2.25",
            Self::Monitor => {
                "M3.5 3h9a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM6 13h4M8 10.5V13"
            }
            Self::Paste => {
                "M5.5 3.25H4.75A1.25 1.25 0 0 0 3.5 4.5v7.75a1.25 1.25 0 0 0 1.25 1.25h6.5a1.25 1.25 0 0 0 \
                 1.25-1.25V4.5a1.25 1.25 0 0 0-1.25-1.25h-.75M6.25 2.25h3.5a.5.5 0 0 1 .5.5v1a.75.75 0 0 1-.75.75h-3a.75.75 \
                 0 0 1-.75-.75v-1a.5.5 0 0 1 .5-.5z"
            }
            Self::Pause => "M5.5 3.75v8.5M10.5 3.75v8.5",
            Self::Pencil => "M3 13l.6-2.8 7.2-7.2a1 1 0 0 1 1.4 0l.8.8a1 1 0 0 1 0 1.4l-7.2 7.2zM9.5 4.3l2.2 2.2",
            Self::Play => "M5 3.4v9.2a.5.5 0 0 0 .8.4l6.9-4.6a.5.5 0 0 0 0-.8L5.8 3a.5.5 0 0 0-.8.4z",
            Self::Power => "M8 2.25v5.5M4.7 4.3a5 5 0 1 0 6.6 0",
            Self::Restart => "M13 3v3h-3M12.7 5.9A5 5 0 1 0 13 8.6",
            Self::Search => "M7 2.75a4.25 4.25 0 1 0 0 8.5a4.25 4.25 0 1 0 0-8.5M10.2 10.2l3.05 3.05",
            Self::Settings => {
                "M2.5 5h5.25M11.5 5h2M2.5 11h2M8.25 11h5.25M7.75 5a1.9 1.9 0 1 0 3.8 0a1.9 1.9 0 1 0-3.8 0M4.5 11a1.9 \
                 1.9 0 1 0 3.8 0a1.9 1.9 0 1 0-3.8 0"
            }
            Self::Speech => {
                "M3.75 3h8.5a1.25 1.25 0 0 1 1.25 1.25v5.5A1.25 1.25 0 0 1 12.25 11H8l-3 2.5V11H3.75A1.25 1.25 0 0 1 2.5 \
                 9.75v-5.5A1.25 1.25 0 0 1 3.75 3zM5.5 7h5"
            }
            Self::Snapshot => {
                "M3.5 4.75h1.9l.7-1.2a.6.6 0 0 1 .5-.3h2.8a.6.6 0 0 1 .5.3l.7 1.2h1.9a1 1 0 0 1 1 1v5.75a1 1 0 0 1-1 \
                 1h-9a1 1 0 0 1-1-1V5.75a1 1 0 0 1 1-1zM8 6.25a2.25 2.25 0 1 0 0 4.5a2.25 2.25 0 1 0 0-4.5"
            }
            Self::Stop => {
                "M4.75 4h6.5a.75.75 0 0 1 .75.75v6.5a.75.75 0 0 1-.75.75h-6.5a.75.75 0 0 1-.75-.75v-6.5A.75.75 0 0 1 4.75 4z"
            }
            Self::Sun => {
                "M8 5.25a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 1 0 0-5.5M8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 \
                 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7"
            }
            Self::Terminal => "M3.5 4.75L6.75 8 3.5 11.25M8.5 11.5h4",
            Self::TextLarger => "M1.75 12.5l3.5-9 3.5 9M3 9.5h4.5M12.25 5.75v4.5M10 8h4.5",
            Self::TextSmaller => "M1.75 12.5l3.5-9 3.5 9M3 9.5h4.5M10 8h4.5",
            Self::Trash => {
                "M2.75 4.5h10.5M6.25 4.25V3a.5.5 0 0 1 .5-.5h2.5a.5.5 0 0 1 .5.5v1.25M4.25 4.5l.5 8.1a1 1 0 0 0 1 \
                 .9h4.5a1 1 0 0 0 1-.9l.5-8.1M6.75 7.25v3.5M9.25 7.25v3.5"
            }
            Self::Undo => "M5.75 3L2.75 6l3 3M3 6h6.25a3.5 3.5 0 0 1 0 7H6",
            Self::Warning => {
                "M7.4 2.9L2.1 12a.7.7 0 0 0 .6 1.05h10.6a.7.7 0 0 0 .6-1.05L8.6 2.9a.7.7 0 0 0-1.2 0zM8 6.5v3M8 11.25h.01"
            }
        }
    }

    /// Solid signs read better than outlines where everybody knows them.
    fn is_solid(self) -> bool {
        matches!(self, Self::Play | Self::Stop)
    }
}

impl From<Icon> for Html {
    fn from(icon: Icon) -> Self {
        let class = classes!("icon", icon.is_solid().then_some("solid"), (icon == Icon::More).then_some("dots"));
        html! {
            <svg {class} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
                <path d={icon.path()} />
            </svg>
        }
    }
}

/// The product's mark: a prompt in a box.
#[component]
pub fn Logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
            <rect class="logo-box" x="1" y="1" width="22" height="22" rx="6" />
            <path class="logo-mark" d="M7 8.5l3.75 3.5L7 15.5M12.75 16h4.75" />
        </svg>
    }
}
