//! One end of a connection, and the steps that its tasks take.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lem_rs::transport::Transport;
use lem_rs::{
    CopyError, Direction, Endpoint, Error, JoinHandle, Phase, ReadHalf, ReadMode, Stream, WriteHalf, copy, sleep,
    spawn, timeout, unblock, yield_now,
};

use super::reader::{Reader, next_line};
use super::stage::{Interrupts, Stage};
use super::watch::{Watch, is_spent};
use crate::model::program::{Guard, How, Op};
use crate::model::verb::{Answer, Copied, Seen, Side, Verb};

/// One end of a connection.
pub(super) struct End<T: Transport> {
    side: Side,
    stage: Rc<Stage>,
    shape: RefCell<Shape<T>>,
    /// By which the world knows it.
    address: Option<Endpoint>,
    /// Tasks that interrupt, or mend the world, in a while.
    helpers: RefCell<Vec<JoinHandle<()>>>,
    /// What the last copy has told.
    copied: Cell<Option<Copied>>,
}

/// What the stream is at the moment.
enum Shape<T: Transport> {
    Whole(Rc<Stream<T>>),
    Split(Rc<ReadHalf<T>>, Option<Rc<WriteHalf<T>>>),
    Gone,
}

impl<T: Transport> Clone for Shape<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Whole(stream) => Self::Whole(stream.clone()),
            Self::Split(reader, writer) => Self::Split(reader.clone(), writer.clone()),
            Self::Gone => Self::Gone,
        }
    }
}

impl<T: Transport> End<T> {
    pub(super) fn new(side: Side, stage: Rc<Stage>, stream: Stream<T>) -> Rc<Self> {
        let address = stream.local_addr().ok();
        let shape = RefCell::new(Shape::Whole(Rc::new(stream)));
        Rc::new(Self { side, stage, shape, address, helpers: RefCell::default(), copied: Cell::new(None) })
    }

    /// Runs all tasks to their ends, and drops the stream.
    pub(super) async fn run(self: Rc<Self>, tasks: Vec<Vec<Op>>) {
        self.stage.enter(self.side, Some(self.clone()));
        self.look();
        let tasks: Vec<_> = tasks.into_iter().map(|steps| spawn(self.clone().follow(steps))).collect();
        for task in tasks {
            self.expect_end(task.await);
        }
        let helpers = self.helpers.take();
        for helper in helpers {
            self.expect_end(helper.await);
        }
        self.look();
        self.stage.enter(self.side, None);
        self.stage.note(self.side, || "drop".into());
        self.stage.check(self.side, |model| model.close(self.side, None));
        let shape = self.shape.replace(Shape::Gone);
        drop(shape);
    }

    fn expect_end(&self, end: Result<(), lem_rs::JoinError>) {
        if let Err(error) = end {
            self.stage.fail(format!("{:?}: a task ended with: {error}", self.side));
        }
    }

    async fn follow(self: Rc<Self>, steps: Vec<Op>) {
        for step in steps {
            if self.stage.has_failed() {
                return;
            }
            self.stage.note(self.side, || step.to_string());
            self.perform(step).await;
            self.look();
        }
    }

    fn look(&self) {
        let seen = self.seen();
        self.stage.check(self.side, |model| model.looked(self.side, &seen));
    }

    fn shape(&self) -> Shape<T> {
        self.shape.borrow().clone()
    }

    /// What the stream shows.
    fn seen(&self) -> Seen {
        match self.shape() {
            Shape::Whole(stream) => Seen {
                read: Some(stream.bytes_read()),
                written: Some(stream.bytes_written()),
                buffered: Some(stream.buffered()),
                reads: Some(stream.is_busy()),
                writes: None,
                closed: Some(stream.is_closed()),
                write_closed: None,
                copied: None,
                cause: Some(stream.close_cause()),
            },
            Shape::Split(reader, writer) => Seen {
                read: Some(reader.bytes_read()),
                written: writer.as_ref().map(|writer| writer.bytes_written()),
                buffered: None,
                reads: Some(reader.is_busy()),
                writes: writer.as_ref().map(|writer| writer.is_busy()),
                closed: Some(reader.is_closed()),
                write_closed: writer.as_ref().map(|writer| writer.is_closed()),
                copied: self.copied.get(),
                cause: Some(reader.close_cause()),
            },
            Shape::Gone => Seen::default(),
        }
    }

