use crate::error::MacError;
use serde::{Deserialize, Serialize};
use smoltcp::wire::EthernetAddress;
use std::fmt;
use std::str::FromStr;

/// A hardware address. As text, and so in JSON, it is six pairs of hexadecimal digits with colons between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of everybody.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// The address of whatever has this name among all that have names: always the same one, locally administered (IEEE 802, 8.4), and unlikely
    /// to be another name's, since 46 bits of it are the name's hash.
    pub fn of_name(name: &str) -> Mac {
        // FNV-1a; its lower bits are then mixed from all others.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let [a, b, c, d, e, g, ..] = (mixed ^ (mixed >> 29)).to_be_bytes();
        Mac([a & !0b01 | 0b10, b, c, d, e, g])
    }

    /// The address of a group, such as everybody.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether one station can have this address.
    pub fn is_unicast(self) -> bool {
        !self.is_multicast() && self.0 != [0; 6]
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Mac, MacError> {
        let wrong = || MacError(text.chars().take(40).collect());
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair =
                pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(pair.ok_or_else(wrong)?, 16).map_err(|_| wrong())?;
        }
        if pairs.next().is_some() { Err(wrong()) } else { Ok(Mac(bytes)) }
    }
}

impl TryFrom<String> for Mac {
    type Error = MacError;

    fn try_from(text: String) -> Result<Mac, MacError> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

impl From<EthernetAddress> for Mac {
    fn from(address: EthernetAddress) -> Mac {
        Mac(address.0)
    }
}

impl From<Mac> for EthernetAddress {
    fn from(mac: Mac) -> EthernetAddress {
        EthernetAddress(mac.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_as_text() {
        let mac = Mac([0x52, 0x54, 0, 0x0a, 0xbc, 0xff]);
        assert_eq!(mac.to_string(), "52:54:00:0a:bc:ff");
        assert_eq!("52:54:00:0A:bc:ff".parse(), Ok(mac));
        assert_eq!(serde_json::to_string(&mac).unwrap(), "\"52:54:00:0a:bc:ff\"");
    }

    #[test]
    fn a_name_has_one_address_that_nobody_sold() {
        let macs: std::collections::BTreeSet<Mac> =
            (0..5000).map(|number| Mac::of_name(&format!("n{number}"))).collect();
        assert_eq!(macs.len(), 5000);
        assert!(macs.iter().all(|mac| mac.is_unicast() && mac.0[0] & 0b10 != 0));
        // Machines keep their address from one version to the next.
        assert_eq!(Mac::of_name("abcdefghijkm").to_string(), "9a:4e:4e:ac:7a:fb");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "52:54:00:0a:bc", "52:54:00:0a:bc:ff:00", "52:54:00:0a:bc:f", "+2:54:00:0a:bc:ff", "é2:54:00:0a:bc:"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }
}
