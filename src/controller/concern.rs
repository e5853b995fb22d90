//! Whom changes in a tenant concern, and what they say of what was known: rules about one resource at a time, without a clock or
//! a call.

use crate::{
    plan::{Held, ObjectKind, Read},
    tenant::Change,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a resource has to do with its tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Stake {
    /// What it has there, by ids.
    pub(super) held: Vec<Held>,
    /// What it looks for there, by natural keys.
    pub(super) sought: Vec<Read>,
    /// Whether clients that others make concern it.
    pub(super) minds_new_clients: bool,
    /// Whether it waits for a connection that it knows by name only.
    pub(super) waits_for_connection: bool,
    /// The Auth0Connection that it refers to, by namespace and name.
    pub(super) connection_ref: Option<(String, String)>,
}

/// What changes mean for a resource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Concern<'a> {
    /// Why it is to look again; never empty.
    pub(super) why: Vec<Why>,
    /// What it has in the tenant that may be otherwise, besides what the changes name.
    pub(super) spoiled: BTreeSet<&'a Read>,
    /// Who changed what it has, where that is known: the id of a client, or of a person.
    pub(super) by: Option<&'a str>,
}

/// Why a resource is to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Something that it has was changed.
    Changed,
    /// Something that it has was changed or made by another name than its id, or what it waits for.
    Named,
    /// Users of its connection were changed in bulk.
    UsersChanged,
    /// A tenant can be set to enable a new client on every connection.
    ClientMade,
    /// A connection changed, and by its name alone it cannot be told which.
    ConnectionChanged,
    /// Its connection was deleted, and its users with it.
    ConnectionDeleted,
}

/// Changes in one tenant, in the order of what is asked of them.
pub(super) struct Changes<'a> {
    all: &'a [Change],
    /// The changes that name a question.
    naming: BTreeMap<&'a Read, Vec<&'a Change>>,
    users_of: BTreeSet<&'a str>,
    deleted: DeletedConnections,
}

/// Connections that were deleted. A change names one by its id, of which its users know nothing.
#[derive(Default)]
struct DeletedConnections {
    refs: BTreeSet<(String, String)>,
    names: BTreeSet<String>,
    /// Whether there is one that no Auth0Connection has: it may have any name but those of the others.
    is_any_foreign: bool,
    others: BTreeSet<String>,
}

impl DeletedConnections {
    fn of(all: &[Change], connections: impl IntoIterator<Item = ((String, String), Stake)>) -> Self {
        let deleted = all.iter().filter(|change| change.is_delete).filter_map(|change| match change.reads.first() {
            Some(Read::Get(ObjectKind::Connection, id)) => Some(id),
            _ => None,
        });
        let (deleted, mut held) = (deleted.collect::<BTreeSet<_>>(), BTreeSet::new());
        let mut all = Self::default();
        if deleted.is_empty() {
            return all;
        }
        for (reference, stake) in connections {
            let id = stake.reads().find_map(|read| match read {
                Read::Get(ObjectKind::Connection, id) => Some(id),
                _ => None,
            });
            // One without an object may have the name of somebody else's.
            let Some(id) = id else { continue };
            let deleted = deleted.get(id).copied();
            let names = stake.sought.into_iter().filter_map(|read| match read {
                Read::ConnectionNamed(name) => Some(name),
                _ => None,
            });
            if let Some(id) = deleted {
                held.insert(id);
                all.refs.insert(reference);
                all.names.extend(names);
            } else {
                all.others.extend(names);
            }
        }
        all.is_any_foreign = held.len() < deleted.len();
        all
    }

    /// Whether one of them may be the connection of a user of `stake`, whose name is `name` where that is known.
    fn may_be(&self, stake: &Stake, name: Option<&str>) -> bool {
        let is_ours = stake.connection_ref.as_ref().is_some_and(|reference| self.refs.contains(reference));
        let is_any = self.is_any_foreign || !self.refs.is_empty();
        is_ours
            || match name {
                Some(name) => self.names.contains(name) || self.is_any_foreign && !self.others.contains(name),
                None => is_any,
            }
    }
}