    async fn perform(self: &Rc<Self>, step: Op) {
        match step {
            Op::Read(mode, how, guard) => self.read(mode, how, guard).await,
            Op::Until(delimiter, guard) => {
                if let Some(reader) = self.reader() {
                    self.guarded(Verb::Until(delimiter), guard, reader.read_until(delimiter)).await;
                }
            }
            Op::Peek(at_least, guard) => {
                if let Some(reader) = self.reader() {
                    self.guarded(Verb::Peek(at_least), guard, reader.peek(at_least)).await;
                }
            }
            Op::Copy(guard) => self.copy(guard).await,
            Op::Lines(count, how, pause, guard) => {
                if let Some(reader) = self.reader() {
                    self.lines(reader, (count, how, pause), guard).await;
                }
            }
            Op::Write(size, guard) => self.write(size, guard).await,
            Op::Shutdown(guard) => self.shutdown(guard).await,
            Op::EndWriting(guard) => self.end_writing(guard).await,
            Op::Sleep(duration) => sleep(duration).await,
            Op::Yield => yield_now().await,
            Op::Spend => spend().await,
            Op::Unblock => self.unblock().await,
            Op::Interrupt(direction) => self.interrupt(direction),
            Op::Close => self.close(),
            Op::CloseWrite => self.close_write(),
            Op::Abort | Op::HandleAbort => self.abort(step == Op::HandleAbort),
            Op::Split => self.split(),
            Op::Join => self.join(),
            Op::DropWriter => self.drop_writer(),
            Op::Stall(_) | Op::Partition(_) | Op::Reset | Op::Cut => self.disturb(step),
            Op::KeyUpdate => {}
        }
    }

    async fn read(self: &Rc<Self>, mode: ReadMode, how: How, guard: Guard) {
        if let Some(reader) = self.reader() {
            self.guarded(Verb::Read(mode), guard, reader.read(mode, how)).await;
        }
    }

    /// Sends back what comes.
    async fn copy(self: &Rc<Self>, guard: Guard) {
        let Shape::Split(reader, Some(writer)) = self.shape() else { return };
        let end = self.clone();
        let future = async move {
            let copied = copy(&*reader, &*writer).await;
            end.copied.set(Some(match &copied {
                Ok(count) => Copied { count: *count, failed: None },
                Err(CopyError { copied, side, .. }) => Copied { count: *copied, failed: Some(*side) },
            }));
            copied.map(|_| Answer::Done).map_err(Error::from)
        };
        self.guarded(Verb::Copy, guard, future).await;
    }

