//! Who may write to an object in a tenant when several resources mean the same one.
//!
//! The resource whose status holds the id wins, else the oldest admitted one; the others are in `Conflict`, write nothing, and
//! are woken when the winner goes.

/// A resource that means a certain object in a certain tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// `namespace/name`, for messages.
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.creationTimestamp` as RFC 3339, which sorts by time.
    pub created_at: String,
    /// Whether its status holds an id of the object.
    pub holds_id: bool,
    /// Whether it may write at all: its namespace is allowed and its tenant is ready.
    pub is_admitted: bool,
}

/// The one that may write, of all that mean the same object.
pub fn winner(claimants: &[Claimant]) -> Option<&Claimant> {
    claimants
        .iter()
        .filter(|claimant| claimant.holds_id || claimant.is_admitted)
        .min_by_key(|claimant| (!claimant.holds_id, &claimant.created_at, &claimant.uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimant(name: &str, created_at: &str, holds_id: bool, is_admitted: bool) -> Claimant {
        Claimant { name: name.into(), uid: name.into(), created_at: created_at.into(), holds_id, is_admitted }
    }

    #[test]
    fn the_holder_wins_else_the_oldest_that_may_write() {
        let (old, young) = (
            claimant("old", "2026-01-01T00:00:00Z", false, true),
            claimant("young", "2026-02-01T00:00:00Z", false, true),
        );
        let holder = Claimant { holds_id: true, is_admitted: false, ..young.clone() };
        let barred = Claimant { is_admitted: false, ..old.clone() };
        for (case, claimants, expected) in [
            ("nobody", vec![], None),
            ("alone", vec![young.clone()], Some("young")),
            ("the oldest", vec![young.clone(), old.clone()], Some("old")),
            ("the holder, though younger", vec![old.clone(), holder], Some("young")),
            ("not one that may not write", vec![barred, young], Some("young")),
        ] {
            assert_eq!(winner(&claimants).map(|claimant| claimant.name.as_str()), expected, "{case}");
        }
    }
}
