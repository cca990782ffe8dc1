//! The table, gone through.

use lem_ssl_rs::{Context, Roots, TlsError, Version, danger};
use lem_ssl_tests::plain::foreign;
use rustls::AlertDescription;

use super::{Case, Expected, Shown, cases, shown};
use crate::support::{provider, run};

#[test]
fn every_bad_chain_is_explained_by_its_certificate_its_check_and_a_reason() {
    run(async {
        let (servers, clients) = (cases::for_servers(), cases::for_clients());
        let mut wrong = Vec::new();
        for (cases, by) in [(&servers, Shown::ByServer), (&clients, Shown::ByClient)] {
            for case in cases {
                for version in [Version::Tls12, Version::Tls13] {
                    if let Err(why) = check(case, by, version).await {
                        wrong.push(format!("{} ({by:?}, {version:?}): {why}", case.what));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let bad =
            |cases: &[Case]| cases.iter().filter(|case| matches!(case.expected, Expected::Refused { .. })).count();
        assert!(bad(&servers) >= 60 && bad(&clients) >= 50, "{} {}", bad(&servers), bad(&clients));
        println!("bad chains with a plain reason: {} of servers, {} of clients", bad(&servers), bad(&clients));
    });
}

async fn check(case: &Case, by: Shown, version: Version) -> Result<(), String> {
    let (result, told) = shown(case, by, version).await;
    match (&case.expected, result) {
        (Expected::Path(path), Ok(())) => is_explained(case, path, by),
        (Expected::Path(_), Err(error)) => Err(format!("refused: {error}")),
        (Expected::Refused { .. }, Ok(())) => Err("accepted".into()),
        (Expected::Refused { check, position, words }, Err(error)) => {
            let message = error.to_string();
            println!("{}: {message}", case.what);
            let Some(problem) = TlsError::certificate(&error) else { return Err(format!("no problem: {message}")) };
            if (problem.fault().check(), problem.position()) != (*check, *position) {
                return Err(format!("{:?} at {:?}: {message}", problem.fault().check(), problem.position()));
            }
            if let Some(missing) = words.iter().find(|word| !message.contains(**word)) {
                return Err(format!("{missing:?} is not in {message:?}"));
            }
            if let Some(foreign) = foreign(&message) {
                return Err(format!("{foreign:?} is in {message:?}"));
            }
            match told {
                Some(rustls::Error::AlertReceived(alert)) if alert != AlertDescription::InternalError => Ok(()),
                told => Err(format!("the peer was told {told:?}")),
            }
        }
    }
}

/// The way of a chain that was accepted is told, and nothing is found on it.
fn is_explained(case: &Case, path: &[usize], by: Shown) -> Result<(), String> {
    if by == Shown::ByClient {
        return Ok(());
    }
    let context =
        danger::provider(Context::builder(), provider()).roots(Roots::Der(case.roots.clone())).build().unwrap();
    let explanation = context.explain(&case.chain, case.name).unwrap();
    let is_right = explanation.findings.is_empty() && explanation.path == path && explanation.root.is_some();
    if is_right { Ok(()) } else { Err(format!("{explanation:?}")) }
}
