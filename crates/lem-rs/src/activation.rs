//! Sockets that a service manager has opened: systemd's socket activation, as in `sd_listen_fds(3)`.
//!
//! ```no_run
//! use lem_rs::{Error, Listener, activation, run_main};
//!
//! async fn program() -> Result<(), Error> {
//!     // One socket of the unit, or an address of our own when nobody has passed any.
//!     let listener = match activation::listeners()?.pop() {
//!         Some((_name, listener)) => Listener::adopt(listener)?,
//!         None => Listener::bind(":8080").await?,
//!     };
//!     listener.autospawn(|stream| async move { stream.write("hello\n").await }).await
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     run_main(program())
//! }
//! ```
//!
//! `lem_ssl_rs::Server::over` serves on such a listener.
//!
//! # How they are taken over
//! The manager tells numbers of descriptors, and to own a descriptor by its number is unsafe code. Instead the kernel is
//! asked for duplicates: a message on a pair of sockets carries any descriptor of ours by its number (`SCM_RIGHTS`,
//! unix(7)), and what arrives is a new one that nobody else owns. It is closed when a child process runs another program;
//! the descriptors of the manager stay as they are. The manager keeps its own in any case, so the socket goes on queueing
//! connections when we close ours.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use socket2::{MsgHdr, SockRef};

use crate::error::Error;
use crate::world::{OwnedListener, listener_of};

/// A descriptor that the service manager has passed: a listening socket, or anything else that a unit can name.
#[derive(Debug)]
pub struct Passed {
    number: RawFd,
    name: Option<String>,
    descriptor: OwnedFd,
}

/// The listening sockets that were passed, each with its name (`FileDescriptorName=` of the unit), in their order; none if
/// this process was not started so. A second call gives duplicates once more.
///
/// ```no_run
/// use lem_rs::{Error, Listener, activation};
/// # fn example() -> Result<(), Error> {
/// for (name, listener) in activation::listeners()? {
///     let listener = Listener::adopt(listener)?;
///     println!("{} is {}", name.as_deref().unwrap_or("a socket"), listener.local_addr());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Io`] if the variables `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` contradict themselves, if a descriptor is
/// not open, or if one is no listening socket for byte streams: take those with [`descriptors`].
pub fn listeners() -> Result<Vec<(Option<String>, OwnedListener)>, Error> {
    descriptors()?.into_iter().map(|passed| Ok((passed.name.clone(), passed.into_listener()?))).collect()
}

/// Everything that was passed, in its order: for units that have sockets for datagrams, pipes or files as well.
///
/// ```no_run
/// use lem_rs::{Error, UdpSocket, activation};
/// # fn example() -> Result<(), Error> {
/// for passed in activation::descriptors()? {
///     if passed.name() == Some("dns") {
///         let socket = UdpSocket::adopt(passed.into_descriptor().into())?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`listeners`], but for what the descriptors are.
pub fn descriptors() -> Result<Vec<Passed>, Error> {
    let failed = |error| Error::io("take over what the service manager has passed", error);
    let Some(names) = told(process::id(), |name| env::var_os(name)).map_err(|why| failed(unfit(why)))? else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for (number, name) in names {
        let descriptor = duplicate(number).map_err(|error| Error::io(doing(number, name.as_deref()), error))?;
        all.push(Passed { number, name, descriptor });
    }
    Ok(all)
}

impl Passed {
    /// The name that the unit gives it, if the manager has told names.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The descriptor's own number, from 3 on. The one here is a duplicate with another.
    pub fn number(&self) -> RawFd {
        self.number
    }

    /// The descriptor, for what is no listening socket.
    pub fn into_descriptor(self) -> OwnedFd {
        self.descriptor
    }

    /// The listening socket that it is, for [`Listener::adopt`](crate::Listener::adopt).
    ///
    /// # Errors
    /// [`Error::Io`], with number and name, if it is none, or not one for byte streams.
    pub fn into_listener(self) -> Result<OwnedListener, Error> {
        let Self { number, name, descriptor } = self;
        listener_of(descriptor).map_err(|error| Error::io(doing(number, name.as_deref()), error))
    }
}

fn doing(number: RawFd, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("take over descriptor {number} ({name:?}) from the service manager"),
        None => format!("take over descriptor {number} from the service manager"),
    }
}

/// The first descriptor behind the standard streams (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;

/// A descriptor's number, and its name if names were told.
type Numbered = (RawFd, Option<String>);

type Names = Box<dyn Iterator<Item = Numbered>>;

/// What the variables tell the process `pid`: numbers and names; `None` if they are for nobody, or for another process.
fn told(pid: u32, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Names>, String> {
    let (Some(meant), Some(count)) = (variable("LISTEN_PID"), variable("LISTEN_FDS")) else { return Ok(None) };
    // A process that was started by the one that is meant inherits the variables, and not the descriptors.
    if number::<u32>("LISTEN_PID", &meant)? != pid {
        return Ok(None);
    }
    let count: u32 = number("LISTEN_FDS", &count)?;
    let Some(end) = RawFd::try_from(count).ok().and_then(|count| FIRST.checked_add(count)) else {
        return Err(format!("the variable LISTEN_FDS is {count}, more than there can be"));
    };
    let Some(names) = variable("LISTEN_FDNAMES") else {
        return Ok(Some(Box::new((FIRST..end).map(|number| (number, None)))));
    };
    let names: Vec<String> = names.to_string_lossy().split(':').map(str::to_owned).collect();
    if names.len() != count as usize {
        return Err(format!("the variable LISTEN_FDNAMES has {} names, and LISTEN_FDS is {count}", names.len()));
    }
    Ok(Some(Box::new((FIRST..end).zip(names.into_iter().map(Some)))))
}

fn number<N: std::str::FromStr>(variable: &str, value: &OsStr) -> Result<N, String> {
    let digits = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| format!("the variable {variable} is {value:?}, which is no number that it can be"))
}

