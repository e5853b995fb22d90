//! The program `auth0-operator`.

fn main() -> std::process::ExitCode {
    auth0_operator::cli::run_from(std::env::args_os())
}
