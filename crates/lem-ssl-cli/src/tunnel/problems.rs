//! `--check-config`: everything is loaded, and every problem is named at once.

use super::options;
use super::{TunnelArgs, check};
use crate::config::Origin;
use crate::exit::{Exit, Failure};
use crate::say;
use crate::stdio;
use crate::text::count;

/// Says what is wrong, each on a line of standard error with the line of the file that it comes from, or that all is well.
pub(super) fn report(arguments: &TunnelArgs, origin: &Origin) -> Result<(), Failure> {
    let problems = problems(arguments, origin);
    if problems.is_empty() {
        stdio::print(b"everything can be loaded\n")?;
        return Ok(());
    }
    problems.iter().for_each(say::failure);
    let said = count(i128::try_from(problems.len()).unwrap_or_default(), "problem");
    Err(Failure::new(Exit::Usage, said))
}

fn problems(arguments: &TunnelArgs, origin: &Origin) -> Vec<String> {
    let TunnelArgs { connect, route, access, out, limits, tls_out, .. } = arguments;
    let mut problems = Vec::new();
    let of_whole = |failure: &Failure| {
        let place = origin.in_message(&failure.to_string()).unwrap_or_default();
        format!("{place}{failure}")
    };
    let of_value = |value: &str, failure: &Failure| match origin.of(value) {
        Some(place) => format!("{place}{failure}"),
        None => of_whole(failure),
    };
    for address in route.iter().flat_map(options::Route::addresses).chain(connect) {
        let failure = out.back_end(address, *tls_out).err();
        problems.extend(failure.map(|failure| of_value(address, &failure)));
    }
    if problems.is_empty() {
        // Each by itself is right; what is left is whether they belong together.
        let failure = options::routes(connect, route, access, (out, *tls_out), limits).err();
        problems.extend(failure.as_ref().map(of_whole));
    }
    match check(arguments) {
        Err(failure) => problems.push(of_whole(&failure)),
        Ok(sides) => {
            let found = sides.problems();
            problems.extend(found.iter().map(|(value, failure)| of_value(value, failure)));
            match sides.contexts() {
                Ok(contexts) => contexts.warnings.iter().for_each(say::line),
                Err(failure) if found.is_empty() => problems.push(of_whole(&failure)),
                // It is one of those that were found.
                Err(_) => {}
            }
        }
    }
    problems
}
