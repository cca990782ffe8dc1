//! Signals of the operating system, without unsafe code of ours.

use std::io;
use std::rc::Rc;

use mio::Registry;

use crate::world::{Signal, SignalSource};

#[cfg(unix)]
mod defaults;

#[cfg(unix)]
pub(super) fn receive(registry: Rc<Registry>, wanted: &[Signal]) -> io::Result<Box<dyn SignalSource>> {
    Ok(Box::new(unix::Delivery::new(registry, wanted)?))
}

#[cfg(not(unix))]
pub(super) fn receive(registry: Rc<Registry>, wanted: &[Signal]) -> io::Result<Box<dyn SignalSource>> {
    Ok(Box::new(console::Delivery::new(registry, wanted)?))
}

/// A handler may do next to nothing, so it notes the signal and writes a byte into a socket, which the loop watches.
#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use signal_hook::consts::{
        SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
    };
    use signal_hook::iterator::backend::SignalDelivery;
    use signal_hook::iterator::exfiltrator::SignalOnly;

    use super::defaults::Hearing;
    use crate::world::{Signal, SignalSource};

    pub(super) struct Delivery {
        registry: Rc<Registry>,
        wanted: Vec<Signal>,
        arrived: SignalDelivery<UnixStream, SignalOnly>,
        _hearing: Hearing,
    }

    impl Delivery {
        pub(super) fn new(registry: Rc<Registry>, wanted: &[Signal]) -> io::Result<Self> {
            let (read, write) = UnixStream::pair()?;
            read.set_nonblocking(true)?;
            write.set_nonblocking(true)?;
            let numbers: Vec<i32> = wanted.iter().map(|signal| number(*signal)).collect();
            let hearing = Hearing::new(&numbers)?;
            let arrived = SignalDelivery::with_pipe(read, write, SignalOnly, numbers)?;
            Ok(Self { registry, wanted: wanted.to_vec(), arrived, _hearing: hearing })
        }
    }

    impl SignalSource for Delivery {
        fn watch(&mut self, token: usize) -> io::Result<()> {
            let descriptor = self.arrived.get_read().as_raw_fd();
            self.registry.register(&mut SourceFd(&descriptor), Token(token), Interest::READABLE)
        }

        fn take(&mut self) -> io::Result<Vec<Signal>> {
            let arrived: Vec<i32> = self.arrived.pending().collect();
            if arrived.is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(self.wanted.iter().copied().filter(|signal| arrived.contains(&number(*signal))).collect())
        }
    }

    impl Drop for Delivery {
        fn drop(&mut self) {
            // Before the other end is closed, which would be reported.
            self.arrived.handle().close();
            let descriptor = self.arrived.get_read().as_raw_fd();
            let _ = self.registry.deregister(&mut SourceFd(&descriptor));
        }
    }

    fn number(signal: Signal) -> i32 {
        match signal {
            Signal::Interrupt => SIGINT,
            Signal::Terminate => SIGTERM,
            Signal::Hangup => SIGHUP,
            Signal::Quit => SIGQUIT,
            Signal::User1 => SIGUSR1,
            Signal::User2 => SIGUSR2,
            Signal::Child => SIGCHLD,
            Signal::WindowChange => SIGWINCH,
            Signal::Continue => SIGCONT,
            Signal::Alarm => SIGALRM,
        }
    }
}

/// Windows knows Ctrl-C alone, and reports it on a thread of its own. A process has one handler, so all that wait share
/// it.
#[cfg(not(unix))]
mod console {
    use std::io::{self, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::process;
    use std::rc::Rc;
    use std::sync::{Mutex, OnceLock, PoisonError};

    use mio::{Interest, Registry, Token};

    use crate::world::{Signal, SignalSource};

    /// Whom the process's handler notifies: the other ends of the sockets that machines watch.
    static SUBSCRIBERS: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());
    static HANDLER: OnceLock<Result<(), String>> = OnceLock::new();

    /// The exit code of a process that Ctrl-C has ended: STATUS_CONTROL_C_EXIT.
    const ENDED_BY_CTRL_C: i32 = i32::from_ne_bytes(0xc000_013a_u32.to_ne_bytes());

    pub(super) struct Delivery {
        registry: Rc<Registry>,
        arrived: mio::net::TcpStream,
    }

    impl Delivery {
        pub(super) fn new(registry: Rc<Registry>, wanted: &[Signal]) -> io::Result<Self> {
            if let Some(signal) = wanted.iter().find(|signal| **signal != Signal::Interrupt) {
                let what = format!("this system has no {signal}, only Ctrl-C (Signal::Interrupt)");
                return Err(io::Error::new(io::ErrorKind::Unsupported, what));
            }
            let handler = HANDLER.get_or_init(|| ctrlc::set_handler(notify).map_err(|error| error.to_string()));
            handler.as_ref().map_err(|error| io::Error::other(error.clone()))?;
            let (read, write) = pair()?;
            SUBSCRIBERS.lock().unwrap_or_else(PoisonError::into_inner).push(write);
            Ok(Self { registry, arrived: mio::net::TcpStream::from_std(read) })
        }
    }

    /// Windows has no socket pair.
    fn pair() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let read = TcpStream::connect(listener.local_addr()?)?;
        let (write, peer) = listener.accept()?;
        if peer != read.local_addr()? {
            return Err(io::Error::other("another program connected first"));
        }
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        Ok((read, write))
    }

    fn notify() {
        let mut subscribers = SUBSCRIBERS.lock().unwrap_or_else(PoisonError::into_inner);
        if subscribers.is_empty() {
            // Nobody receives it any more, so it does what it does by default.
            process::exit(ENDED_BY_CTRL_C);
        }
        // One that is full has not been read: it is notified already. One that is gone is forgotten.
        subscribers.retain(
            |stream| !matches!((&*stream).write(&[0]), Err(error) if error.kind() != io::ErrorKind::WouldBlock),
        );
    }

    impl SignalSource for Delivery {
        fn watch(&mut self, token: usize) -> io::Result<()> {
            self.registry.register(&mut self.arrived, Token(token), Interest::READABLE)
        }

        fn take(&mut self) -> io::Result<Vec<Signal>> {
            // `WouldBlock` if none has come.
            let mut bytes = [0; 64];
            self.arrived.read(&mut bytes).map(|_| vec![Signal::Interrupt])
        }
    }

    impl Drop for Delivery {
        fn drop(&mut self) {
            let ours = self.arrived.local_addr().ok();
            let mut subscribers = SUBSCRIBERS.lock().unwrap_or_else(PoisonError::into_inner);
            subscribers.retain(|stream| ours.is_none() || stream.peer_addr().ok() != ours);
        }
    }
}
