//! Dates.

use lem_ssl_rs::CertificateCheck::{Chain, Dates, Format};
use lem_ssl_tests::pki::draft::{Draft, DraftKey, GENERALIZED_TIME, UTC_TIME, in_days};

use super::Case;
use super::kit::{Kit, accepted, refused};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let kit = Kit::new();
    let leaf = kit.leaf().between(-20, -3);
    cases.push(kit.alone(
        "an expired leaf",
        leaf,
        refused(Dates, 0, &["the peer's certificate (CN=leaf) expired on", "3 days ago"]),
    ));
    let kit = Kit::new();
    let leaf = kit.leaf().between(3, 20);
    cases.push(kit.alone(
        "a leaf of the future",
        leaf,
        refused(Dates, 0, &["(CN=leaf) is valid only from", "is the clock right?"]),
    ));
    let kit = Kit::new();
    let leaf = kit.leaf().between(3, -3);
    cases.push(kit.alone("a leaf that was never valid", leaf, refused(Dates, 0, &["(CN=leaf) was never valid"])));
    let kit = Kit::new();
    let middle = kit.middle().between(-20, -3);
    let words = ["certificate 2 of the peer's chain (CN=Middle) expired on", "3 days ago"];
    cases.push(kit.under("a good leaf under an expired intermediate", middle, refused(Dates, 1, &words)));
    let kit = Kit::new();
    let middle = kit.middle().between(3, 20);
    let words = ["certificate 2 of the peer's chain (CN=Middle) is valid only from"];
    cases.push(kit.under("an intermediate of the future", middle, refused(Dates, 1, &words)));
    let kit = Kit::new();
    let chain = vec![kit.below().between(-9, -2).sign(&kit.middle), kit.middle().between(-20, -3).sign(&kit.root)];
    let words =
        ["the peer's certificate (CN=leaf) expired", "besides, certificate 2 of the peer's chain (CN=Middle) expired"];
    cases.push(kit.case("everything expired", chain, refused(Dates, 0, &words)));
    cases.extend([
        expired_root(),
        expired_root_presented(),
        stray(),
        untrusted_with_expired_cross_root(),
        untrusted_and_expired(),
    ]);
    cases.extend([renewed(), expired_way_and_good_way()]);
    let kit = Kit::new();
    let leaf = Draft { not_after: (GENERALIZED_TIME, "100000101000000Z".into()), ..kit.leaf() };
    cases.push(kit.alone(
        "a leaf that ends in the year 10000",
        leaf,
        refused(Format, 0, &["cannot be read: its dates"]),
    ));
    let kit = Kit::new();
    let leaf = Draft { not_after: (GENERALIZED_TIME, "99991231235959Z".into()), ..kit.leaf() };
    cases.push(kit.alone("a leaf that ends in the year 9999", leaf, accepted(&[0])));
    let kit = Kit::new();
    let leaf = Draft {
        not_before: (UTC_TIME, "700101000000Z".into()),
        not_after: (UTC_TIME, "700102000000Z".into()),
        ..kit.leaf()
    };
    cases.push(kit.alone("a leaf of 1970", leaf, refused(Dates, 0, &["expired on 1970-01-02"])));
    let kit = Kit::new();
    let leaf = Draft { not_after: (GENERALIZED_TIME, in_days(3).replace('Z', "+0100")), ..kit.leaf() };
    cases.push(kit.alone("a leaf with a time zone", leaf, refused(Format, 0, &["cannot be read: its dates"])));
    let kit = Kit::new();
    let leaf = Draft { not_after: (GENERALIZED_TIME, "20991301000000Z".into()), ..kit.leaf() };
    cases.push(kit.alone("a leaf of a thirteenth month", leaf, refused(Format, 0, &["cannot be read: its dates"])));
    cases
}

/// Roots have no dates: who trusts one has decided that.
fn expired_root() -> Case {
    let kit = Kit::new();
    let root = Draft::authority("Root", "Root", &kit.root).between(-20, -3).sign(&kit.root);
    let chain = vec![kit.leaf().sign(&kit.root)];
    Case { roots: vec![root], ..kit.case("a trusted root that expired", chain, accepted(&[0])) }
}

fn expired_root_presented() -> Case {
    let kit = Kit::new();
    let root = Draft::authority("Root", "Root", &kit.root).between(-20, -3).sign(&kit.root);
    let chain = vec![kit.leaf().sign(&kit.root), root];
    kit.case("an expired copy of the root besides", chain, accepted(&[0]))
}

fn stray() -> Case {
    let kit = Kit::new();
    let stranger = DraftKey::new();
    let chain = vec![
        kit.below().sign(&kit.middle),
        Draft::leaf(&["old.test"], "Elsewhere", &stranger).between(-20, -3).sign(&stranger),
        kit.middle().sign(&kit.root),
    ];
    kit.case("a stray expired certificate", chain, accepted(&[0, 2]))
}

/// Of a server whose root is not ours, that has expired which its administrator added to help.
fn untrusted_with_expired_cross_root() -> Case {
    let kit = Kit::new();
    let (own, old) = (DraftKey::new(), DraftKey::new());
    let chain = vec![
        Draft::leaf(&["localhost"], "Own Root", &kit.leaf).sign(&own),
        Draft::authority("Own Root", "Old Root", &own).between(-20, -3).sign(&old),
    ];
    let words = [
        "certificate 2 of the peer's chain (CN=Own Root) was issued by \"CN=Old Root\"",
        "not among the trusted roots",
    ];
    kit.case("an untrusted server with an expired cross root", chain, refused(Chain, 1, &words))
}

fn untrusted_and_expired() -> Case {
    let kit = Kit::new();
    let stranger = DraftKey::new();
    let chain = vec![Draft::leaf(&["localhost"], "Stranger", &kit.leaf).between(-20, -3).sign(&stranger)];
    let words = ["was issued by \"CN=Stranger\"", "not among the trusted roots", "besides", "expired on"];
    kit.case("an untrusted leaf that expired", chain, refused(Chain, 0, &words))
}

/// The old certificate of an intermediate is still sent beside the new one.
fn renewed() -> Case {
    let kit = Kit::new();
    let chain = vec![
        kit.below().sign(&kit.middle),
        kit.middle().between(-20, -3).sign(&kit.root),
        kit.middle().sign(&kit.root),
    ];
    kit.case("the old certificate of an intermediate beside the new one", chain, accepted(&[0, 2]))
}

fn expired_way_and_good_way() -> Case {
    let kit = Kit::new();
    let other = DraftKey::new();
    let chain = vec![
        kit.below().sign(&kit.middle),
        Draft::authority("Middle", "Cross", &kit.middle).between(-20, -3).sign(&other),
        kit.middle().sign(&kit.root),
        Draft::authority("Cross", "Cross", &other).sign(&other),
    ];
    kit.case("an expired cross certificate beside the good way", chain, accepted(&[0, 2]))
}
