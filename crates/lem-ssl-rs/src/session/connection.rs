//! What a client's and a server's connection of rustls have in common: methods, but no trait.

use lem_rs::transport::Outbox;
use rustls::CommonState;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, ReadEarlyData, UnbufferedStatus,
    WriteTraffic,
};

use super::Unsealed;
use super::refused_early::{Fate, RefusedEarly};
use crate::traffic::TrafficSecrets;

/// An unbuffered connection.
pub(super) trait Connection {
    type Data;
    fn common(&self) -> &CommonState;
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    /// Takes early data out; says how many bytes at the front are spent by that.
    fn read_early(data: ReadEarlyData<'_, '_, Self::Data>, early: &mut Vec<u8>) -> Result<usize, rustls::Error>;
    /// How many tickets the peer has sent.
    fn tickets(&self) -> u32;

    /// What is to become of a record that was not processed yet. Only a server refuses early data.
    fn judge(&mut self, _record: &[u8]) -> Fate {
        Fate::Shown
    }

    /// A record was processed: what early data are sealed with may be known now.
    fn look_for_early_keys(&mut self) {}

    /// What is to become of a record that was [shown first](Fate::ShownFirst).
    fn try_again(&mut self, _record: &[u8], _is_taken: bool) -> Fate {
        Fate::Shown
    }
}

/// A server's connection, and what rustls does not keep for it.
pub(super) struct Accepting {
    pub(super) connection: UnbufferedServerConnection,
    refused_early: RefusedEarly,
    /// What the keys after the handshake come from, if the records are to be ours.
    pub(super) traffic: Option<Box<TrafficSecrets>>,
}

impl Accepting {
    /// With a connection that receives so much early data.
    pub(super) fn new(connection: UnbufferedServerConnection, max_early_data: u32) -> Self {
        Self { connection, refused_early: RefusedEarly::beside(max_early_data), traffic: None }
    }
}

impl Connection for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn common(&self) -> &CommonState {
        self
    }

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }

    /// Nobody sends a client early data.
    fn read_early(_: ReadEarlyData<'_, '_, Self::Data>, _: &mut Vec<u8>) -> Result<usize, rustls::Error> {
        Ok(0)
    }

    fn tickets(&self) -> u32 {
        self.tls13_tickets_received()
    }
}

impl Connection for Accepting {
    type Data = ServerConnectionData;

    fn common(&self) -> &CommonState {
        &self.connection
    }

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.connection.process_tls_records(records)
    }

    fn read_early(mut data: ReadEarlyData<'_, '_, Self::Data>, early: &mut Vec<u8>) -> Result<usize, rustls::Error> {
        let mut discard = 0;
        while let Some(record) = data.next_record() {
            let record = record?;
            discard += record.discard;
            early.extend_from_slice(record.payload);
        }
        Ok(discard)
    }

    /// Nobody sends a server tickets.
    fn tickets(&self) -> u32 {
        0
    }

    fn judge(&mut self, record: &[u8]) -> Fate {
        self.refused_early.judge(record)
    }

    fn look_for_early_keys(&mut self) {
        self.refused_early.advance(&self.connection);
    }

    fn try_again(&mut self, record: &[u8], is_taken: bool) -> Fate {
        self.refused_early.try_again(record, is_taken)
    }
}

/// What can be done in rustls' `WriteTraffic` state, for either end.
pub(super) trait Sealer {
    fn encrypt(&mut self, content: &[u8], records: &mut [u8]) -> Result<usize, EncryptError>;
    fn queue_close_notify(&mut self, records: &mut [u8]) -> Result<usize, EncryptError>;
}

impl<Data> Sealer for WriteTraffic<'_, Data> {
    fn encrypt(&mut self, content: &[u8], records: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::encrypt(self, content, records)
    }

    fn queue_close_notify(&mut self, records: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::queue_close_notify(self, records)
    }
}

/// Puts a message of the protocol's own into `outbox`.
pub(super) fn encode<Data>(mut message: EncodeTlsData<'_, Data>, outbox: &mut Outbox) {
    // Asking with no room tells the size.
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = message.encode(&mut []) {
        // The room is what was asked for, and the message was not encoded before.
        outbox.push_with(required_size, |room| message.encode(room).unwrap_or(0));
    }
}

/// Does something in the state in which content can be sent. `held` is what rustls needs to see again.
pub(super) fn write<C: Connection>(
    connection: &mut C,
    held: &mut [u8],
    outbox: &mut Outbox,
    with: &mut dyn FnMut(&mut dyn Sealer) -> Result<usize, EncryptError>,
) -> Result<usize, Unsealed> {
    loop {
        match connection.process(held).state {
            Ok(ConnectionState::EncodeTlsData(message)) => encode(message, outbox),
            Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
            Ok(ConnectionState::WriteTraffic(mut writer)) => {
                return with(&mut writer).map_err(|error| match error {
                    EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                        Unsealed::TooSmall(required_size)
                    }
                    EncryptError::EncryptExhausted => Unsealed::Over,
                });
            }
            _ => return Err(Unsealed::Over),
        }
    }
}
