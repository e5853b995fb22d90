//! The kinds that stand for tenant objects, as the generic controller sees them.

use super::{
    index::Index,
    stores::{Stores, Wakes},
};
use crate::{
    crd::{Auth0Api, Auth0Connection, Auth0Tenant, Auth0User, CommonStatus, DeletionPolicy, TenantRef},
    plan::{Managed, Owner},
};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Resource, ResourceExt,
    core::object::{HasSpec, HasStatus},
    runtime::reflector::{ObjectRef, Store},
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A namespaced kind of ours that can be watched.
pub(super) trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// Where the cluster's objects of this kind are kept.
    fn store(stores: &Stores) -> &Store<Self>;

    /// Asks for a pass over one object.
    fn wake(wakes: &Wakes, object: ObjectRef<Self>);
}

/// A kind that stands for objects in a tenant.
pub(super) trait Kind:
    Watched + HasSpec<Spec = Self::Wish> + HasStatus<Status = <Self::Wish as Managed>::Status>
{
    /// The spec.
    type Wish: Managed;

    /// Finds the cluster's objects of this kind.
    fn index(stores: &Stores) -> &Index<Self>;

    /// The part of the status that all kinds share; as if never looked at where there is none.
    fn common(&self) -> CommonStatus {
        self.status().map(|status| Self::Wish::common(status).clone()).unwrap_or_default()
    }

    /// Namespace and name of its Auth0Tenant.
    fn tenant_key(&self, default: Option<&(String, String)>) -> Option<(String, String)> {
        match self.spec().tenant_ref() {
            Some(TenantRef { name, namespace }) => {
                Some((namespace.clone().unwrap_or_else(|| self.namespace().unwrap_or_default()), name.clone()))
            }
            None => default.cloned(),
        }
    }

    /// The resource as plans see it.
    fn owner(&self, cluster: &str) -> Owner {
        Owner {
            cluster: cluster.to_owned(),
            namespace: self.namespace().unwrap_or_default(),
            name: self.name_any(),
            uid: self.uid().unwrap_or_default(),
        }
    }

    /// What it stands for in its tenant: the same for all resources that stand for the same object.
    fn claim_key(&self, stores: &Stores) -> String {
        let owner = self.owner("");
        let connection = |name: &str| {
            let connection = stores.connections.get(&ObjectRef::new(name).within(&owner.namespace))?;
            Some(connection.spec.effective_name(name))
        };
        self.spec().natural_key(&owner, &connection)
    }

    /// Whether it knows that its tenant is gone for good, so that it goes without a call.
    fn is_abandoned(&self) -> bool {
        self.common().deletion_policy == Some(DeletionPolicy::Orphan)
    }

    /// Whether it has, or is about to have, an object in the tenant.
    fn is_dependant(&self) -> bool {
        self.common().pending.is_some() || self.status().and_then(Self::Wish::holds).is_some()
    }
}

macro_rules! watched {
    ($kind:ident, $field:ident) => {
        impl Watched for $kind {
            fn store(stores: &Stores) -> &Store<Self> {
                &stores.$field
            }

            fn wake(wakes: &Wakes, object: ObjectRef<Self>) {
                // A closed channel means that the controller has ended.
                let _ = wakes.$field.unbounded_send(object);
            }
        }
    };
}

macro_rules! kind {
    ($kind:ident, $field:ident) => {
        watched!($kind, $field);

        impl Kind for $kind {
            type Wish = <$kind as HasSpec>::Spec;

            fn index(stores: &Stores) -> &Index<Self> {
                &stores.indices.$field
            }
        }
    };
}

watched!(Auth0Tenant, tenants);
kind!(Auth0Api, apis);
kind!(Auth0Connection, connections);
kind!(Auth0User, users);
