//! What differs between operating systems: signals, sockets by path, descriptors, what identifies a file.
//!
//! Every system's module has the same items. What a system lacks it says in words, where it is asked for.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{
    FileIdentity, NotifySocket, SIGNALS_MISSING, SocketFile, check_socket_file, end_on, file_number, ignore_harmless,
    is_stdout_closed, listen_at, listen_inherited, listen_passed, make_private_folder, modified, name_length,
    name_start, private, read_exact_at,
};
#[cfg(windows)]
pub(crate) use windows::{
    FileIdentity, NotifySocket, SIGNALS_MISSING, SocketFile, check_socket_file, end_on, file_number, ignore_harmless,
    is_stdout_closed, listen_at, listen_inherited, listen_passed, make_private_folder, modified, name_length,
    name_start, private, read_exact_at,
};
