//! Finds the binaries: brought by the user, or built before, or built now.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    components::{APISERVER, CONTROLLER_MANAGER, ETCD},
    error::{self, Error},
    go::{self, Build},
    version::Version,
};

/// What of the process's environment matters here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `KUBEBUILDER_ASSETS`
    pub(crate) kubebuilder_assets: Option<PathBuf>,
    /// `PATH`
    pub(crate) path: OsString,
    /// Where programs of this user keep what they can make again.
    pub(crate) cache: Option<PathBuf>,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            kubebuilder_assets: variable("KUBEBUILDER_ASSETS").map(PathBuf::from),
            path: variable("PATH").unwrap_or_default(),
            cache: variable("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache"))),
        }
    }
}

/// The folder with the binaries of this version. Blocks, for minutes where they have to be built.
pub(crate) fn find(environment: &Environment, version: Version) -> Result<PathBuf, Error> {
    if let Some(folder) = &environment.kubebuilder_assets {
        return brought(folder);
    }
    let build = Build::of(version);
    let cache = environment.cache.as_ref().ok_or(Error::NoCacheFolder)?.join("auth0-operator/controlplane");
    let key = build.key();
    let folder = cache.join(&key);
    if folder.is_dir() {
        return Ok(folder);
    }
    let go = go::find(&environment.path).ok_or(Error::GoMissing)?;
    fs::create_dir_all(&cache).map_err(error::io(format!("create {}", cache.display())))?;
    let _lock = lock(&cache.join(format!("{key}.lock")), version)?;
    // Whoever had the lock before us may have built it.
    if !folder.is_dir() {
        // Built beside it and renamed, so that a folder that is there is complete.
        let partial = cache.join(format!("{key}.partial"));
        build_into(&partial, &build, &go)?;
        fs::rename(&partial, &folder).map_err(error::io(format!("create {}", folder.display())))?;
    }
    Ok(folder)
}

fn brought(folder: &Path) -> Result<PathBuf, Error> {
    let missing: Vec<_> =
        [ETCD, APISERVER, CONTROLLER_MANAGER].into_iter().filter(|name| !folder.join(name).is_file()).collect();
    if missing.is_empty() {
        return Ok(folder.to_owned());
    }
    Err(Error::AssetsIncomplete { folder: folder.to_owned(), missing: missing.join(", ") })
}

fn build_into(partial: &Path, build: &Build, go: &Path) -> Result<(), Error> {
    // A build that was killed leaves one behind.
    if partial.exists() {
        fs::remove_dir_all(partial).map_err(error::io(format!("remove {}", partial.display())))?;
    }
    fs::create_dir(partial).map_err(error::io(format!("create {}", partial.display())))?;
    build.run(go, partial)
}

/// Waits for whoever builds the same; the lock ends with its holder, also by SIGKILL.
fn lock(file: &Path, version: Version) -> Result<File, Error> {
    let lock = || {
        let lock = File::create(file)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say(&format!("another process builds Kubernetes {version}: waiting for it"));
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(lock)
    };
    lock().map_err(error::io(format!("lock {}", file.display())))
}

/// A line for whoever waits. Not `eprintln!`, which a test's harness keeps to itself until the test is over.
pub(crate) fn say(line: &str) {
    // Nobody to tell where standard error is closed.
    let _ = writeln!(std::io::stderr(), "controlplane: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { minor: 37, patch: 2 };

    #[test]
    fn without_go_and_assets_the_error_says_what_to_install() {
        let cache = tempfile::tempdir().unwrap();
        let environment = Environment { cache: Some(cache.path().to_owned()), ..Environment::default() };
        let error = find(&environment, VERSION).unwrap_err().to_string();
        assert!(error.contains("install Go 1.26") && error.contains("KUBEBUILDER_ASSETS"), "{error}");
    }

    #[test]
    fn without_a_home_the_error_says_what_to_set() {
        let error = find(&Environment::default(), VERSION).unwrap_err().to_string();
        assert!(error.contains("set HOME or XDG_CACHE_HOME"), "{error}");
    }

    #[test]
    fn assets_without_a_binary_are_refused_by_its_name() {
        let assets = tempfile::tempdir().unwrap();
        let environment = Environment { kubebuilder_assets: Some(assets.path().to_owned()), ..Environment::default() };
        for binary in [ETCD, APISERVER] {
            fs::write(assets.path().join(binary), "").unwrap();
        }
        let error = find(&environment, VERSION).unwrap_err().to_string();
        assert!(error.contains("holds no kube-controller-manager:"), "{error}");

        fs::write(assets.path().join(CONTROLLER_MANAGER), "").unwrap();
        assert_eq!(find(&environment, VERSION).unwrap(), assets.path());
    }
}
