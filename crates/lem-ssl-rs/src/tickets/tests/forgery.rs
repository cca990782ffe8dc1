//! What comes back changed does not open, and nothing is too long.

use rustls::server::ProducesTickets;

use super::Machine;
use crate::tickets::keys::MAX_TICKET;

/// Name, IV, content type and tag.
const OVERHEAD: usize = 16 + 12 + 1 + 16;

#[test]
fn no_bit_of_a_ticket_can_be_changed() {
    let machine = Machine::of_fleet();
    let ticket = machine.issue(&[0x5a; 100]);
    for bit in 0..ticket.len() * 8 {
        let mut forged = ticket.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        machine.assert_refuses(&forged);
    }
    machine.assert_opens(&ticket, &[0x5a; 100]);
}

#[test]
fn no_byte_of_a_ticket_can_be_missing_or_added() {
    let machine = Machine::of_fleet();
    let ticket = machine.issue(&[0x5a; 100]);
    for end in 0..ticket.len() {
        machine.assert_refuses(&ticket[..end]);
    }
    for start in 1..=ticket.len() {
        machine.assert_refuses(&ticket[start..]);
    }
    for byte in [0, 23, 255] {
        machine.assert_refuses(&[&ticket[..], &[byte]].concat());
    }
    machine.assert_opens(&ticket, &[0x5a; 100]);
}

#[test]
fn the_parts_of_two_tickets_cannot_be_exchanged() {
    let machine = Machine::of_fleet();
    let (one, two) = (machine.issue(b"session 1"), machine.issue(b"session 2"));
    let other_period = machine.at_period(1).issue(b"session 3");
    machine.assert_refuses(&[&one[..28], &two[28..]].concat());
    machine.assert_refuses(&[&other_period[..16], &one[16..]].concat());
    machine.assert_opens(&one, b"session 1");
}

#[test]
fn what_is_inside_comes_out_as_it_was() {
    let machine = Machine::of_fleet();
    // RFC 8446 section 5.4 pads records with zeros: those that belong to the session must survive.
    for plain in [&b""[..], b"\0", b"\0\0\0", b"session\0\0", &[23; 50], &[0xff; 5000]] {
        machine.assert_opens(&machine.issue(plain), plain);
    }
}

#[test]
fn the_same_session_never_looks_the_same() {
    let machine = Machine::of_fleet();
    let (one, two) = (machine.issue(&[7; 64]), machine.issue(&[7; 64]));
    assert_eq!(one[..16], two[..16], "one period, one name");
    assert_ne!(one[16..28], two[16..28], "the IV is random");
    assert!(one[28..].iter().zip(&two[28..]).filter(|(one, two)| one == two).count() < 20);
}

#[test]
fn names_of_periods_have_nothing_in_common() {
    let machine = Machine::of_fleet();
    let names: Vec<_> = (0..50).map(|period| machine.at_period(period).issue(b"session")[..16].to_vec()).collect();
    for (index, name) in names.iter().enumerate() {
        for other in &names[..index] {
            assert!(name.iter().zip(other).filter(|(one, two)| one == two).count() < 8);
        }
    }
}

#[test]
fn a_ticket_is_as_long_as_its_session_and_45_bytes_up_to_a_limit() {
    let machine = Machine::of_fleet();
    for length in [0, 1, 100, 4000, MAX_TICKET - OVERHEAD] {
        let ticket = machine.issue(&vec![1; length]);
        assert_eq!(ticket.len(), length + OVERHEAD);
        machine.assert_opens(&ticket, &vec![1; length]);
    }
    for length in [MAX_TICKET - OVERHEAD + 1, MAX_TICKET, 1 << 14, 1 << 16, 1 << 20] {
        assert_eq!(machine.tickets.encrypt(&vec![1; length]), None, "{length}");
    }
}

#[test]
fn a_long_forgery_with_a_right_name_is_refused() {
    let machine = Machine::of_fleet();
    let ticket = machine.issue(b"session");
    for length in [MAX_TICKET, MAX_TICKET + 1, 1 << 16, 1 << 20] {
        let mut forged = ticket.clone();
        forged.resize(length, 0);
        machine.assert_refuses(&forged);
    }
}
