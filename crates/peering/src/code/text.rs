//! Bytes as letters and digits, 5 bits each, that a person can read out and a QR code holds as its alphanumeric mode does.
//!
//! The letters are Crockford's: no I, L, O and U, and what looks like 0 or 1 is read as such.

use super::CodeError;

/// What every code begins with.
pub(super) const PREFIX: &str = "VMW";
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::from(PREFIX);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(char::from(ALPHABET[(bits >> count) as usize & 31]));
        }
        bits &= 31;
    }
    if count > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - count)) as usize & 31]));
    }
    text
}

pub(super) fn decode(pasted: &str) -> Result<Vec<u8>, CodeError> {
    let signs: String = pasted.chars().filter(|sign| !sign.is_whitespace() && *sign != '-').collect();
    let signs = signs.to_ascii_uppercase();
    let digits = signs.strip_prefix(PREFIX).ok_or(CodeError::NoCode)?;
    let mut bytes = Vec::with_capacity(digits.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let digit = match digit {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| *known == digit).ok_or(CodeError::Altered)?;
        bits = (bits << 5) | value as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // What is left of the last digit is nothing, in a text that was written as above.
    if count >= 5 || bits != 0 {
        // A piece of a byte may be left when the end is missing; the length says so then.
        return if bytes.len() >= 2 && bytes.len() < usize::from(bytes[1]) {
            Ok(bytes)
        } else {
            Err(CodeError::Altered)
        };
    }
    Ok(bytes)
}
