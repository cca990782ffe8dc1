//! What a tunnel needs of files and ports once it runs.

use std::env;
use std::path::PathBuf;

use lem_ssl_rs::{Address, Error, ToAddress};

use super::TunnelArgs;
use super::options::{Route, Sides};
use crate::confinement::Confinement;
use crate::exit::Failure;
use crate::listening::Listened;
use crate::platform::Needs;

/// What it needs; its files are those of `sides`, by the paths that they have in the end.
pub(super) fn of(arguments: &TunnelArgs, sides: &Sides, confinement: &Confinement) -> Result<Needs, Failure> {
    let mut needs = arguments.server.needs(sides.files().iter(), confinement);
    if sides.has_system_roots() {
        needs.roots = true;
        // Where the environment says that they are.
        let named = |variable| env::var_os(variable).filter(|value| !value.is_empty());
        needs.files.extend(named("SSL_CERT_FILE").map(PathBuf::from));
        let folders = named("SSL_CERT_DIR");
        needs.folders.extend(folders.iter().flat_map(env::split_paths).filter(|folder| !folder.as_os_str().is_empty()));
    }
    needs.names |= resolves(arguments);
    let ports: Vec<_> = back_ends(arguments).filter_map(|address| address.ok()?.port()).collect();
    if let Some(connected) = &mut needs.connected {
        connected.extend(ports);
    }
    for address in arguments.listen.iter().chain(&arguments.metrics) {
        Listened::at(address)?.add_to(&mut needs);
    }
    Ok(needs)
}

/// Whether names of back ends are resolved.
pub(super) fn resolves(arguments: &TunnelArgs) -> bool {
    back_ends(arguments).any(|address| address.is_ok_and(|address| address.host().is_some()))
}

/// That they can be understood was found out before.
fn back_ends(arguments: &TunnelArgs) -> impl Iterator<Item = Result<Address, Error>> {
    let routed = arguments.route.iter().flat_map(Route::addresses);
    arguments.connect.iter().chain(routed).map(|address| Ok(address.to_address()?))
}
