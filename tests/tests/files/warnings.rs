//! What peers will hold against an identity.

use std::time::{Duration, SystemTime};

use lem_ssl_rs::{Identity, IdentityWarning};
use lem_ssl_tests::pki::{Authority, Leaf};

use crate::support::pki;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DECADE: u32 = 3650;

fn warnings(chain: &str, now: SystemTime) -> Vec<String> {
    let identity = Identity::from_pem(chain, &pki().server.key_pem).unwrap();
    identity.warnings(now).iter().map(ToString::to_string).collect()
}

#[test]
fn a_certificate_whose_time_is_over_or_has_not_come_is_told_with_its_dates() {
    let now = SystemTime::now();
    let root = &pki().root;
    let of = |leaf: Leaf<'_>| warnings(&root.issue(leaf).chain_pem, now);
    let good = Leaf::server(&["localhost"]);
    assert!(of(good).is_empty());
    let expired = of(good.expired());
    assert!(expired[0].starts_with("the certificate (CN=localhost) expired on 20"), "{expired:?}");
    assert!(expired[0].ends_with(" UTC, 1 day ago") && expired.len() == 1, "{expired:?}");
    let early = of(good.not_yet_valid());
    assert!(early[0].starts_with("the certificate (CN=localhost) is not valid before 20"), "{early:?}");
    // Of thirty days, two are left.
    let soon = warnings(&root.issue(good).chain_pem, now + 28 * DAY);
    assert!(soon[0].starts_with("the certificate (CN=localhost) expires on 20"), "{soon:?}");
    assert!(soon[0].ends_with("UTC, in 1 day") || soon[0].ends_with("UTC, in 2 days"), "{soon:?}");
    assert!(warnings(&root.issue(good).chain_pem, now + 26 * DAY).is_empty());
}

#[test]
fn of_a_chain_the_certificate_is_named() {
    let between = pki().root.intermediate("Between");
    let leaf = Leaf { not_after: SystemTime::now() + 30 * DECADE * DAY, ..Leaf::server(&["localhost"]) };
    let issued = between.issue(leaf);
    let identity = Identity::from_der(issued.chain_der.clone(), issued.private_key());
    assert!(identity.warnings(SystemTime::now()).is_empty());
    // The leaf is good for longer than its issuer.
    let told = identity.warnings(SystemTime::now() + 2 * DECADE * DAY);
    let [IdentityWarning::Expired { certificate: 2, subject, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(subject.as_deref(), Some("CN=Between"));
    assert!(told[0].to_string().starts_with("certificate number 2 of the chain (CN=Between) expired on "));
}

#[test]
fn a_chain_in_another_order_or_of_other_issuers_is_told() {
    let upper = Authority::new("Upper").intermediate("Middle");
    let issued = upper.intermediate("Lower").issue(Leaf::server(&["localhost"]));
    let pem: Vec<_> = issued.chain_pem.split_inclusive("-----END CERTIFICATE-----\n").collect();
    let now = SystemTime::now();
    assert!(warnings(&pem.concat(), now).is_empty());
    let told = warnings(&[pem[0], pem[2], pem[1]].concat(), now);
    assert_eq!(
        told[0],
        "certificate number 2 of the chain (CN=Middle) is not that of the issuer of the one before it (CN=Lower): some \
         clients will refuse the chain"
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(warnings(&[pem[0], &pki().other.certificate_pem()].concat(), now).len(), 1);
}
