//! How far a download is: a bar on a terminal, nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far a download is, on standard error. It draws on a thread of its own, so that a terminal that was stopped
/// stops nobody.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

/// How often it draws.
const TICK: Duration = Duration::from_millis(100);

const BAR: &str = "{msg} {bar:24} {percent:>3}% {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
const NO_TOTAL: &str = "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec} {elapsed}";

impl Progress {
    /// One that shows nothing, whatever is told to it.
    pub(super) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden() }
    }

    /// From `position` on, of `total` if that is known.
    pub(super) fn begin(name: &str, position: u64, total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(total, target);
        let template = if total.is_some() { BAR } else { NO_TOTAL };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(crate::text::printable(name).into_owned());
        bar.set_position(position);
        bar.reset_eta();
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    /// So much is there now.
    pub(super) fn set(&self, position: u64) {
        self.bar.set_position(position);
    }
}

impl Drop for Progress {
    /// The line goes: what there is to say is said in words.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