impl<'a> Changes<'a> {
    /// `connections` are all Auth0Connections of the tenant, by namespace and name.
    pub(super) fn of(all: &'a [Change], connections: impl IntoIterator<Item = ((String, String), Stake)>) -> Self {
        let mut naming = BTreeMap::<_, Vec<_>>::new();
        for change in all {
            change.reads.iter().for_each(|read| naming.entry(read).or_default().push(change));
        }
        let users_of = all.iter().filter_map(|change| change.users_of.as_deref()).collect();
        Self { all, naming, users_of, deleted: DeletedConnections::of(all, connections) }
    }

    /// What they mean for a resource; `None` when nothing. `connection_of` gives the connection of a user, where it is known.
    pub(super) fn concern<'b>(
        &'b self,
        stake: &'b Stake,
        connection_of: impl Fn(&Read) -> Option<String>,
    ) -> Option<Concern<'b>> {
        let rules = [
            (Why::Changed, self.changed(stake)),
            (Why::Named, self.named(stake)),
            (Why::UsersChanged, self.users_changed(stake, &connection_of)),
            (Why::ClientMade, self.client_made(stake)),
            (Why::ConnectionChanged, self.connection_changed(stake)),
            (Why::ConnectionDeleted, self.connection_deleted(stake, &connection_of)),
        ];
        let (why, spoiled): (Vec<_>, Vec<_>) =
            rules.into_iter().filter_map(|(why, spoils)| Some((why, spoils?))).unzip();
        let spoiled = spoiled.into_iter().flatten().collect();
        (!why.is_empty()).then(|| Concern { why, spoiled, by: self.by(stake) })
    }

    /// What hangs on a deleted object went with it, without an entry of its own.
    fn changed<'b>(&self, stake: &'b Stake) -> Option<Vec<&'b Read>> {
        if !stake.reads().any(|read| self.naming.contains_key(read)) {
            return None;
        }
        let is_deleted = |read: &Read| self.changes_of(read).any(|change| change.is_delete);
        let is_rest = |read: &&Read| stake.reads().any(is_deleted) && !is_deleted(read);
        Some(stake.reads().filter(is_rest).collect())
    }

    /// An API can be named by its identifier, and a user by the address: what the resource has may be what was meant.
    fn named<'b>(&self, stake: &'b Stake) -> Option<Vec<&'b Read>> {
        let named: Vec<_> = stake.sought.iter().filter(|read| self.naming.contains_key(read)).map(Read::kind).collect();
        (!named.is_empty()).then(|| stake.reads().filter(|read| named.contains(&read.kind())).collect())
    }

    fn users_changed<'b>(
        &self,
        stake: &'b Stake,
        connection_of: impl Fn(&Read) -> Option<String>,
    ) -> Option<Vec<&'b Read>> {
        let is_meant = |read: &&Read| {
            !self.users_of.is_empty()
                && connection_of(read).is_none_or(|connection| self.users_of.contains(connection.as_str()))
        };
        some(stake.users().filter(is_meant).collect())
    }

    fn client_made<'b>(&self, stake: &'b Stake) -> Option<Vec<&'b Read>> {
        let is_meant = stake.minds_new_clients && self.all.iter().any(|change| change.is_new_client);
        is_meant.then(|| stake.reads().filter(|read| matches!(read, Read::ConnectionClients(_))).collect())
    }

    fn connection_changed<'b>(&self, stake: &'b Stake) -> Option<Vec<&'b Read>> {
        let is_meant =
            stake.waits_for_connection && self.naming.keys().any(|read| read.kind() == ObjectKind::Connection);
        is_meant.then(Vec::new)
    }

    fn connection_deleted<'b>(
        &self,
        stake: &'b Stake,
        connection_of: impl Fn(&Read) -> Option<String>,
    ) -> Option<Vec<&'b Read>> {
        some(stake.users().filter(|user| self.deleted.may_be(stake, connection_of(user).as_deref())).collect())
    }

    /// Of several, who did the last.
    fn by(&self, stake: &Stake) -> Option<&'a str> {
        stake.reads().find_map(|read| self.changes_of(read).filter_map(|change| change.by.as_deref()).last())
    }

    fn changes_of(&self, read: &Read) -> impl Iterator<Item = &'a Change> {
        self.naming.get(read).into_iter().flatten().copied()
    }
}

