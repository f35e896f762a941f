//! Whether an image is there already: a file beside it says of which inputs it was made and what its checksum is.

use crate::{Error, Result, digest, files};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct Record {
    inputs: String,
    sha256: String,
}

/// One image and the inputs of which it should be made.
pub struct Cache {
    image: PathBuf,
    record: PathBuf,
    inputs: String,
}

impl Cache {
    /// `inputs` is a digest of everything that decides the image's bytes.
    pub fn new(image: &Path, inputs: String) -> Self {
        Self { image: image.to_owned(), record: image.with_extension("toml"), inputs }
    }

    /// The image's SHA-256, if it is there, is made of these inputs, and was not changed since.
    pub fn valid(&self) -> Result<Option<String>> {
        if !self.image.exists() || !self.record.exists() {
            return Ok(None);
        }
        // A record that can't be read, from another version of this program perhaps, is as good as none.
        let Ok(record) = files::read_toml::<Record>(&self.record) else { return Ok(None) };
        let valid = record.inputs == self.inputs && digest::sha256_of_file(&self.image)? == record.sha256;
        Ok(valid.then_some(record.sha256))
    }

    /// Records the image that was just built, and returns its SHA-256.
    pub fn store(&self) -> Result<String> {
        let record = Record { inputs: self.inputs.clone(), sha256: digest::sha256_of_file(&self.image)? };
        let text = toml::to_string(&record).map_err(|error| Error::bad_file(&self.record, error))?;
        files::write(&self.record, text)?;
        Ok(record.sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_used_again_only_as_it_was_built_and_of_the_same_inputs() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("a-1.2.img");
        let cache = |inputs: &str| Cache::new(&image, inputs.to_owned());
        assert_eq!(cache("1").valid().unwrap(), None, "nothing was built yet");
        files::write(&image, "image").unwrap();
        assert_eq!(cache("1").valid().unwrap(), None, "nobody says of what it was made");
        let sha256 = cache("1").store().unwrap();
        assert_eq!(cache("1").valid().unwrap(), Some(sha256));
        assert_eq!(cache("2").valid().unwrap(), None, "made of other inputs");
        files::write(&image, "damaged").unwrap();
        assert_eq!(cache("1").valid().unwrap(), None, "changed since");
    }
}
