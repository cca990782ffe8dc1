//! The program under test: a bank, its backup, and customers who pay until they have a receipt.
//!
//! A customer sends `pay ID AMOUNT` and gets `paid ID`, a line each, over TLS. Networks lose answers, so a customer
//! that gets none sends the same line again, and the bank books each ID once. Before it does, it pays the same to its
//! backup, by the same protocol. Nothing in this file knows of the simulated world.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Context, Error, Server, Stream, sleep, timeout};

/// A payment. One ID is one payment, however often it is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payment {
    pub(crate) id: u64,
    pub(crate) amount: u64,
}

/// When the bank asks whether it has booked a payment already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Booking {
    /// Before it waits for its backup, and not again. That is the mistake.
    Hasty,
    /// Also after it has waited.
    Careful,
}

impl fmt::Display for Booking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Hasty { "hasty" } else { "careful" })
    }
}

/// Where to tell what happens.
pub(crate) type Log = Rc<dyn Fn(String)>;

/// A customer that has waited so long for a receipt asks again, after a pause.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);

/// A bank. All its tasks share it without a lock: only one of them runs at a time.
pub(crate) struct Bank {
    booking: Booking,
    backup: Option<Teller>,
    booked: RefCell<BTreeSet<u64>>,
    balance: Cell<u64>,
    log: Log,
}

impl Bank {
    pub(crate) fn new(booking: Booking, backup: Option<Teller>, log: Log) -> Rc<Self> {
        Rc::new(Self { booking, backup, booked: RefCell::default(), balance: Cell::new(0), log })
    }

    /// The sum of what it has booked.
    pub(crate) fn balance(&self) -> u64 {
        self.balance.get()
    }

    /// Serves customers until the server is closed.
    pub(crate) async fn serve(self: Rc<Self>, server: Rc<Server>) -> Result<(), Error> {
        let attend = |stream| {
            let bank = self.clone();
            async move {
                if let Err(error) = bank.attend(&stream).await {
                    (bank.log)(format!("loses a customer: {error}"));
                }
            }
        };
        server.autospawn(attend).await
    }

    async fn attend(&self, stream: &Stream) -> Result<(), Error> {
        loop {
            let request = match stream.read_line_trimmed().await {
                Ok(request) => request,
                Err(Error::Closed) => return stream.shutdown().await,
                Err(error) => return Err(error),
            };
            // To anybody who speaks another language, it says goodbye.
            let Some(payment) = Payment::parse(&request) else { return Ok(()) };
            self.book(payment).await;
            stream.write(&format!("paid {}\n", payment.id)).await?;
        }
    }

    /// Books a payment, unless that was done before.
    async fn book(&self, payment: Payment) {
        (self.log)(format!("is asked for payment {}", payment.id));
        if self.has(payment) {
            return;
        }
        if let Some(backup) = &self.backup {
            backup.pay(payment).await;
        }
        // Other tasks had their turns while this one waited, and one of them may have booked the same payment.
        if self.booking == Booking::Careful && self.has(payment) {
            return;
        }
        self.enter(payment);
    }

    fn has(&self, payment: Payment) -> bool {
        self.booked.borrow().contains(&payment.id)
    }

    fn enter(&self, Payment { id, amount }: Payment) {
        self.booked.borrow_mut().insert(id);
        self.balance.set(self.balance.get() + amount);
        (self.log)(format!("books {amount} for payment {id}"));
    }
}

/// Pays, until there is a receipt.
pub(crate) struct Teller {
    context: Context,
    /// The bank's address.
    bank: &'static str,
    log: Log,
}

impl Teller {
    pub(crate) fn new(context: &Context, bank: &'static str, log: Log) -> Self {
        Self { context: context.clone(), bank, log }
    }

    pub(crate) async fn pay(&self, payment: Payment) {
        while let Err(error) = self.try_to_pay(payment).await {
            (self.log)(format!("has no receipt for payment {}: {error}", payment.id));
            sleep(PAUSE).await;
        }
    }

    async fn try_to_pay(&self, Payment { id, amount }: Payment) -> Result<(), Error> {
        let conversation = async {
            let stream = self.context.connect(self.bank).await?;
            stream.write(&format!("pay {id} {amount}\n")).await?;
            stream.read_line_trimmed().await
        };
        let receipt = timeout(PATIENCE, conversation).await??;
        if receipt == format!("paid {id}") { Ok(()) } else { Err(Error::Closed) }
    }
}

impl Payment {
    /// Reads `pay ID AMOUNT`.
    fn parse(line: &str) -> Option<Self> {
        let (id, amount) = line.strip_prefix("pay ")?.split_once(' ')?;
        Some(Self { id: id.parse().ok()?, amount: amount.parse().ok()? })
    }
}
