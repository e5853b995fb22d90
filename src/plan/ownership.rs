//! Whose an object in the tenant is.

use super::{Fields, ObjectKind, Owner, Reason, Refusal, text};
use crate::crd::{AdoptionPolicy, Origin, STAMP_KEY};
use serde_json::Value;

/// Metadata values hold at most 255 characters (clients and connections, Auth0's OpenAPI description).
const STAMP_MAX: usize = 255;

impl Owner {
    /// Our mark on an object: who made it, or took it over.
    pub fn stamp(&self, origin: Origin) -> String {
        let verb = match origin {
            Origin::Created => "created",
            Origin::Adopted => "adopted",
        };
        let whole = format!("{verb}:{}/{}/{}", self.cluster, self.namespace, self.name);
        if whole.len() <= STAMP_MAX {
            whole
        } else {
            format!(
                "{verb}:sha256/{}",
                super::diff::digest(&[("stamp".to_owned(), Value::from(whole))].into_iter().collect())
            )
        }
    }

    /// The origin that a stamp tells, when it is this resource's.
    fn origin_in(&self, stamp: &str) -> Option<Origin> {
        [Origin::Created, Origin::Adopted].into_iter().find(|origin| self.stamp(*origin) == stamp)
    }
}

/// The stamp on an object.
pub fn stamp_of(kind: ObjectKind, object: &Fields) -> Option<&str> {
    let holder = match kind {
        ObjectKind::Client => "client_metadata",
        ObjectKind::Connection => "metadata",
        ObjectKind::User => "app_metadata",
        ObjectKind::ResourceServer | ObjectKind::ClientGrant => return None,
    };
    object.get(holder)?.as_object().and_then(|metadata| text(metadata, STAMP_KEY))
}

/// Decides about an object that was found by its natural key, while no status names it: ours since an earlier attempt, taken
/// over, or a refusal that says what to do.
///
/// `is_announced` says that a create of this very object was announced earlier and that the object equals it: the only
/// evidence for a resource server, which has nowhere to carry a stamp.
pub(super) fn judge(
    kind: ObjectKind,
    object: &Fields,
    owner: &Owner,
    policy: Option<AdoptionPolicy>,
    is_announced: bool,
) -> Result<Origin, Refusal> {
    let stamp = stamp_of(kind, object);
    if let Some(origin) = stamp.and_then(|stamp| owner.origin_in(stamp)) {
        return Ok(origin);
    }
    if stamp.is_none() && is_announced {
        return Ok(Origin::Created);
    }
    if policy == Some(AdoptionPolicy::Adopt) {
        return Ok(Origin::Adopted);
    }
    let noun = kind.noun();
    let id = text(object, kind.id_key()).unwrap_or_default();
    Err(match stamp {
        Some(stamp) => Refusal::new(
            Reason::Conflict,
            format!(
                "the {noun} {id} in the tenant belongs to another resource ({stamp}); delete that one, or set spec.adoptionPolicy: Adopt to take it over"
            ),
        ),
        None => Refusal::new(
            Reason::AlreadyExists,
            format!(
                "the {noun} {id} is in the tenant already and was not made by this resource; set spec.adoptionPolicy: Adopt to take it over, or delete it there"
            ),
        ),
    })
}

/// Checks an object whose id the status holds: another resource or cluster may have put its stamp on it since. To adopt is
/// to do so once: were it allowed here, two clusters that both adopt would take the object from each other for ever.
pub(super) fn check_stamp(kind: ObjectKind, object: &Fields, owner: &Owner) -> Result<(), Refusal> {
    let Some(stamp) = stamp_of(kind, object).filter(|_| is_taken_over(kind, object, owner)) else { return Ok(()) };
    let (noun, id) = (kind.noun(), text(object, kind.id_key()).unwrap_or_default());
    Err(Refusal::new(
        Reason::Conflict,
        format!(
            "the {noun} {id} in the tenant was taken over by another resource ({stamp}); delete this resource, which leaves the {noun} to that one, and to take it back create this one again with spec.adoptionPolicy: Adopt"
        ),
    ))
}

/// Whether an object bears the stamp of another resource or cluster.
pub fn is_taken_over(kind: ObjectKind, object: &Fields, owner: &Owner) -> bool {
    stamp_of(kind, object).is_some_and(|stamp| owner.origin_in(stamp).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fields;
    use serde_json::json;

    fn owner() -> Owner {
        Owner { cluster: "c1".into(), namespace: "shop".into(), name: "orders".into(), uid: "u".into() }
    }

    #[test]
    fn a_stamp_never_exceeds_what_metadata_can_hold() {
        let long = Owner { name: "n".repeat(253), ..owner() };
        assert_eq!(owner().stamp(Origin::Created), "created:c1/shop/orders");
        assert!(long.stamp(Origin::Adopted).len() <= STAMP_MAX);
        assert_eq!(long.origin_in(&long.stamp(Origin::Adopted)), Some(Origin::Adopted));
    }

    #[test]
    fn an_object_is_ours_by_its_stamp_or_by_what_was_announced() {
        let adopt = Some(AdoptionPolicy::Adopt);
        let stamped = |stamp: &str| fields(json!({"id": "con_1", "metadata": {STAMP_KEY: stamp}}));
        for (case, object, policy, announced, expected) in [
            ("ours", stamped("created:c1/shop/orders"), None, false, Ok(Origin::Created)),
            ("taken over before", stamped("adopted:c1/shop/orders"), None, false, Ok(Origin::Adopted)),
            ("announced", fields(json!({"id": "con_1"})), None, true, Ok(Origin::Created)),
            ("somebody's", fields(json!({"id": "con_1"})), None, false, Err(Reason::AlreadyExists)),
            ("somebody's, adopted", fields(json!({"id": "con_1"})), adopt, false, Ok(Origin::Adopted)),
            ("another cluster's", stamped("created:c2/shop/orders"), None, true, Err(Reason::Conflict)),
            ("another cluster's, adopted", stamped("created:c2/shop/orders"), adopt, false, Ok(Origin::Adopted)),
        ] {
            let judged = judge(ObjectKind::Connection, &object, &owner(), policy, announced);
            assert_eq!(judged.map_err(|refusal| refusal.reason), expected, "{case}");
        }
    }
}
