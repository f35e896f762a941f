//! What two browsers say to each other on the reliable channel: JSON, one message each, with every length bounded.

use crate::code::{NAME_MAX, name_is_fine};
use crate::{Essentials, Numbers};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// The version of what is said here.
pub const VERSION: u32 = 2;
/// The longest message, in bytes.
pub const MESSAGE_MAX: usize = 32 * 1024;
/// The most machines of a LAN: its addresses.
pub const MACHINES_MAX: usize = 245;
/// The longest reason for an end, in bytes.
pub const REASON_MAX: usize = 200;

/// The most output of a console in one message, in bytes.
pub const SCREEN_MAX: usize = 16 * 1024;

/// A machine that the peer may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name, as a label of a domain name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The peer may look at its console.
    #[serde(default)]
    pub watch: bool,
}

/// What is new on a machine's console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// The machine's name.
    pub machine: String,
    /// What was shown before is nothing to it: it begins, or has begun anew.
    #[serde(default)]
    pub begins: bool,
    /// There was more than could be said, just before these bytes.
    #[serde(default)]
    pub left_out: bool,
    /// The size of the shell, in columns and lines, if it has another one.
    #[serde(default)]
    pub size: Option<(u16, u16)>,
    /// It is the shell's, and not the serial port's.
    pub shell: bool,
    /// What was put out, in base 64 (RFC 4648, section 4).
    #[serde(with = "as_base64")]
    pub bytes: Vec<u8>,
}

mod as_base64 {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        BASE64_STANDARD.encode(bytes).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
pub enum Message {
    /// The first of each side.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Its random number for the words.
        nonce: [u8; 16],
        /// What its LAN is called.
        name: String,
        /// The numbers of its LAN.
        numbers: Numbers,
    },
    /// The user lets the peer in, who may reach these machines.
    Accept {
        /// The machines.
        machines: Vec<Machine>,
    },
    /// The machines that the peer may reach have changed.
    Machines {
        /// All of them.
        machines: Vec<Machine>,
    },
    /// Is it there? With how many batches of frames were sent.
    Ping {
        /// Repeated by the answer.
        number: u32,
        /// Batches sent since the beginning.
        sent: u64,
    },
    /// Yes. With how many batches of frames have come.
    Pong {
        /// The number of the ping.
        number: u32,
        /// Batches received since the beginning.
        received: u64,
    },
    /// A way is looked for anew (an ICE restart).
    Restart {
        /// How to connect.
        essentials: Essentials,
        /// Whether it answers one that the other has begun.
        answer: bool,
    },
    /// There may be a second connection, for frames only.
    Second {
        /// How to connect.
        essentials: Essentials,
        /// Whether it answers one that the other has begun.
        answer: bool,
    },
    /// Show the console of a machine, or stop that.
    Watch {
        /// The machine's name.
        machine: String,
        /// Whether to show it.
        on: bool,
    },
    /// What is new on a console that is to be shown.
    Screen(Screen),
    /// What comes by the channel `direct` is not heard any more: whoever had it has died.
    Relayed,
    /// It is over.
    Bye {
        /// Why, for people.
        reason: String,
    },
    /// Something of a later version, which is left alone.
    #[serde(other)]
    Unknown,
}

/// Why a message is refused. Whoever sends one is not to be believed anything further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It is longer than any.
    #[error("a message of {0} bytes is too long")]
    TooLong(usize),
    /// It is no message.
    #[error("what was sent is no message")]
    NoMessage,
    /// It says what can't be.
    #[error("a message says what can’t be: {0}")]
    Nonsense(&'static str),
    /// Too many in a short time.
    #[error("too many messages came in a short time")]
    TooMany,
    /// It comes at a time at which it can't.
    #[error("a message came out of order")]
    Order,
    /// It does not fit what the code said.
    #[error("what was said does not fit the pairing code: somebody may be between the two browsers")]
    Mismatch,
    /// Another version.
    #[error("the other browser speaks version {0}, and this one version {VERSION}")]
    Version(u32),
}

impl Message {
    /// The message in bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // These values have no maps with keys that are not strings, so writing them does not fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a message; what it says of names, addresses and lengths is checked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Message, ControlError> {
        if bytes.len() > MESSAGE_MAX {
            return Err(ControlError::TooLong(bytes.len()));
        }
        let message: Message = serde_json::from_slice(bytes).map_err(|_| ControlError::NoMessage)?;
        match &message {
            Message::Hello { name, .. } if !name_is_fine(name) => return Err(ControlError::Nonsense("a name")),
            Message::Accept { machines } | Message::Machines { machines } => check_machines(machines)?,
            Message::Restart { essentials, .. } | Message::Second { essentials, .. } if essentials.check().is_err() => {
                return Err(ControlError::Nonsense("addresses"));
            }
            Message::Watch { machine, .. } | Message::Screen(Screen { machine, .. }) if !is_machine_name(machine) => {
                return Err(ControlError::Nonsense("a machine’s name"));
            }
            Message::Screen(Screen { bytes, .. }) if bytes.len() > SCREEN_MAX => {
                return Err(ControlError::Nonsense("too much output"));
            }
            Message::Bye { reason } if reason.len() > REASON_MAX => return Err(ControlError::Nonsense("a reason")),
            _ => {}
        }
        Ok(message)
    }
}

fn is_machine_name(name: &str) -> bool {
    name.len() <= NAME_MAX && name_is_fine(name)
}

