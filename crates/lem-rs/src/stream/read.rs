//! The futures of a stream's reads.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::inner::Inner;
use super::slots::Operation;
use super::transport::Transport;
use crate::error::Error;
use crate::proto::{InputBuffer, ReadMode};
use crate::runtime::Direction;

/// The future of [`Stream::read`](crate::Stream::read).
///
/// **Cancel safety:** dropping it consumes nothing: what arrived meanwhile is the next read's.
#[must_use = "futures do nothing unless awaited"]
pub struct Read<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    mode: ReadMode,
    operation: Operation,
}

impl<'a, T: Transport> Read<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>, mode: ReadMode) -> Self {
        Self { inner, mode, operation: Operation::new(Direction::Read) }
    }
}

impl<T: Transport> Future for Read<'_, T> {
    type Output = Result<Vec<u8>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, mode, operation } = &mut *self;
        inner.poll_read(cx, operation, *mode, InputBuffer::take)
    }
}

impl<T: Transport> Drop for Read<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

/// The future of [`Stream::read_into`](crate::Stream::read_into).
///
/// **Cancel safety:** as [`Read`]; what the caller's vector held is lost.
#[must_use = "futures do nothing unless awaited"]
pub struct ReadInto<'a, T: Transport> {
    inner: &'a Rc<Inner<T>>,
    mode: ReadMode,
    target: &'a mut Vec<u8>,
    operation: Operation,
}

impl<'a, T: Transport> ReadInto<'a, T> {
    pub(super) fn new(inner: &'a Rc<Inner<T>>, mode: ReadMode, target: &'a mut Vec<u8>) -> Self {
        Self { inner, mode, target, operation: Operation::new(Direction::Read) }
    }
}

impl<T: Transport> Future for ReadInto<'_, T> {
    type Output = Result<usize, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { inner, mode, target, operation } = &mut *self;
        inner.poll_read_into(cx, operation, *mode, target)
    }
}

impl<T: Transport> Drop for ReadInto<'_, T> {
    fn drop(&mut self) {
        self.inner.abandon(&mut self.operation);
    }
}

impl<T: Transport> fmt::Debug for Read<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for ReadInto<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadInto").field("mode", &self.mode).finish_non_exhaustive()
    }
}
