//! Records after the handshake of TLS 1.3: who has them, what is refused in them, and how they change hands.

mod conversion;
mod differential;
mod endings;
mod kept_tickets;
mod key_limits;
mod layers;
mod rules;
#[cfg(target_os = "linux")]
mod secrets;
mod table;
mod tickets;
