//! Encrypting and decrypting records, with nothing around it.

use std::time::Duration;

use graviola::aead::AesGcm;

use crate::control::tell;
use crate::load::RECORD;
use crate::meter::thread_time;
use crate::order::{Order, Work};
use crate::outcome::Outcome;

/// So much lies in the cache when it is decrypted, as it does after a large read.
const BATCH: usize = 256 * 1024;

struct Record {
    nonce: [u8; 12],
    body: Vec<u8>,
    tag: [u8; 16],
}

/// Opens or seals `total` records of `size` bytes.
pub(super) fn run(order: &Order) -> Outcome<()> {
    let cipher = AesGcm::new(&[7; 16]);
    // The content's type is encrypted with it (RFC 8446 section 5.2).
    let size = order.size.min(RECORD) + 1;
    let mut records: Vec<_> = (0..(BATCH / size).max(1))
        .map(|number| {
            let mut nonce = [0; 12];
            nonce[..8].copy_from_slice(&(number as u64).to_be_bytes());
            Record { nonce, body: vec![b'x'; size], tag: [0; 16] }
        })
        .collect();
    let mut done = 0;
    let mut cpu = Duration::ZERO;
    while done < order.warm + order.total {
        if done < order.warm {
            cpu = Duration::ZERO;
        }
        let began = thread_time();
        for record in &mut records {
            cipher.encrypt(&record.nonce, &HEADER, &mut record.body, &mut record.tag);
        }
        let sealed = thread_time();
        for record in &mut records {
            cipher
                .decrypt(&record.nonce, &HEADER, &mut record.body, &record.tag)
                .map_err(|_| "what was just encrypted cannot be decrypted")?;
        }
        let opened = thread_time();
        cpu += if order.work == Work::Seal { sealed - began } else { opened - sealed };
        done += records.len() as u64;
    }
    let measured = done - order.warm.div_ceil(records.len() as u64) * records.len() as u64;
    tell(&format!("cpu {} {measured}", cpu.as_nanos()));
    Ok(())
}

/// As long as a record's header, which is authenticated.
const HEADER: [u8; 5] = [23, 3, 3, 64, 17];
