//! Makes a kernel image that needs no decompression inside the emulator, which would cost half a second of every boot.
//!
//! A bzImage is a real-mode *setup* followed by a protected-mode program that decompresses the kernel and jumps to it. The setup jumps
//! to 1 MiB, where the boot loader put that program. A kernel that is linked at 1 MiB and not relocatable can be put there itself.
//! Offsets and fields: `Documentation/arch/x86/boot.rst` of the kernel, "The Real-Mode Kernel Header".

use crate::{Error, Result};
use std::ops::Range;

/// Number of 512-byte sectors of the setup, not counting the first; 0 means 4.
const SETUP_SECTS: usize = 0x1f1;
/// Size of what follows the setup, in paragraphs of 16 bytes.
const SYSSIZE: Range<usize> = 0x1f4..0x1f8;
/// The magic "HdrS".
const HEADER: Range<usize> = 0x202..0x206;
/// Where the compressed payload is and how long: `payload_offset` and `payload_length`.
const PAYLOAD: Range<usize> = 0x248..0x250;
/// Where the setup jumps, unless the boot loader changes it.
const LOAD_ADDRESS: u32 = 0x10_0000;
/// The entry point in the header of a 32-bit ELF file (System V ABI, chapter 4).
const ELF_ENTRY: Range<usize> = 0x18..0x1c;

/// Puts the setup of `bzimage` before `binary`, which is the content of the ELF file `vmlinux` from its lowest address on.
pub fn assemble(bzimage: &[u8], vmlinux: &[u8], binary: &[u8]) -> Result<Vec<u8>> {
    let entry = u32_at(vmlinux, ELF_ENTRY).ok_or_else(|| problem("vmlinux has no ELF header"))?;
    if entry != LOAD_ADDRESS {
        return Err(problem(format!(
            "it starts at {entry:#x}, where {LOAD_ADDRESS:#x} is needed: is it RELOCATABLE, or PHYSICAL_START wrong?"
        )));
    }
    let setup_len = setup_len(bzimage).ok_or_else(|| problem("the bzImage has no setup header"))?;
    let mut image = bzimage[..setup_len].to_vec();
    image.extend_from_slice(binary);
    image.resize(setup_len + binary.len().next_multiple_of(16), 0);
    let paragraphs = u32::try_from(binary.len().div_ceil(16)).map_err(problem)?;
    image[SYSSIZE].copy_from_slice(&paragraphs.to_le_bytes());
    image[PAYLOAD].fill(0);
    Ok(image)
}

/// Length of the setup in bytes, if it is whole and has a header.
pub fn setup_len(image: &[u8]) -> Option<usize> {
    let sectors = match *image.get(SETUP_SECTS)? {
        0 => 4,
        n => usize::from(n),
    };
    let len = (sectors + 1) * 512;
    (image.get(HEADER)? == b"HdrS" && image.len() >= len).then_some(len)
}

/// What the header says of the length of what follows the setup, in bytes.
#[cfg(test)]
pub fn payload_of(image: &[u8]) -> Option<usize> {
    Some(u32_at(image, SYSSIZE)? as usize * 16)
}

fn u32_at(data: &[u8], at: Range<usize>) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at)?.try_into().ok()?))
}

fn problem(text: impl ToString) -> Error {
    Error::NotFlat(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bzImage of one setup sector after the first, full of `payload`.
    fn bzimage() -> Vec<u8> {
        let mut image = vec![7; 2048];
        image[SETUP_SECTS] = 1;
        image[HEADER].copy_from_slice(b"HdrS");
        image
    }

    fn vmlinux(entry: u32) -> Vec<u8> {
        let mut elf = vec![0; 64];
        elf[ELF_ENTRY].copy_from_slice(&entry.to_le_bytes());
        elf
    }

    #[test]
    fn the_setup_is_kept_and_describes_the_kernel_behind_it() {
        let image = assemble(&bzimage(), &vmlinux(LOAD_ADDRESS), &[9; 33]).unwrap();
        assert_eq!(image.len(), 1024 + 48, "padded to whole paragraphs");
        assert_eq!(payload_of(&image), Some(48));
        assert_eq!(image[PAYLOAD], [0; 8], "no compressed payload is announced");
        assert_eq!(image[1024..1024 + 33], [9; 33]);
        assert_eq!(image[0x300], 7);
    }

    #[test]
    fn a_kernel_linked_elsewhere_is_refused() {
        let error = assemble(&bzimage(), &vmlinux(0x100_0000), &[9; 33]).unwrap_err();
        assert!(error.to_string().contains("0x1000000"), "{error}");
    }

    #[test]
    fn what_is_no_bzimage_is_refused() {
        assert!(assemble(&[0; 600], &vmlinux(LOAD_ADDRESS), &[9; 33]).is_err());
        assert!(assemble(&bzimage()[..1000], &vmlinux(LOAD_ADDRESS), &[9; 33]).is_err(), "shorter than its own setup");
    }
}
