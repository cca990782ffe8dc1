//! Descriptors of any kind that the kernel can watch.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::world::Registration;

/// Ends when it is dropped, which has to happen before the descriptor is closed.
struct Watching {
    registry: Rc<Registry>,
    descriptor: RawFd,
}

impl Registration for Watching {}

/// Reports readiness of `descriptor` under `token`, in both directions, by edges.
pub(super) fn watch(
    registry: Rc<Registry>,
    descriptor: BorrowedFd<'_>,
    token: usize,
) -> io::Result<Box<dyn Registration>> {
    let descriptor = descriptor.as_raw_fd();
    registry.register(&mut SourceFd(&descriptor), Token(token), Interest::READABLE | Interest::WRITABLE)?;
    Ok(Box::new(Watching { registry, descriptor }))
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It fails only if the descriptor was closed by another owner of its number: then nothing is registered.
        let _ = self.registry.deregister(&mut SourceFd(&self.descriptor));
    }
}
