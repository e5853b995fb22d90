//! Versions of Kubernetes.

use std::fmt;

use crate::error::Error;

/// A version `v1.minor.patch`; its staging modules, like `k8s.io/api`, have `v0.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) minor: u32,
    pub(crate) patch: u32,
}

impl Version {
    /// Understands `v1.37.2` and `1.37.2`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let parts = || {
            let (minor, patch) = text.trim_start_matches('v').strip_prefix("1.")?.split_once('.')?;
            Some(Self { minor: minor.parse().ok()?, patch: patch.parse().ok()? })
        };
        parts().ok_or_else(|| Error::Version(text.to_owned()))
    }

    pub(crate) fn staging(self) -> String {
        format!("v0.{}.{}", self.minor, self.patch)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v1.{}.{}", self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_anything_else_is_refused_with_an_example() {
        for (text, read) in [
            ("v1.37.2", Some("v1.37.2")),
            ("1.36.0", Some("v1.36.0")),
            ("latest", None),
            ("v1.37", None),
            ("v1.37.2-rc.1", None),
            ("v2.1.0", None),
        ] {
            assert_eq!(Version::parse(text).ok().map(|version| version.to_string()).as_deref(), read, "{text}");
        }
        let refusal = Version::parse("latest").unwrap_err().to_string();
        assert_eq!(refusal, "\"latest\" is not a version of Kubernetes: write it like v1.37.2");
    }
}