fn check_machines(machines: &[Machine]) -> Result<(), ControlError> {
    if machines.len() > MACHINES_MAX {
        return Err(ControlError::Nonsense("too many machines"));
    }
    if machines.iter().any(|machine| !is_machine_name(&machine.name)) {
        return Err(ControlError::Nonsense("a machine’s name"));
    }
    if machines.iter().any(|machine| machine.address.octets()[0] != 10) {
        return Err(ControlError::Nonsense("a machine’s address"));
    }
    Ok(())
}

/// Those machines that are in the LAN of these numbers: what a peer says of other addresses is nothing to it.
pub fn within(machines: Vec<Machine>, numbers: Numbers) -> Vec<Machine> {
    let inside = |machine: &Machine| {
        let [ten, a, b, host] = machine.address.octets();
        (ten, a, b) == (10, numbers.a, numbers.b) && !matches!(host, 0 | 1 | 255)
    };
    machines.into_iter().filter(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::essentials::tests::essentials;
    use proptest::prelude::*;

    fn machine() -> impl Strategy<Value = Machine> {
        ("[a-z0-9]{1,32}", any::<[u8; 3]>(), any::<bool>()).prop_map(|(name, [a, b, c], watch)| Machine {
            name,
            address: Ipv4Addr::new(10, a, b, c),
            watch,
        })
    }

    fn screen() -> impl Strategy<Value = Screen> {
        let bytes = prop::collection::vec(any::<u8>(), 0..100);
        ("[a-z0-9]{1,32}", any::<[bool; 3]>(), any::<Option<(u16, u16)>>(), bytes).prop_map(
            |(machine, [begins, left_out, shell], size, bytes)| Screen {
                machine,
                begins,
                left_out,
                size,
                shell,
                bytes,
            },
        )
    }

    fn message() -> impl Strategy<Value = Message> {
        let machines = || prop::collection::vec(machine(), 0..5);
        prop_oneof![
            (any::<[u8; 16]>(), "[a-z0-9]{1,32}", any::<(u8, u8)>()).prop_map(|(nonce, name, (a, b))| Message::Hello {
                version: VERSION,
                nonce,
                name,
                numbers: Numbers { a, b }
            }),
            machines().prop_map(|machines| Message::Accept { machines }),
            machines().prop_map(|machines| Message::Machines { machines }),
            any::<(u32, u64)>().prop_map(|(number, sent)| Message::Ping { number, sent }),
            any::<(u32, u64)>().prop_map(|(number, received)| Message::Pong { number, received }),
            (essentials(), any::<bool>()).prop_map(|(essentials, answer)| Message::Restart { essentials, answer }),
            (essentials(), any::<bool>()).prop_map(|(essentials, answer)| Message::Second { essentials, answer }),
            Just(Message::Relayed),
            ("[a-z0-9]{1,32}", any::<bool>()).prop_map(|(machine, on)| Message::Watch { machine, on }),
            screen().prop_map(Message::Screen),
            "[a-z ]{0,50}".prop_map(|reason| Message::Bye { reason }),
        ]
    }

    proptest! {
        #[test]
        fn a_message_comes_back(message in message()) {
            prop_assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message));
        }

        #[test]
        fn a_damaged_message_is_a_message_or_refused(message in message(), at in 0_usize..1000, to: u8) {
            let mut bytes = message.to_bytes();
            let at = at % bytes.len();
            bytes[at] = to;
            drop(Message::from_bytes(&bytes));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |text: &str| Message::from_bytes(text.as_bytes()).unwrap_err();
        assert_eq!(refused("{}"), ControlError::NoMessage);
        assert_eq!(refused("[[[["), ControlError::NoMessage);
        let name = r#"{"say":"accept","machines":[{"name":"a.b","address":"10.1.2.3"}]}"#;
        assert_eq!(refused(name), ControlError::Nonsense("a machine’s name"));
        let address = r#"{"say":"machines","machines":[{"name":"a","address":"192.168.2.3"}]}"#;
        assert_eq!(refused(address), ControlError::Nonsense("a machine’s address"));
        assert_eq!(Message::from_bytes(&vec![b' '; MESSAGE_MAX + 1]), Err(ControlError::TooLong(MESSAGE_MAX + 1)));
        assert_eq!(Message::from_bytes(br#"{"say":"sing"}"#), Ok(Message::Unknown));
        assert_eq!(refused(r#"{"say":"watch","machine":"a/b","on":true}"#), ControlError::Nonsense("a machine’s name"));
        assert_eq!(refused(r#"{"say":"screen","machine":"a","shell":true,"bytes":"?"}"#), ControlError::NoMessage);
        let long = Screen {
            machine: "a".into(),
            begins: false,
            left_out: false,
            size: None,
            shell: true,
            bytes: vec![0; SCREEN_MAX + 1],
        };
        let long = Message::Screen(long).to_bytes();
        assert_eq!(Message::from_bytes(&long), Err(ControlError::Nonsense("too much output")));
    }

    #[test]
    fn only_a_peers_own_addresses_are_its_machines() {
        let machine = |address: [u8; 4]| Machine { name: "a".to_owned(), address: address.into(), watch: false };
        let said = [[10, 1, 2, 3], [10, 1, 3, 3], [10, 1, 2, 1], [10, 1, 2, 255]].map(machine).to_vec();
        assert_eq!(within(said, Numbers { a: 1, b: 2 }), [machine([10, 1, 2, 3])]);
    }
}
