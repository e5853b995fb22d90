//! How much an emulator bears: fills a tenant with 10,000 objects, then sends a mix of requests over eight connections.
//!
//!     cargo run --release -p auth0-emulator --example load
//!
//! The emulator has one thread, so what is measured is what one core does; the load comes from others.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use auth0_emulator::{Config, Emulator};
use rand::RngExt as _;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: usize = 8;
const MEASURED: Duration = Duration::from_secs(10);
/// How many objects of each kind: 10,000 in all.
const APIS: usize = 2000;
const CLIENTS: usize = 2500;
const GRANTS: usize = 2000;
const DATABASES: usize = 500;
const USERS: usize = 3000;

fn main() -> Result<()> {
    let address = serve()?;
    let token = token(&address)?;
    let filled = Instant::now();
    let objects = Arc::new(fill(&address, &token)?);
    println!("filled with {} objects in {:.1} s, {} MB", objects.len(), filled.elapsed().as_secs_f64(), memory()?);

    let started = Instant::now();
    let number = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, token) = (address.clone(), token.clone());
            let (objects, number) = (Arc::clone(&objects), Arc::clone(&number));
            std::thread::spawn(move || load(&address, &token, &objects, &number, started))
        })
        .collect();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for thread in threads {
        for (kind, took) in thread.join().map_err(|_| "a thread of the load panicked")?? {
            times.entry("all").or_default().push(took);
            times.entry(kind).or_default().push(took);
        }
    }
    let all = times.get("all").map_or(0, Vec::len);
    println!("{:.0} requests/s, {} MB after {all} requests", all as f64 / started.elapsed().as_secs_f64(), memory()?);
    for (kind, mut times) in times {
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 1000).map_or(0.0, |took| took.as_secs_f64() * 1000.0);
        println!(
            "{kind:>6}: {:>6} requests, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
            times.len(),
            at(500),
            at(990),
            at(999)
        );
    }
    Ok(())
}

/// Runs an emulator on a thread of its own; host and port.
fn serve() -> Result<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || -> Result<()> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async move {
            let emulator = Emulator::start(Config::default()).await?;
            sender.send(emulator.url().trim_start_matches("http://").to_owned())?;
            std::future::pending::<Result<()>>().await
        })
    });
    Ok(receiver.recv()?)
}

/// One keep-alive connection.
struct Http {
    stream: BufReader<TcpStream>,
    token: String,
}

impl Http {
    fn connect(address: &str, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), token: token.to_owned() })
    }

    /// The body of the answer. Fails unless the request succeeded.
    fn send(&mut self, method: &str, path: &str, body: &Value) -> Result<Vec<u8>> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes())?;
        let (mut line, mut length, mut status) = (String::new(), 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse()?;
            }
            if status.is_empty() {
                status = line.split(' ').nth(1).unwrap_or_default().to_owned();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        if status.starts_with('2') {
            Ok(answer)
        } else {
            Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)).into())
        }
    }

    fn create(&mut self, path: &str, body: &Value) -> Result<Value> {
        Ok(serde_json::from_slice(&self.send("POST", path, body)?)?)
    }
}

fn token(address: &str) -> Result<String> {
    let body = json!({
        "grant_type": "client_credentials", "client_id": "management", "client_secret": "management-secret",
        "audience": "https://localhost:8080/api/v2/",
    });
    let answer = Http::connect(address, "")?.create("/oauth/token", &body)?;
    Ok(answer["access_token"].as_str().unwrap_or_default().to_owned())
}

