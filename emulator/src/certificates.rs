//! What Auth0 reads from the X.509 certificates that it is given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::pem::parse_x509_pem;
use x509_parser::x509::X509Name;

use crate::request::Object;

/// The facts of a certificate that answers show.
pub(crate) struct Certificate {
    /// When it ends: UTC, to the millisecond.
    pub(crate) expires: String,
    /// By the long names of the attributes: `commonName`, …
    pub(crate) subject: Object,
    /// By the short names, one attribute a line.
    pub(crate) subject_dn: String,
    /// SHA-1 of the whole certificate, in hex.
    pub(crate) thumbprint: String,
    /// SHA-256 of the whole certificate, in base64url.
    pub(crate) thumbprint_sha256: String,
}

impl Certificate {
    /// Reads the first certificate of a PEM text. `None` when there is none.
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
        let (_, pem) = parse_x509_pem(pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let end = certificate.validity().not_after.to_datetime();
        let (month, day) = (u8::from(end.month()), end.day());
        let (hour, minute, second) = end.to_hms();
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &pem.contents);
        Some(Self {
            // Up to the year 9999, which jiff does not reach.
            expires: format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z", end.year()),
            subject: subject(certificate.subject()),
            subject_dn: subject_dn(certificate.subject()),
            thumbprint: sha1.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            thumbprint_sha256: URL_SAFE_NO_PAD.encode(digest(&SHA256, &pem.contents)),
        })
    }
}

fn subject(name: &X509Name<'_>) -> Object {
    let attributes = name.iter_attributes().filter_map(|attribute| {
        let long = oid2sn(attribute.attr_type(), oid_registry()).ok()?;
        Some((long.to_owned(), Value::from(attribute.as_str().ok()?)))
    });
    attributes.collect()
}

fn subject_dn(name: &X509Name<'_>) -> String {
    let lines = name.iter_attributes().filter_map(|attribute| {
        let short = oid2abbrev(attribute.attr_type(), oid_registry()).ok()?;
        Some(format!("{short}={}", attribute.as_str().ok()?))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.not_after = rcgen::date_time_ymd(2030, 1, 2);
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CountryName, "AU");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "idp.example.com");
        let certificate = Certificate::parse(&parameters.self_signed(&key).unwrap().pem()).unwrap();
        assert_eq!(certificate.expires, "2030-01-02T00:00:00.000Z");
        assert_eq!(certificate.subject_dn, "C=AU\nCN=idp.example.com");
        assert_eq!(certificate.subject["commonName"], "idp.example.com");
        assert_eq!((certificate.thumbprint.len(), certificate.thumbprint_sha256.len()), (40, 43));
        assert!(Certificate::parse("-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----").is_none());
    }
}
