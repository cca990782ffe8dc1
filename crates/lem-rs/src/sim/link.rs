//! What lies between two hosts.

use std::time::Duration;

use super::rng::Rng;

/// The way between two ends of a connection, the same in both directions, and the buffers at its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// How long a segment travels. Default 1 ms.
    pub latency: Duration,
    /// How much longer it may take, evenly spread; segments do not overtake each other. Default none.
    pub jitter: Duration,
    /// Bytes per second in each direction, zero counting as one; `None`, the default, is no limit.
    pub bandwidth: Option<u64>,
    /// How many bytes the kernel takes from a writer before they are under way. Default 64 KiB.
    pub send_buffer: usize,
    /// How many bytes may be under way to a reader or wait for it. Default 64 KiB.
    pub receive_buffer: usize,
    /// The most bytes in one segment. Default 1460.
    pub segment: usize,
}

/// What takes longer never comes.
pub(super) const NEVER: Duration = Duration::from_secs(1000 * 365 * 24 * 3600);

impl Link {
    /// With times that can be added to any other.
    pub(super) fn bounded(self) -> Self {
        Self { latency: self.latency.min(NEVER), jitter: self.jitter.min(NEVER), ..self }
    }

    /// A link such as a test may have to do with: the same room with buffers from 64 bytes on, or as far as the other side
    /// of the earth, with those from 4 KiB on.
    pub fn any(rng: &mut Rng) -> Self {
        let (micros, least) = if rng.chance(0.5) { (200, 64) } else { (300_000, 4 * 1024) };
        let micros = rng.magnitude(1..=micros) as u64;
        Self {
            latency: Duration::from_micros(micros),
            jitter: if rng.chance(0.5) { Duration::from_micros(rng.between(0..=micros)) } else { Duration::ZERO },
            bandwidth: rng.chance(0.3).then(|| rng.magnitude(100_000..=100_000_000) as u64),
            send_buffer: rng.magnitude(least..=256 * 1024),
            receive_buffer: rng.magnitude(least..=256 * 1024),
            segment: rng.magnitude(64..=64 * 1024),
        }
    }

    /// Sets [`latency`](Self#structfield.latency).
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    /// Sets [`jitter`](Self#structfield.jitter).
    #[must_use]
    pub fn jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// Sets [`bandwidth`](Self#structfield.bandwidth), to at least one byte per second.
    #[must_use]
    pub fn bandwidth(self, bytes_per_second: u64) -> Self {
        Self { bandwidth: Some(bytes_per_second.max(1)), ..self }
    }

    /// Sets both buffers to at least one byte.
    #[must_use]
    pub fn buffers(self, send: usize, receive: usize) -> Self {
        Self { send_buffer: send.max(1), receive_buffer: receive.max(1), ..self }
    }

    /// Sets [`segment`](Self#structfield.segment), to at least one byte.
    #[must_use]
    pub fn segment(self, segment: usize) -> Self {
        Self { segment: segment.max(1), ..self }
    }

    /// How long the link is taken up by so many bytes.
    pub(super) fn takes(&self, bytes: usize) -> Duration {
        self.bandwidth.map_or(Duration::ZERO, |rate| {
            let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        })
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            bandwidth: None,
            send_buffer: 64 * 1024,
            receive_buffer: 64 * 1024,
            segment: 1460,
        }
    }
}