    /// Takes so many lines; gives back what was fetched with them.
    async fn lines(self: &Rc<Self>, reader: Reader<T>, steps: (u8, How, Duration), guard: Guard) {
        let (count, how, pause) = steps;
        let holder = self.stage.number();
        let mut lines = reader.lines();
        for _ in 0..count {
            self.guarded(Verb::NextLine(holder), guard, next_line(&mut lines, how)).await;
            self.look();
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
        drop(lines);
        self.stage.ask(|model| model.give_back(self.side, holder));
    }

    fn reader(&self) -> Option<Reader<T>> {
        match self.shape() {
            Shape::Whole(stream) => Some(Reader::Whole(stream)),
            Shape::Split(reader, _) => Some(Reader::Half(reader)),
            Shape::Gone => None,
        }
    }

    async fn unblock(&self) {
        let side = self.side;
        if unblock(move || side).await != Ok(side) {
            self.stage.fail(format!("{side:?}: a blocking call gave something else"));
        }
    }

    async fn write(self: &Rc<Self>, size: usize, guard: Guard) {
        match self.shape() {
            Shape::Whole(stream) => {
                let data = self.stage.contents[self.side as usize].bytes(stream.bytes_written(), size);
                let verb = Verb::Write(data.clone());
                self.guarded(verb, guard, async move { stream.write(&data).await.map(|()| Answer::Done) }).await;
            }
            Shape::Split(_, Some(writer)) => {
                let data = self.stage.contents[self.side as usize].bytes(writer.bytes_written(), size);
                let verb = Verb::Write(data.clone());
                self.guarded(verb, guard, async move { writer.write(&data).await.map(|()| Answer::Done) }).await;
            }
            Shape::Split(..) | Shape::Gone => {}
        }
    }

    async fn shutdown(self: &Rc<Self>, guard: Guard) {
        if let Shape::Whole(stream) = self.shape() {
            let future = async move { stream.shutdown().await.map(|()| Answer::Done) };
            self.guarded(Verb::Shutdown, guard, future).await;
        }
    }

    async fn end_writing(self: &Rc<Self>, guard: Guard) {
        if let Shape::Split(_, Some(writer)) = self.shape() {
            let future = async move { writer.shutdown().await.map(|()| Answer::Done) };
            self.guarded(Verb::EndWriting, guard, future).await;
        }
    }

    async fn guarded(self: &Rc<Self>, verb: Verb, guard: Guard, future: impl Future<Output = Result<Answer, Error>>) {
        let direction = verb.direction().unwrap_or(Direction::Write);
        let polls = if let Guard::Drop(polls) = guard { Some(polls) } else { None };
        let watch = Watch::new(self.side, &self.stage, || self.seen(), verb, future, polls);
        match guard {
            Guard::None | Guard::Drop(_) => drop(watch.await),
            Guard::Timeout(after) => {
                let begun = self.stage.net.elapsed();
                if let Err(late) = timeout(after, watch).await {
                    let waited = self.stage.net.elapsed() - begun;
                    if late.phase() != Phase::Operation || late.waited() != after || waited < after {
                        self.stage.fail(format!("{:?}: after {waited:?}, a {after:?} timeout said {late}", self.side));
                    }
                }
            }
            Guard::Interrupt(after) => {
                let end = self.clone();
                let helper = spawn(async move {
                    sleep(after).await;
                    end.interrupt(direction);
                });
                self.helpers.borrow_mut().push(helper);
                drop(watch.await);
            }
        }
    }

    fn interrupt(&self, direction: Direction) {
        let result = match (self.shape(), direction) {
            (Shape::Whole(stream), _) => stream.interrupt(),
            (Shape::Split(reader, _), Direction::Read) => reader.interrupt(),
            (Shape::Split(_, Some(writer)), Direction::Write) => writer.interrupt(),
            (Shape::Split(_, None), Direction::Write) | (Shape::Gone, _) => return,
        };
        self.stage.check(self.side, |model| model.interrupt(self.side, direction, &result));
        self.look();
    }

    fn close(&self) {
        if let Shape::Whole(stream) = self.shape() {
            let result = stream.close();
            self.stage.check(self.side, |model| model.close(self.side, Some(&result)));
        }
    }

    fn close_write(&self) {
        let result = match self.shape() {
            Shape::Whole(stream) => stream.close_write(),
            Shape::Split(_, Some(writer)) => writer.close(),
            Shape::Split(..) | Shape::Gone => return,
        };
        self.stage.check(self.side, |model| model.close_write(self.side, Some(&result)));
    }

    fn abort(&self, by_handle: bool) {
        match self.shape() {
            Shape::Whole(stream) if by_handle => stream.handle().abort(),
            Shape::Whole(stream) => stream.abort(),
            Shape::Split(reader, _) => reader.abort(),
            Shape::Gone => return,
        }
        self.stage.ask(|model| model.abort(self.side));
    }

    /// Only what nobody else uses at the moment can take another shape.
    fn split(&self) {
        let shape = self.shape.replace(Shape::Gone);
        let shape = match shape {
            Shape::Whole(stream) => match Rc::try_unwrap(stream) {
                Ok(stream) => {
                    self.stage.check(self.side, |model| model.reshape(self.side, true));
                    let (reader, writer) = stream.split();
                    Shape::Split(Rc::new(reader), Some(Rc::new(writer)))
                }
                Err(stream) => Shape::Whole(stream),
            },
            other => other,
        };
        *self.shape.borrow_mut() = shape;
    }

    fn join(&self) {
        let shape = self.shape.replace(Shape::Gone);
        let shape = match shape {
            Shape::Split(reader, Some(writer)) => match (Rc::try_unwrap(reader), Rc::try_unwrap(writer)) {
                (Ok(reader), Ok(writer)) => {
                    self.stage.check(self.side, |model| model.reshape(self.side, false));
                    match reader.join(writer) {
                        Ok(stream) => Shape::Whole(Rc::new(stream)),
                        Err((reader, writer)) => {
                            self.stage.fail("two halves of one stream were not joined".into());
                            Shape::Split(Rc::new(reader), Some(Rc::new(writer)))
                        }
                    }
                }
                (reader, writer) => Shape::Split(
                    reader.map_or_else(|kept| kept, Rc::new),
                    Some(writer.map_or_else(|kept| kept, Rc::new)),
                ),
            },
            other => other,
        };
        *self.shape.borrow_mut() = shape;
    }

    fn drop_writer(&self) {
        let shape = self.shape.replace(Shape::Gone);
        let (shape, dropped) = match shape {
            Shape::Split(reader, Some(writer)) if Rc::strong_count(&writer) == 1 => {
                (Shape::Split(reader, None), Some(writer))
            }
            other => (other, None),
        };
        *self.shape.borrow_mut() = shape;
        if let Some(writer) = dropped {
            drop(writer);
            self.stage.check(self.side, |model| model.close_write(self.side, None));
        }
    }

    /// What the world does to this connection.
    fn disturb(self: &Rc<Self>, step: Op) {
        let Some(address) = &self.address else { return };
        match step {
            Op::Stall(duration) => {
                self.stage.net.stall(address, duration);
            }
            Op::Partition(duration) => {
                let Some(ip) = address.ip().map(|address| address.ip()) else { return };
                self.stage.net.partition(ip);
                let end = self.clone();
                self.helpers.borrow_mut().push(spawn(async move {
                    sleep(duration).await;
                    end.stage.net.heal(ip);
                }));
            }
            Op::Reset => {
                self.stage.ask(super::Model::breaks);
                self.stage.net.reset(address);
            }
            _ => {
                self.stage.ask(super::Model::breaks);
                self.stage.net.cut(address);
            }
        }
    }
}

impl<T: Transport> Interrupts for End<T> {
    fn interrupt(&self, direction: Direction) {
        Self::interrupt(self, direction);
    }
}

/// Ends when the next operation of this turn would have to give way.
async fn spend() {
    poll_fn(|cx| {
        while !is_spent(cx) {}
        Poll::Ready(())
    })
    .await;
}
