//! What differs between operating systems: signals, sockets by path, descriptors, what identifies a file, users.
//!
//! Every system's module has the same items. What a system lacks it says in words, where it is asked for.

mod needs;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(any(windows, target_vendor = "apple"))]
mod without_account;
#[cfg(not(target_os = "linux"))]
mod without_landlock;

pub(crate) use needs::{Needs, Restricted};
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(crate) use unix::Account;
#[cfg(target_os = "linux")]
pub(crate) use unix::restrict;
#[cfg(any(windows, target_vendor = "apple"))]
pub(crate) use without_account::Account;
#[cfg(not(target_os = "linux"))]
pub(crate) use without_landlock::restrict;

#[cfg(unix)]
pub(crate) use unix::{
    FileIdentity, NotifySocket, SIGNALS_MISSING, SocketFile, boot, change_root, changed, check_socket_file, end_on,
    file_number, ignore_harmless, is_circle_of_links, is_root, is_shortage, is_stdout_closed, links, listen_at,
    listen_inherited, listen_passed, make_private_folder, modified, name_length, name_start, owner, private,
    raise_descriptor_limit, read_exact_at, set_after_the_first, sync_folder, take_over_rights, try_to_open,
};
#[cfg(windows)]
pub(crate) use windows::{
    FileIdentity, NotifySocket, SIGNALS_MISSING, SocketFile, boot, change_root, changed, check_socket_file, end_on,
    file_number, ignore_harmless, is_circle_of_links, is_root, is_shortage, is_stdout_closed, links, listen_at,
    listen_inherited, listen_passed, make_private_folder, modified, name_length, name_start, owner, private,
    raise_descriptor_limit, read_exact_at, set_after_the_first, sync_folder, take_over_rights, try_to_open,
};
