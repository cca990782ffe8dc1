//! An end whose records are rustls': a client's or a server's, behind one pointer, so that a program which only connects
//! contains nothing of a server, and one which only accepts nothing of a client.

use lem_rs::transport::Outbox;
use rustls::client::UnbufferedClientConnection;
use rustls::unbuffered::EncryptError;
use rustls::{CommonState, ConnectionTrafficSecrets, Error, Tls13CipherSuite};

use super::alert::send_alert;
use super::connection::{Accepting, Sealer, write};
use super::keying::Keying;
use super::open::{Next, Progress, Sink, open};
use super::opened::Opened;
use super::record::{Kernel, Records};
use super::{Hello, Unsealed, forget_others};
use crate::identity::{take_diverted, take_hello};
use crate::traffic::{TrafficSecrets, take_traffic_secrets};

/// One end of a connection of rustls', during the handshake and for as long as rustls keeps the records.
pub(super) trait Shaking {
    fn common(&self) -> &CommonState;

    fn is_server(&self) -> bool;

    /// See [`Session::open`](super::Session::open).
    fn open(&mut self, about: About<'_>, received: &mut [u8], sink: Sink<'_>) -> (Opened, Next);

    /// See [`send_alert`].
    fn send_alert(&mut self, seen: &[u8], error: &Error, outbox: &mut Outbox, may_send: bool);

    /// See [`write`].
    fn write(
        &mut self,
        held: &mut [u8],
        outbox: &mut Outbox,
        with: &mut dyn FnMut(&mut dyn Sealer) -> Result<usize, EncryptError>,
    ) -> Result<usize, Unsealed>;

    /// Whether it is known what the keys after these come from.
    fn tells_next_keys(&self) -> bool;

    /// Goes over to records of our own.
    ///
    /// # Errors
    /// If it gives its secrets to nobody, they are of an unknown cipher, or it does not [tell](Self::tells_next_keys) the
    /// next ones.
    fn into_records(self: Box<Self>, suite: &'static Tls13CipherSuite, max_content: u16) -> Result<Records, Error>;

    /// What a server seals with: the number of the next record, and the key. `None` on a client.
    fn into_sealing(self: Box<Self>) -> Option<(u64, ConnectionTrafficSecrets)>;
}

/// What a session knows beside its connection.
pub(super) struct About<'a> {
    pub(super) progress: &'a mut Progress,
    pub(super) keying: &'a mut Keying,
    pub(super) hello: &'a mut Option<Hello>,
}

impl Shaking for UnbufferedClientConnection {
    fn common(&self) -> &CommonState {
        self
    }

    fn is_server(&self) -> bool {
        false
    }

    fn open(&mut self, about: About<'_>, received: &mut [u8], sink: Sink<'_>) -> (Opened, Next) {
        forget_others();
        about.keying.look(received);
        let opened = open(self, about.progress, received, sink);
        about.keying.advance();
        opened
    }

    fn send_alert(&mut self, seen: &[u8], error: &Error, outbox: &mut Outbox, may_send: bool) {
        send_alert(self, seen, error, outbox, may_send);
    }

    fn write(
        &mut self,
        held: &mut [u8],
        outbox: &mut Outbox,
        with: &mut dyn FnMut(&mut dyn Sealer) -> Result<usize, EncryptError>,
    ) -> Result<usize, Unsealed> {
        write(self, held, outbox, with)
    }

    fn tells_next_keys(&self) -> bool {
        true
    }

    fn into_records(self: Box<Self>, suite: &'static Tls13CipherSuite, max_content: u16) -> Result<Records, Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Records::new(secrets, Kernel::Client(Box::new(kernel)), suite, max_content)
    }

    fn into_sealing(self: Box<Self>) -> Option<(u64, ConnectionTrafficSecrets)> {
        None
    }
}

impl Shaking for Accepting {
    fn common(&self) -> &CommonState {
        &self.connection
    }

    fn is_server(&self) -> bool {
        true
    }

    fn open(&mut self, about: About<'_>, received: &mut [u8], mut sink: Sink<'_>) -> (Opened, Next) {
        forget_others();
        let About { progress, keying, hello } = about;
        sink.may_divert = hello.is_none();
        let mut opened = open(self, progress, received, sink.reborrow());
        // Nothing was answered to the first hello, and all of it is still here.
        if sink.may_divert
            && let Some(other) = take_diverted()
        {
            *self = Self::new(*other, 0);
            *progress = Progress::default();
            opened = open(self, progress, received, Sink { early: None, may_divert: false, ..sink.reborrow() });
        }
        keying.look(sink.outbox.as_slice());
        keying.advance();
        if sink.converts
            && let Some(secrets) = take_traffic_secrets()
        {
            self.traffic = Some(secrets);
        }
        // A client that was asked for a second hello is answered for that one.
        if let Some(last) = take_hello() {
            *hello = Some(last);
        }
        opened
    }

    fn send_alert(&mut self, seen: &[u8], error: &Error, outbox: &mut Outbox, may_send: bool) {
        send_alert(self, seen, error, outbox, may_send);
    }

    fn write(
        &mut self,
        held: &mut [u8],
        outbox: &mut Outbox,
        with: &mut dyn FnMut(&mut dyn Sealer) -> Result<usize, EncryptError>,
    ) -> Result<usize, Unsealed> {
        write(self, held, outbox, with)
    }

    /// Not if no key log has told the secrets.
    fn tells_next_keys(&self) -> bool {
        self.traffic.is_some()
    }

    fn into_records(self: Box<Self>, suite: &'static Tls13CipherSuite, max_content: u16) -> Result<Records, Error> {
        let (secrets, _) = self.connection.dangerous_into_kernel_connection()?;
        let traffic = self.traffic.ok_or(Error::HandshakeNotComplete)?;
        // A copy, since what a box gives up is not zeroed there.
        let kernel = Kernel::Server(TrafficSecrets::clone(&traffic));
        Records::new(secrets, kernel, suite, max_content)
    }

    fn into_sealing(self: Box<Self>) -> Option<(u64, ConnectionTrafficSecrets)> {
        self.connection.dangerous_into_kernel_connection().ok().map(|(secrets, _)| secrets.tx)
    }
}
