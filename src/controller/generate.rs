//! Passwords that the operator makes.

use super::identity::Error;

const CLASSES: [&[u8]; 4] = [b"abcdefghijkmnopqrstuvwxyz", b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"23456789", b"!#%+-./:=?@_~"];

/// A random password of so many characters, 15 to 72: all four classes of characters, no three alike in a row, and none that
/// is easily taken for another. Good for every password policy of Auth0.
pub(super) fn password(length: usize) -> Result<String, Error> {
    let alphabet = CLASSES.concat();
    let length = length.clamp(15, 72);
    loop {
        let mut characters = Vec::with_capacity(length);
        while characters.len() < length {
            let mut byte = [0];
            aws_lc_rs::rand::fill(&mut byte).map_err(|_| Error::Randomness)?;
            // Beyond the last whole alphabet a byte would favour its first characters.
            let whole = 256 / alphabet.len() * alphabet.len();
            if usize::from(byte[0]) < whole {
                characters.push(alphabet[usize::from(byte[0]) % alphabet.len()]);
            }
        }
        if is_good(&characters) {
            return Ok(characters.into_iter().map(char::from).collect());
        }
    }
}

fn is_good(characters: &[u8]) -> bool {
    CLASSES.iter().all(|class| characters.iter().any(|character| class.contains(character)))
        && !characters.windows(3).any(|three| three[0] == three[1] && three[1] == three[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_password_meets_every_policy() {
        let passwords: std::collections::HashSet<_> = (0..500).map(|length| password(length % 80).unwrap()).collect();
        assert_eq!(passwords.len(), 500);
        assert!(passwords.iter().all(|password| is_good(password.as_bytes()) && (15..=72).contains(&password.len())));
        assert!(!is_good(b"aaaB2!xxxxxxxxx"));
        assert!(!is_good(b"abcdefghijklmno"));
    }
}
