//! Builds the binaries from the Go modules that `go.mod` and `go.sum` pin.
//!
//! Another version of Kubernetes gets a `go.mod` of its own, whose sums Go's checksum database vouches for. etcd stays
//! the pinned one then: both in one module would lift the other Kubernetes to this etcd's libraries.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{
    binaries::say,
    components::{APISERVER, CONTROLLER_MANAGER, ETCD},
    error::{self, Error},
    process::{self, Folder, Process},
    version::Version,
};

const GO_MOD: &str = include_str!("../go.mod");
const GO_SUM: &str = include_str!("../go.sum");

const KUBERNETES: &str = "k8s.io/kubernetes";

/// A Go program to build.
struct Program {
    name: &'static str,
    package: &'static str,
    /// On two cores, without anything in Go's caches.
    duration: &'static str,
}

const PINNED_ETCD: Program = Program { name: ETCD, package: "go.etcd.io/etcd/server/v3", duration: "a minute" };
const KUBERNETES_PROGRAMS: [Program; 2] = [
    Program { name: APISERVER, package: "k8s.io/kubernetes/cmd/kube-apiserver", duration: "4 minutes" },
    Program {
        name: CONTROLLER_MANAGER,
        package: "k8s.io/kubernetes/cmd/kube-controller-manager",
        duration: "a minute",
    },
];

/// The version of Kubernetes in `go.mod`, as `v1.37.2`.
pub(crate) fn pinned_version() -> &'static str {
    let requirement = |line: &'static str| line.trim().strip_prefix(KUBERNETES)?.strip_prefix(' ')?.split(' ').next();
    GO_MOD.lines().find_map(requirement).unwrap_or_default()
}

/// Go's command, in a `PATH`.
pub(crate) fn find(path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join("go")).find(|go| go.is_file())
}

/// The binaries of one version of Kubernetes, to be built.
pub(crate) struct Build {
    version: Version,
}

impl Build {
    pub(crate) fn of(version: Version) -> Self {
        Self { version }
    }

    /// A name for what this builds: other sources or another machine have another.
    pub(crate) fn key(&self) -> String {
        let sources = digest(&SHA256, format!("{GO_MOD}{GO_SUM}").as_bytes());
        let sources: String = sources.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{sources}", self.version, std::env::consts::OS, std::env::consts::ARCH)
    }

    /// Builds into the folder `into`, and says so on standard error.
    pub(crate) fn run(&self, go: &Path, into: &Path) -> Result<(), Error> {
        let scratch = Folder::create()?;
        let pinned = Module::pinned(scratch.path())?;
        let kubernetes = if self.version.to_string() == pinned_version() {
            pinned.clone()
        } else {
            Module::of(self.version, go, scratch.path())?
        };
        let start = Instant::now();
        self.build(go, &pinned, &PINNED_ETCD, into, &scratch)?;
        for program in &KUBERNETES_PROGRAMS {
            self.build(go, &kubernetes, program, into, &scratch)?;
        }
        say(&format!("built in {} s", start.elapsed().as_secs()));
        Ok(())
    }

    fn build(&self, go: &Path, module: &Module, program: &Program, into: &Path, scratch: &Folder) -> Result<(), Error> {
        let Program { name, package, duration } = program;
        say(&format!("building {name} for Kubernetes {}, once: about {duration} on two cores", self.version));
        let log = scratch.path().join(format!("{name}.log"));
        let build = Process::start("go", go, log, scratch, |command| {
            // Go's own temporary files go the way of ours, also when it is killed.
            environment(command).env("GOTMPDIR", scratch.path()).current_dir(&module.folder);
            command.args(["build", "-trimpath", "-buildvcs=false"]);
            command.arg(module.mode).args(["-ldflags", &self.linker_flags()]);
            command.arg("-o").arg(into.join(name)).arg(package);
        })?;
        build.finish()?.map_err(|log| Error::Build { what: (*name).to_owned(), log })
    }

