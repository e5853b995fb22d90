//! Identifiers and secrets in the forms that Auth0 gives out (recorded).

use rand::RngExt as _;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const SECRET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const HEX: &[u8] = b"0123456789abcdef";

pub(crate) fn resource_server_id() -> String {
    random(HEX, 24)
}

pub(crate) fn client_id() -> String {
    random(ALPHANUMERIC, 32)
}

pub(crate) fn client_secret() -> String {
    random(SECRET, 64)
}

pub(crate) fn client_grant_id() -> String {
    format!("cgr_{}", random(ALPHANUMERIC, 16))
}

pub(crate) fn connection_id() -> String {
    format!("con_{}", random(ALPHANUMERIC, 16))
}

pub(crate) fn credential_id() -> String {
    format!("cred_{}", random(ALPHANUMERIC, 22))
}

/// The part of a user's id after `auth0|`.
pub(crate) fn identity_id() -> String {
    random(HEX, 24)
}

/// Names a signing key in the JWKS.
pub(crate) fn key_id() -> String {
    random(SECRET, 21)
}

/// An access token that only its issuer can read, or the last part of a ticket's URL.
pub(crate) fn opaque() -> String {
    random(ALPHANUMERIC, 32)
}

/// A code, a refresh token, the value of a cookie.
pub(crate) fn unguessable() -> String {
    random(SECRET, 48)
}

fn random(alphabet: &[u8], length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}

/// Gives out ids of log entries, each larger than the one before: 900, the time in UTC to the millisecond, and 36 digits that
/// Auth0 does not explain (recorded). Here those are the microseconds, a constant as in the newest recordings, and a count.
#[derive(Default)]
pub(crate) struct LogId {
    /// UNIX time in microseconds.
    last: u64,
    count: u64,
}

impl LogId {
    /// The id of an entry that came in at a UNIX time in microseconds.
    pub(crate) fn next(&mut self, micros: u64) -> String {
        // A clock that was set back must not bring an entry before others that were read already.
        self.last = self.last.max(micros);
        self.count += 1;
        let time = jiff::Timestamp::from_microsecond(self.last.try_into().unwrap_or(i64::MAX)).unwrap_or_default();
        let (time, fraction) = (time.strftime("%Y%m%d%H%M%S"), self.last % 1_000_000);
        format!("900{time}{fraction:06}000000000000001223372{:012}", self.count % 1_000_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ids_ascend_and_tell_the_time() {
        let mut ids = LogId::default();
        let made = [1_700_000_000_123_456, 1_700_000_000_123_456, 1_600_000_000_000_000, 1_700_000_001_000_000];
        let made = made.map(|micros| ids.next(micros));
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        assert!(made.iter().all(|id| id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit())));
        assert!(made[0].starts_with("90020231114221320123456"), "{}", made[0]);
    }
}
