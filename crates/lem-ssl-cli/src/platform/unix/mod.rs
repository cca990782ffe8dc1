//! Unix.

#[cfg(not(target_vendor = "apple"))]
mod account;
mod descriptors;
mod files;
mod inherited;
#[cfg(target_os = "linux")]
mod landlock;
mod notify;
mod root;
mod signals;
mod sockets;
mod streams;

#[cfg(not(target_vendor = "apple"))]
pub(crate) use account::Account;
pub(crate) use descriptors::{is_shortage, raise_descriptor_limit};
pub(crate) use files::{
    FileIdentity, boot, changed, file_number, is_circle_of_links, links, make_private_folder, modified, name_length,
    name_start, owner, private, read_exact_at, sync_folder, take_over_rights,
};
pub(crate) use inherited::{listen_inherited, listen_passed};
#[cfg(target_os = "linux")]
pub(crate) use landlock::restrict;
pub(crate) use notify::NotifySocket;
pub(crate) use root::{change_root, is_root, try_to_open};
pub(crate) use signals::{SIGNALS_MISSING, end_on, ignore_harmless, set_after_the_first};
pub(crate) use sockets::{SocketFile, check_socket_file, listen_at};
pub(crate) use streams::is_stdout_closed;