/// Paths of all that was made.
fn fill(address: &str, token: &str) -> Result<Vec<String>> {
    let mut http = Http::connect(address, token)?;
    let mut paths = Vec::new();
    let mut make = |path: &str, id: &str, body: Value| -> Result<String> {
        let made = http.create(&format!("/api/v2/{path}"), &body)?;
        let id = made[id].as_str().unwrap_or_default().replace('|', "%7C");
        paths.push(format!("/api/v2/{path}/{id}"));
        Ok(id)
    };
    for n in 0..APIS {
        make("resource-servers", "id", json!({ "identifier": format!("https://api{n}.example.com/"), "name": "API" }))?;
    }
    for n in 0..CLIENTS {
        let client = make(
            "clients",
            "client_id",
            json!({ "name": format!("Client {n}"), "callbacks": ["https://a.example.com"] }),
        )?;
        if n < GRANTS {
            let audience = format!("https://api{n}.example.com/");
            make("client-grants", "id", json!({ "client_id": client, "audience": audience, "scope": ["read"] }))?;
        }
    }
    for n in 0..DATABASES {
        let enabled = json!(["management"]);
        make(
            "connections",
            "id",
            json!({ "name": format!("db{n}"), "strategy": "auth0", "enabled_clients": enabled }),
        )?;
    }
    for n in 0..USERS {
        let (connection, email) = (format!("db{}", n % DATABASES), format!("user{n}@example.com"));
        make("users", "user_id", json!({ "connection": connection, "email": email, "password": "Correct-Horse-1" }))?;
    }
    Ok(paths)
}

const LISTS: &[&str] = &[
    "/api/v2/resource-servers?per_page=100&page=5&include_totals=true",
    "/api/v2/clients?take=100",
    "/api/v2/clients?per_page=100&page=9",
    "/api/v2/client-grants?take=100",
    "/api/v2/connections?take=100",
    "/api/v2/users?per_page=100&page=3&include_totals=true",
];

/// 60 % reads by id, 20 % lists of 100, 10 % changes, 5 % creates, 5 % reads of the log.
fn load(
    address: &str,
    token: &str,
    objects: &[String],
    number: &AtomicUsize,
    started: Instant,
) -> Result<Vec<(&'static str, Duration)>> {
    let mut http = Http::connect(address, token)?;
    let mut rng = rand::rng();
    let mut times = Vec::new();
    let mut position = "900".to_owned();
    while started.elapsed() < MEASURED {
        let object = &objects[rng.random_range(0..objects.len())];
        let new = number.fetch_add(1, Ordering::Relaxed);
        let asked = Instant::now();
        let kind = match rng.random_range(0..100) {
            0..60 => {
                http.send("GET", object, &Value::Null)?;
                "get"
            }
            60..80 => {
                http.send("GET", LISTS[new % LISTS.len()], &Value::Null)?;
                "list"
            }
            80..90 => {
                http.send("PATCH", object, &change(object, new))?;
                "patch"
            }
            90..95 => {
                let (path, body) = match new % 3 {
                    0 => ("clients", json!({ "name": "New" })),
                    1 => ("resource-servers", json!({ "identifier": format!("new{new}") })),
                    _ => {
                        let email = format!("new{new}@example.com");
                        ("users", json!({ "connection": "db0", "email": email, "password": "Correct-Horse-1" }))
                    }
                };
                http.create(&format!("/api/v2/{path}"), &body)?;
                "post"
            }
            _ => {
                let entries = http.send("GET", &format!("/api/v2/logs?from={position}&take=100"), &Value::Null)?;
                let entries: Value = serde_json::from_slice(&entries)?;
                let last =
                    entries.as_array().and_then(|entries| entries.last()).and_then(|entry| entry["log_id"].as_str());
                position = last.map_or(position, str::to_owned);
                "log"
            }
        };
        times.push((kind, asked.elapsed()));
    }
    Ok(times)
}

/// A change of an object that its kind takes.
fn change(path: &str, number: usize) -> Value {
    match path.split('/').nth(3) {
        Some("client-grants") => json!({ "scope": ["read", format!("s{number}")] }),
        Some("connections") => json!({ "metadata": { "n": number.to_string() } }),
        _ => json!({ "name": format!("Name {number}") }),
    }
}

/// Of this process, in MB.
fn memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}
