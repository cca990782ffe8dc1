//! What is said on standard error, and in which colours.

use std::any::Any;
use std::fmt;
use std::io::Write;
use std::panic;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// What went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What needs a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is beside the point.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Headings.
pub(crate) const BOLD: Style = Style::new().bold();

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless the environment says no (`NO_COLOR`).
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Decides about colour for everything that is said from now on.
pub(crate) fn set_color(color: Color) {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Never => ColorChoice::Never,
    }
    .write_global();
}

/// A line on standard error. If nobody listens there any more, that is no reason to stop.
pub(crate) fn line(text: impl fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says why the command ends.
pub(crate) fn failure(text: impl fmt::Display) {
    line(format_args!("lem-ssl: {text}"));
}

/// `text` as standard output shall get it: with its colours, or without.
pub(crate) fn for_output(text: &str) -> String {
    match AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
        _ => text.to_owned(),
    }
}

/// `text` in `style`.
pub(crate) fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A bug of ours is told in one line, and without a backtrace, which means nothing to who sees it.
pub(crate) fn hide_backtraces() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        failure(format_args!("{}{place}", bug(info.payload())));
    }));
}

/// What there is to say of a panic: what it said itself is its payload.
pub(crate) fn bug(payload: &(dyn Any + Send)) -> String {
    let what = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("this is a bug, please report it: {}", crate::text::printable(what.unwrap_or("unknown")))
}
