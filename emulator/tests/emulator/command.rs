use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde_json::json;

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth0-emulator"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Stops the program when a test ends early.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[tokio::test]
async fn the_command_says_when_it_is_ready_and_ends_on_sigterm() {
    let mut command = command();
    command.args(["--listen", "127.0.0.1:0", "--rate", "enterprise"]);
    command.envs([
        ("AUTH0_EMULATOR_DOMAIN", "shop.example.com"),
        ("AUTH0_EMULATOR_CLIENT_SECRET", "from-the-environment"),
    ]);
    let mut running = Running(command.spawn().unwrap());
    let mut ready = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    let url = ready.trim().strip_prefix("ready ").unwrap().to_owned();

    let body = json!({
        "grant_type": "client_credentials", "client_id": "management", "client_secret": "from-the-environment",
        "audience": "https://shop.example.com/api/v2/",
    });
    let answer = reqwest::Client::new().post(format!("{url}/oauth/token")).json(&body).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-ratelimit-limit"]), (200, &"100".parse().unwrap()));

    let terminated = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().unwrap();
    assert!(terminated.success());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_flag_that_makes_no_sense_is_explained() {
    for (args, explanation) in [
        (&["--rate", "gold"][..], "expected unlimited, free, self-service or enterprise"),
        (&["--tls-cert", "cert.pem"], "--tls-key"),
        (&["--listen", "127.0.0.1:0", "--tls-cert", "none.pem", "--tls-key", "none.pem"], "none.pem"),
    ] {
        let mut running = Running(command().args(args).spawn().unwrap());
        assert_ne!(running.0.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains(explanation), "{said}");
    }
}