impl Stake {
    fn reads(&self) -> impl Iterator<Item = &Read> {
        self.held.iter().map(|held| &held.read)
    }

    fn users(&self) -> impl Iterator<Item = &Read> {
        self.reads().filter(|read| matches!(read, Read::Get(ObjectKind::User, _)))
    }
}

fn some(reads: Vec<&Read>) -> Option<Vec<&Read>> {
    (!reads.is_empty()).then_some(reads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(kind: ObjectKind) -> Read {
        Read::Get(kind, "1".to_owned())
    }

    fn clients() -> Read {
        Read::ConnectionClients("1".to_owned())
    }

    fn named(name: &str) -> Read {
        Read::ConnectionNamed(name.to_owned())
    }

    fn stake(held: &[Read], sought: &[Read]) -> Stake {
        Stake { held: held.iter().cloned().map(Held::from).collect(), sought: sought.to_vec(), ..Stake::default() }
    }

    fn api() -> Stake {
        let held = [ObjectKind::ResourceServer, ObjectKind::Client, ObjectKind::ClientGrant].map(get);
        stake(&held, &[Read::Get(ObjectKind::ResourceServer, "https://orders.example.com/".to_owned())])
    }

    fn connection() -> Stake {
        stake(&[get(ObjectKind::Connection), clients()], &[named("Orders")])
    }

    fn user() -> Stake {
        stake(&[get(ObjectKind::User)], &[])
    }

    fn change(reads: &[Read]) -> Change {
        Change { reads: reads.to_vec(), ..Change::default() }
    }

    /// Why a resource looks again, and what of it is spoiled. All users are in Orders.
    fn concern(changes: &[Change], stake: &Stake) -> (Vec<Why>, Vec<Read>) {
        let changes = Changes::of(changes, []);
        let concern = changes.concern(stake, |_| Some("Orders".to_owned()));
        concern.map_or_else(Default::default, |concern| (concern.why, concern.spoiled.into_iter().cloned().collect()))
    }

    #[test]
    fn what_a_resource_has_concerns_it_and_what_it_has_not_does_not() {
        for (case, changed, why) in [
            ("its client", get(ObjectKind::Client), vec![Why::Changed]),
            ("another one", Read::Get(ObjectKind::Client, "2".to_owned()), vec![]),
            ("something else of the same id", get(ObjectKind::Connection), vec![]),
        ] {
            assert_eq!(concern(&[change(&[changed])], &api()), (why, vec![]), "{case}: its own key is the change's");
        }
    }

    #[test]
    fn what_hangs_on_a_deleted_object_is_spoiled_with_it() {
        let deleted = |kind| Change { is_delete: true, ..change(&[get(kind)]) };
        let changes = [deleted(ObjectKind::ResourceServer), deleted(ObjectKind::ClientGrant)];
        assert_eq!(concern(&changes, &api()), (vec![Why::Changed], vec![get(ObjectKind::Client)]));
        assert_eq!(concern(&[deleted(ObjectKind::Connection)], &connection()), (vec![Why::Changed], vec![clients()]));
        assert_eq!(concern(&[deleted(ObjectKind::User)], &connection()), (vec![], vec![]));
    }

    #[test]
    fn what_is_named_otherwise_than_by_its_id_spoils_what_a_resource_has_of_that_kind() {
        let by_identifier = change(&api().sought);
        assert_eq!(concern(&[by_identifier], &api()), (vec![Why::Named], vec![get(ObjectKind::ResourceServer)]));
        let all_of_it = vec![get(ObjectKind::Connection), clients()];
        assert_eq!(concern(&[change(&[named("Orders")])], &connection()), (vec![Why::Named], all_of_it));
        assert_eq!(concern(&[change(&[named("Other")])], &connection()), (vec![], vec![]));
    }

    #[test]
    fn users_changed_in_bulk_are_those_of_the_connection_and_those_of_whom_it_is_not_known() {
        let bulk = [Change { users_of: Some("Orders".to_owned()), ..Change::default() }];
        assert_eq!(concern(&bulk, &user()), (vec![Why::UsersChanged], vec![get(ObjectKind::User)]));
        assert_eq!(concern(&bulk, &connection()), (vec![], vec![]));
        let (changes, user) = (Changes::of(&bulk, []), user());
        assert!(changes.concern(&user, |_| Some("Other".to_owned())).is_none());
        assert!(changes.concern(&user, |_| None).is_some());
    }

    #[test]
    fn the_users_of_a_deleted_connection_are_gone_with_it() {
        let key = |name: &str| ("shop".to_owned(), name.to_owned());
        let other = stake(&[Read::Get(ObjectKind::Connection, "2".to_owned())], &[named("Other")]);
        let empty = stake(&[], &[named("Nobody's")]);
        let connections =
            || [(key("orders"), connection()), (key("other"), other.clone()), (key("empty"), empty.clone())];
        let deleted = |id: &str| Change { is_delete: true, ..change(&[Read::Get(ObjectKind::Connection, id.into())]) };
        let (unknown, orders, others, nobodys) = (None, Some("Orders"), Some("Other"), Some("Nobody's"));
        let refers = |name| Stake { connection_ref: Some(key(name)), ..user() };
        for (case, changes, user, is_in, is_meant) in [
            ("in it", vec![deleted("1")], user(), orders, true),
            ("in another", vec![deleted("1")], user(), others, false),
            ("who knows where", vec![deleted("1")], user(), unknown, true),
            ("refers to it", vec![deleted("1")], refers("orders"), unknown, true),
            ("refers to it, and was moved", vec![deleted("1")], refers("orders"), others, true),
            ("refers to another", vec![deleted("1")], refers("other"), others, false),
            ("one that nobody has, and the user may be in it", vec![deleted("3")], user(), nobodys, true),
            ("one that nobody has, and the user is in another", vec![deleted("3")], user(), orders, false),
            ("one that nobody has, and who knows where", vec![deleted("3")], user(), unknown, true),
            ("two", vec![deleted("3"), deleted("1")], user(), orders, true),
            ("changed", vec![change(&[get(ObjectKind::Connection)])], user(), unknown, false),
        ] {
            let changes = Changes::of(&changes, connections());
            let concern = changes.concern(&user, |_| is_in.map(str::to_owned));
            let spoiled =
                concern.map(|concern| (concern.why, concern.spoiled.into_iter().cloned().collect::<Vec<_>>()));
            let expected = is_meant.then(|| (vec![Why::ConnectionDeleted], vec![get(ObjectKind::User)]));
            assert_eq!(spoiled, expected, "{case}");
        }
    }

    #[test]
    fn a_new_client_may_be_enabled_on_a_connection_that_minds_it() {
        let made = [Change { is_new_client: true, ..Change::default() }];
        let exclusive = Stake { minds_new_clients: true, ..connection() };
        assert_eq!(concern(&made, &exclusive), (vec![Why::ClientMade], vec![clients()]));
        assert_eq!(concern(&made, &connection()), (vec![], vec![]));
        assert_eq!(concern(&[Change::default()], &exclusive), (vec![], vec![]));
    }

    #[test]
    fn a_connection_that_changes_may_be_the_one_that_a_user_waits_for() {
        let waits = Stake { waits_for_connection: true, ..user() };
        for changed in [get(ObjectKind::Connection), clients(), named("Orders")] {
            let changes = [change(&[changed])];
            assert_eq!(concern(&changes, &waits), (vec![Why::ConnectionChanged], vec![]));
            assert_eq!(concern(&changes, &user()), (vec![], vec![]));
        }
        assert_eq!(concern(&[change(&[get(ObjectKind::Client)])], &waits), (vec![], vec![]));
    }

    #[test]
    fn who_changed_what_a_resource_has_last_is_to_blame() {
        let by = |read, who: &str| Change { by: Some(who.to_owned()), ..change(&[read]) };
        let changes = [
            by(get(ObjectKind::Client), "first"),
            by(get(ObjectKind::Client), "last"),
            by(api().sought[0].clone(), "somebody who named it otherwise"),
        ];
        let (changes, api, nameless) = (Changes::of(&changes, []), api(), [change(&[get(ObjectKind::Client)])]);
        assert_eq!(changes.concern(&api, |_| None).unwrap().by, Some("last"));
        assert_eq!(Changes::of(&nameless, []).concern(&api, |_| None).unwrap().by, None);
    }
}