fn unfit(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.into())
}

/// A duplicate of the descriptor with this number: sent in a message, and received.
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    let (sender, receiver) = UnixStream::pair()?;
    let control = rights(number);
    let byte = [IoSlice::new(&[0])];
    SockRef::from(&sender).sendmsg(&MsgHdr::new().with_buffers(&byte).with_control(&control), 0)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&receiver, &mut [IoSliceMut::new(&mut [0])], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    // The kernel leaves out what there is no room for in the table.
    received.ok_or_else(|| io::Error::other("too many open files"))
}

/// The control message that carries a descriptor: length, level, type, content, and what fills it up (cmsg(3)).
fn rights(number: RawFd) -> Vec<u8> {
    const HEADER: usize = size_of::<usize>() + 2 * size_of::<i32>();
    const SCM_RIGHTS: i32 = 1;
    const SOL_SOCKET: i32 = if cfg!(any(
        target_arch = "mips",
        target_arch = "mips64",
        target_arch = "mips32r6",
        target_arch = "mips64r6",
        target_arch = "sparc",
        target_arch = "sparc64",
    )) {
        0xffff
    } else {
        1
    };
    let mut message = Vec::new();
    message.extend((HEADER + size_of::<RawFd>()).to_ne_bytes());
    message.extend(SOL_SOCKET.to_ne_bytes());
    message.extend(SCM_RIGHTS.to_ne_bytes());
    message.extend(number.to_ne_bytes());
    message.resize(message.len().next_multiple_of(size_of::<usize>()), 0);
    message
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    /// What process 7 is told.
    fn told_to_seven(pid: &str, count: &str, names: &str) -> Result<Option<Vec<Numbered>>, String> {
        let values = [("LISTEN_PID", pid), ("LISTEN_FDS", count), ("LISTEN_FDNAMES", names)];
        let of =
            |name: &str| values.iter().find(|(of, value)| *of == name && *value != "-").map(|(_, value)| value.into());
        Ok(told(7, of)?.map(Iterator::collect))
    }

    #[test]
    fn numbers_begin_behind_the_standard_streams_and_names_stand_in_their_order() {
        let named = |number, name: &str| (number, Some(name.to_owned()));
        assert_eq!(told_to_seven("7", "2", "-"), Ok(Some(vec![(3, None), (4, None)])));
        assert_eq!(told_to_seven("7", "2", "web:dns"), Ok(Some(vec![named(3, "web"), named(4, "dns")])));
        assert_eq!(told_to_seven("7", "1", ""), Ok(Some(vec![named(3, "")])));
        assert_eq!(told_to_seven("7", "0", "-"), Ok(Some(vec![])));
    }

    #[test]
    fn what_is_meant_for_nobody_or_for_another_process_is_nothing() {
        for (pid, count) in [("-", "2"), ("7", "-"), ("-", "-"), ("8", "2"), ("8", "garbage")] {
            assert_eq!(told_to_seven(pid, count, "a:b:c"), Ok(None), "{pid} {count}");
        }
    }

    #[test]
    fn garbage_is_an_error_that_names_the_variable() {
        for (pid, count, names, variable) in [
            ("x", "1", "-", "LISTEN_PID is \"x\""),
            ("", "1", "-", "LISTEN_PID is \"\""),
            ("7", "", "-", "LISTEN_FDS is \"\""),
            ("7", "-1", "-", "LISTEN_FDS is \"-1\""),
            ("7", "+1", "-", "LISTEN_FDS is \"+1\""),
            ("7", "3x", "-", "LISTEN_FDS is \"3x\""),
            ("7", "4294967295", "-", "more than there can be"),
            ("7", "99999999999", "-", "LISTEN_FDS is \"99999999999\""),
            ("7", "2", "a", "LISTEN_FDNAMES has 1 names, and LISTEN_FDS is 2"),
            ("7", "1", "a:b", "LISTEN_FDNAMES has 2 names, and LISTEN_FDS is 1"),
        ] {
            let why = told_to_seven(pid, count, names).unwrap_err();
            assert!(why.contains(variable), "{why}");
        }
    }

    #[test]
    fn a_duplicate_is_the_same_socket_under_another_number() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let duplicate = duplicate(listener.as_raw_fd()).unwrap();
        assert_ne!(duplicate.as_raw_fd(), listener.as_raw_fd());
        let address = listener.local_addr().unwrap();
        assert_eq!(std::net::TcpListener::from(duplicate).local_addr().unwrap(), address);
        assert_eq!(listener.local_addr().unwrap(), address, "the old one is as it was");
    }

    #[test]
    fn what_is_not_open_cannot_be_duplicated() {
        assert!(duplicate(RawFd::MAX).is_err());
        assert!(duplicate(-1).is_err());
    }
}
