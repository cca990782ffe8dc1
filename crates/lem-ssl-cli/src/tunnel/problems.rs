//! `--check-config`: everything is loaded, and every problem is named at once.

use super::options;
use super::{TunnelArgs, check};
use crate::config::{Origin, Setting};
use crate::exit::Failure;
use crate::options::Problems;
use crate::say;

/// Says what is wrong, or that all is well.
pub(super) fn report(arguments: &TunnelArgs, origin: &Origin) -> Result<(), Failure> {
    let TunnelArgs { connect, route, access, out, limits, tls_out, .. } = arguments;
    let mut problems = Problems::new(origin);
    let listen = arguments.listen.iter().map(|address| ("listen", address));
    problems.add_listening(listen.chain(arguments.metrics.iter().map(|address| ("metrics", address))))?;
    let routes = route.iter().flat_map(options::Route::addresses).map(|address| ("route", address));
    for (option, address) in routes.chain(connect.iter().map(|address| ("connect", address))) {
        if let Err(failure) = out.back_end(address, *tls_out) {
            problems.add_of(&Setting::new(option, address), &failure);
        }
    }
    if problems.is_empty() {
        // Each by itself is right; what is left is whether they belong together.
        if let Err(failure) = options::routes(connect, route, access, (out, *tls_out), limits) {
            problems.add(&failure);
        }
    }
    let found = arguments.confinement.problems();
    found.iter().for_each(|(setting, failure)| problems.add_of(setting, failure));
    if let Ok(confinement) = arguments.confinement.find()
        && let Err(failure) = arguments.server.acme.check_place(&confinement)
    {
        problems.add(&failure);
    }
    arguments.confinement.remark().iter().for_each(say::line);
    match check(arguments) {
        Err(failure) => problems.add(&failure),
        Ok(sides) => {
            let found = sides.problems();
            found.iter().for_each(|(setting, failure)| problems.add_of(setting, failure));
            match sides.contexts() {
                Ok(contexts) => contexts.notices.warnings.iter().for_each(say::line),
                Err(failure) if found.is_empty() => problems.add(&failure),
                // It is one of those that were found.
                Err(_) => {}
            }
        }
    }
    problems.conclude()
}
