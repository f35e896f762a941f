//! Several frames as one message, for a line or a data channel: for each frame its length, four bytes, little endian, and then its
//! bytes. Nothing comes before the first frame or after the last one. A batch that is wrong anywhere is refused as a whole.

use crate::error::BatchError;
use crate::frame::{Frame, HEADER, LONGEST};

/// The bytes in front of each frame.
pub const PREFIX: usize = 4;
/// The most frames of one batch: what keeps the work for one message bounded.
pub const MAX_FRAMES: usize = 4096;
/// The most bytes of one batch.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Appends a frame to a batch.
///
/// A frame that no LAN could have would make the receiver refuse the whole batch, so it is left out; the answer says whether it was taken.
pub fn push(batch: &mut Vec<u8>, frame: &[u8]) -> bool {
    let Ok(length) = u32::try_from(frame.len()) else { return false };
    if !(HEADER..=LONGEST).contains(&frame.len()) {
        return false;
    }
    batch.extend_from_slice(&length.to_le_bytes());
    batch.extend_from_slice(frame);
    true
}

/// Makes a batch of what `next` gives, which is asked for frames of at most so many bytes: of at most `max_bytes`, but with one frame of any
/// length if there is one.
pub fn fill(max_bytes: usize, mut next: impl FnMut(usize) -> Option<Frame>) -> Vec<u8> {
    let mut batch = Vec::new();
    for count in 0..MAX_FRAMES {
        let room = if count == 0 { usize::MAX } else { max_bytes.min(MAX_BYTES).saturating_sub(batch.len() + PREFIX) };
        let Some(frame) = next(room) else { break };
        push(&mut batch, &frame);
    }
    batch
}

/// Checks a batch as a whole and gives its frames, none of which is longer than `max` bytes.
pub fn frames(batch: &[u8], max: usize) -> Result<Frames<'_>, BatchError> {
    if batch.len() > MAX_BYTES {
        return Err(BatchError::TooLarge(batch.len()));
    }
    let mut rest = batch;
    let mut count = 0;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<PREFIX>().ok_or(BatchError::CutShort)?;
        let length = u32::from_le_bytes(*length) as usize;
        if length < HEADER {
            return Err(BatchError::FrameTooShort(length));
        }
        if length > max {
            return Err(BatchError::FrameTooLong { length, max });
        }
        rest = after.get(length..).ok_or(BatchError::CutShort)?;
        count += 1;
        if count > MAX_FRAMES {
            return Err(BatchError::TooManyFrames(MAX_FRAMES));
        }
    }
    Ok(Frames { rest: batch })
}

/// The frames of a batch that was checked.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, after) = self.rest.split_first_chunk::<PREFIX>()?;
        let (frame, rest) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.rest = rest;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(list in prop::collection::vec(prop::collection::vec(any::<u8>(), HEADER..200), 0..20)) {
            let mut batch = Vec::new();
            for frame in &list {
                prop_assert!(push(&mut batch, frame));
            }
            let back: Vec<_> = frames(&batch, LONGEST).unwrap().collect();
            prop_assert_eq!(back, list);
        }

        #[test]
        fn any_bytes_are_a_batch_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(frames) = frames(&bytes, 1514) {
                let total: usize = frames.map(|frame| frame.len() + PREFIX).sum();
                prop_assert_eq!(total, bytes.len());
            }
        }
    }

    #[test]
    fn each_mistake_has_its_error() {
        let mut batch = Vec::new();
        assert!(!push(&mut batch, &[0; HEADER - 1]) && !push(&mut batch, &vec![0; LONGEST + 1]) && batch.is_empty());
        assert!(push(&mut batch, &[0; 60]));
        assert_eq!(frames(&batch[..batch.len() - 1], 60).unwrap_err(), BatchError::CutShort);
        assert_eq!(frames(&batch[..3], 60).unwrap_err(), BatchError::CutShort);
        assert_eq!(frames(&batch, 59).unwrap_err(), BatchError::FrameTooLong { length: 60, max: 59 });
        assert_eq!(frames(&13u32.to_le_bytes(), 60).unwrap_err(), BatchError::FrameTooShort(13));
        assert_eq!(frames(&batch.repeat(MAX_FRAMES + 1), 60).unwrap_err(), BatchError::TooManyFrames(MAX_FRAMES));
        assert!(matches!(frames(&vec![0; MAX_BYTES + 1], 60), Err(BatchError::TooLarge(_))));
        assert_eq!(frames(&[], 60).unwrap().count(), 0);
    }
}
