//! The tickets of our servers (RFC 8446 section 4.6.1), as they are on the wire.

use std::collections::HashSet;

use lem_ssl_tests::raw::{CONTENT, HANDSHAKE};
use lem_ssl_tests::records::on_both_records;

use crate::support::{Role, raw, run};

/// The longest time that a server may promise: seven days, in seconds.
const MAX_LIFETIME: u32 = 604_800;

#[test]
fn tickets_live_seven_days_at_most_and_share_no_number_with_others() {
    on_both_records(|records| {
        run(async move {
            let (mut masks, mut tickets) = (HashSet::new(), 0);
            for _ in 0..3 {
                let (stream, mut other) = raw(Role::Server).await;
                stream.write("content").await.unwrap();
                stream.close().unwrap();
                let mut nonces = HashSet::new();
                let said = other.everything().await;
                assert!(said.iter().any(|(inner, _)| *inner == CONTENT));
                let messages = said.iter().filter(|(inner, _)| *inner == HANDSHAKE);
                let messages: Vec<u8> = messages.flat_map(|(_, payload)| payload.clone()).collect();
                let mut rest = &messages[..];
                while let Some(([kind, high, middle, low], after)) = rest.split_first_chunk() {
                    let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
                    let (ticket, after) = after.split_at(length);
                    rest = after;
                    let (lifetime, ticket) = ticket.split_first_chunk().unwrap();
                    let (mask, ticket) = ticket.split_first_chunk::<4>().unwrap();
                    let nonce = &ticket[1..][..usize::from(ticket[0])];
                    assert_eq!(*kind, 4);
                    assert!(u32::from_be_bytes(*lifetime) <= MAX_LIFETIME, "{records:?}");
                    assert!(masks.insert(*mask), "{records:?}: each ticket has its own ticket_age_add");
                    assert!(nonces.insert(nonce.to_vec()), "{records:?}: each of a connection has its own nonce");
                    tickets += 1;
                }
            }
            assert!(tickets >= 6, "{tickets}");
        });
    });
}
