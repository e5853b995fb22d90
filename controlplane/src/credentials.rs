//! The control plane's own certificate authority, what it signs, and the kubeconfigs that carry it.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::{error::Error, process};

/// Names of the files that [`Credentials::write_to`] writes.
pub(crate) const CA_CERTIFICATE: &str = "ca.crt";
pub(crate) const SERVER_CERTIFICATE: &str = "apiserver.crt";
pub(crate) const SERVER_KEY: &str = "apiserver.key";
pub(crate) const SERVICE_ACCOUNT_KEY: &str = "serviceaccount.key";
pub(crate) const SERVICE_ACCOUNT_PUBLIC_KEY: &str = "serviceaccount.pub";

/// All keys of a control plane: made for it alone, gone with it.
pub(crate) struct Credentials {
    ca_certificate: String,
    server: Pair,
    admin: Pair,
    /// Signs the tokens of ServiceAccounts.
    service_account: KeyPair,
}

/// A certificate and its key, both PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// How a kubeconfig's user proves who it is.
pub(crate) enum User<'a> {
    Certificate { certificate: &'a str, key: &'a str },
    Token(String),
}

/// Without the keys.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials")
    }
}

impl Credentials {
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut authority = named("controlplane");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

        let mut server = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];

        let mut admin = named("admin");
        // The group that kube-apiserver lets do everything, whatever RBAC says.
        admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
        admin.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

        Ok(Self {
            ca_certificate: authority.pem(),
            server: Pair::signed(&server, &authority)?,
            admin: Pair::signed(&admin, &authority)?,
            service_account: KeyPair::generate()?,
        })
    }

    /// Writes the files that the components read.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<(), Error> {
        process::write(&folder.join(CA_CERTIFICATE), &self.ca_certificate)?;
        process::write(&folder.join(SERVER_CERTIFICATE), &self.server.certificate)?;
        process::write(&folder.join(SERVER_KEY), &self.server.key)?;
        process::write(&folder.join(SERVICE_ACCOUNT_KEY), &self.service_account.serialize_pem())?;
        process::write(&folder.join(SERVICE_ACCOUNT_PUBLIC_KEY), &self.service_account.public_key_pem())
    }

    pub(crate) fn admin(&self) -> User<'_> {
        User::Certificate { certificate: &self.admin.certificate, key: &self.admin.key }
    }

    /// A kubeconfig that needs no other file.
    pub(crate) fn kubeconfig(&self, url: &str, namespace: &str, user: User<'_>) -> String {
        let authority = STANDARD.encode(&self.ca_certificate);
        let user = match user {
            User::Certificate { certificate, key } => format!(
                "client-certificate-data: {}\n    client-key-data: {}",
                STANDARD.encode(certificate),
                STANDARD.encode(key)
            ),
            User::Token(token) => format!("token: {token}"),
        };
        format!(
            "apiVersion: v1
kind: Config
current-context: controlplane
contexts:
- name: controlplane
  context:
    cluster: controlplane
    user: user
    namespace: {namespace}
clusters:
- name: controlplane
  cluster:
    server: {url}
    certificate-authority-data: {authority}
users:
- name: user
  user:
    {user}
"
        )
    }
}

impl Pair {
    fn signed(subject: &CertificateParams, authority: &CertifiedIssuer<'_, KeyPair>) -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        Ok(Self { certificate: subject.signed_by(&key, authority)?.pem(), key: key.serialize_pem() })
    }
}

fn named(common_name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters
}