    /// Without them, Kubernetes calls itself v0.0.0, which clients and its own feature gates judge by.
    fn linker_flags(&self) -> String {
        let Version { minor, .. } = self.version;
        let set = "-X k8s.io/component-base/version";
        format!("-s -w {set}.gitVersion={} {set}.gitMajor=1 {set}.gitMinor={minor}", self.version)
    }
}

/// A folder with a `go.mod`.
#[derive(Clone)]
struct Module {
    folder: PathBuf,
    /// Whether Go may complete `go.mod` and `go.sum`.
    mode: &'static str,
}

impl Module {
    fn pinned(scratch: &Path) -> Result<Self, Error> {
        let module = Self { folder: scratch.join("pinned"), mode: "-mod=readonly" };
        module.write("go.mod", GO_MOD)?;
        module.write("go.sum", GO_SUM)?;
        Ok(module)
    }

    fn of(version: Version, go: &Path, scratch: &Path) -> Result<Self, Error> {
        say(&format!("fetching Kubernetes {version}"));
        let its_go_mod = its_go_mod(version, go, scratch)?;
        let module = Self { folder: scratch.join("kubernetes"), mode: "-mod=mod" };
        module.write("go.mod", &go_mod(version, &its_go_mod))?;
        Ok(module)
    }

    fn write(&self, file: &str, content: &str) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(error::io(format!("create {}", self.folder.display())))?;
        process::write(&self.folder.join(file), content)
    }
}

/// The `go.mod` of Kubernetes itself.
fn its_go_mod(version: Version, go: &Path, scratch: &Path) -> Result<String, Error> {
    let mut command = Command::new(go);
    environment(&mut command).current_dir(scratch);
    let output = command
        .args(["list", "-m", "-f", "{{.GoMod}}", &format!("{KUBERNETES}@{version}")])
        .output()
        .map_err(error::io("start go"))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Build { what: format!("Kubernetes {version}"), log });
    }
    let file = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    fs::read_to_string(&file).map_err(error::io(format!("read {file}")))
}

/// A `go.mod` that requires a version of Kubernetes. Kubernetes replaces its staging modules by folders of its
/// repository, which only counts there: here they are the published ones.
fn go_mod(version: Version, its_go_mod: &str) -> String {
    let go = its_go_mod.lines().find(|line| line.starts_with("go ")).unwrap_or_default();
    let staging: String = its_go_mod
        .lines()
        .filter_map(|line| Some(line.split_once(" => ./staging/")?.0.trim()))
        .map(|module| format!("replace {module} => {module} {}\n", version.staging()))
        .collect();
    format!("module controlplane\n\n{go}\n\nrequire {KUBERNETES} {version}\n\n{staging}")
}

/// For this machine, without a C compiler and without the user's own Go workspace.
fn environment(command: &mut Command) -> &mut Command {
    command.env("CGO_ENABLED", "0").env("GOWORK", "off").env_remove("GOOS").env_remove("GOARCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_version_is_one_version_throughout() {
        let version = Version::parse(pinned_version()).unwrap();
        let staging: Vec<_> = GO_MOD.lines().filter(|line| line.contains(" => ")).collect();
        assert!(!staging.is_empty());
        for line in staging {
            let (module, replacement) = line.split_once(" => ").unwrap();
            assert_eq!(replacement, format!("{} {}", module.trim(), version.staging()));
        }
    }

    #[test]
    fn another_version_takes_its_own_staging_modules() {
        let its_go_mod = "module k8s.io/kubernetes\n\ngo 1.25.0\n\nrequire (\n\tk8s.io/api v0.0.0\n)\n\n\
                          replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\texample.com/fork => example.com/other v1.0.0\n)\n";
        assert_eq!(
            go_mod(Version { minor: 36, patch: 3 }, its_go_mod),
            "module controlplane\n\ngo 1.25.0\n\nrequire k8s.io/kubernetes v1.36.3\n\n\
             replace k8s.io/api => k8s.io/api v0.36.3\n"
        );
    }
}
