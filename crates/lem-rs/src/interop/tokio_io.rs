//! The traits of `tokio::io`. Of tokio only these are used: no runtime is built in or started.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::write_error;
use crate::stream::{Polled, Transport};

/// The peer's clean end reads as zero bytes. A connection that was cut off is an error of the kind `UnexpectedEof` (no
/// goodbye) or `ConnectionReset`, once; what was received before it is read first.
impl<T: Transport> AsyncRead for Polled<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.get_mut().poll_read_with(cx, |there| {
            let count = there.len().min(buffer.remaining());
            buffer.put_slice(&there[..count]);
            count
        }))?;
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> AsyncBufRead for Polled<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().poll_fill(cx).map_err(Into::into)
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        Self::consume(self.get_mut(), count);
    }
}

/// Small writes are gathered; they leave with a flush, and at the latest when the task gives way. Shutting down is a
/// half-close: reading goes on.
impl<T: Transport> AsyncWrite for Polled<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(self.get_mut(), cx, data).map_err(write_error)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write_vectored(self.get_mut(), cx, pieces).map_err(write_error)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(self.get_mut(), cx).map_err(write_error)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_close(self.get_mut(), cx).map_err(write_error)
    }
}
