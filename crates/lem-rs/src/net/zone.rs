//! Zones of IPv6 addresses: which interface a link-local address belongs to (RFC 4007 section 11).

/// The index of an interface, which may be written as a number or as its name. In a URL the percent sign before it was
/// written `%25` (RFC 6874).
pub(super) fn index_of(zone: &str, is_url: bool) -> Result<u32, String> {
    let zone = if is_url {
        zone.strip_prefix("25").ok_or("in a URL the percent sign before a zone is written %25")?
    } else {
        zone
    };
    if zone.is_empty() {
        return Err("the zone after the percent sign is missing".into());
    }
    if zone.bytes().all(|byte| byte.is_ascii_digit()) {
        return zone.parse().map_err(|_| format!("the zone {zone} is no index of an interface"));
    }
    by_name(zone)
}

/// From the kernel's table. It is in memory: to read it does not wait for a disk.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_name(name: &str) -> Result<u32, String> {
    // The longest name of an interface (IFNAMSIZ); a name is one part of a path.
    const MAX_NAME: usize = 15;
    let is_name = name.len() <= MAX_NAME && name != "." && name != ".." && !name.contains(['/', '\0']);
    let read = || std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok();
    let index = is_name.then(read).flatten().and_then(|text| text.trim().parse().ok());
    index.ok_or_else(|| format!("there is no interface {name:?} for the zone; without /sys write its index, as in %2"))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn by_name(name: &str) -> Result<u32, String> {
    Err(format!(
        "the zone {name:?} is a name, which is understood on Linux only: write the interface's index, as in %2"
    ))
}
