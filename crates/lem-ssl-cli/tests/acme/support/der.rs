//! As much of DER as an authority needs.

/// The parts of the content of an element: tag, all of it, its content.
pub(super) fn parts(mut bytes: &[u8]) -> Vec<(u8, &[u8], &[u8])> {
    let mut parts = Vec::new();
    while let [tag, first, ..] = *bytes {
        let (length, header) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81 => (usize::from(bytes[2]), 3),
            0x82 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            other => panic!("a length of {other:#x}"),
        };
        let (element, rest) = bytes.split_at(header + length);
        parts.push((tag, element, &element[header..]));
        bytes = rest;
    }
    parts
}

/// The `SubjectPublicKeyInfo` of a request for a certificate (RFC 2986).
pub(super) fn public_key(request: &[u8]) -> Vec<u8> {
    let info = parts(parts(request)[0].2)[0].2;
    parts(info)[2].1.to_vec()
}
