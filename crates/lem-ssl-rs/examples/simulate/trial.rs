//! A day of the bank in the simulated world, and what has to be true in the evening.

use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::sim::{Fault, FaultCounts, Faults, Link, Net, Rng, Sim, Trace};
use lem_ssl_rs::{Context, Error, Identity, Roots, sleep, spawn, timeout};

use crate::bank::{Bank, Booking, Log, Payment, Teller};

/// How long a segment travels; some twice as long.
const TRAVEL: Duration = Duration::from_millis(20);

const CUSTOMERS: u64 = 2;
const PAYMENTS: u64 = 2;

/// Customers do something else for so long at most, before each payment.
const SHOPPING: Duration = Duration::from_secs(2);

/// A customer that has no receipt by then will never have one.
const EVENING: Duration = Duration::from_secs(3600);

/// What came of one seed.
pub(crate) struct Outcome {
    pub(crate) verdict: Result<(), String>,
    pub(crate) faults: FaultCounts,
    pub(crate) trace: Trace,
}

/// Runs one seed.
pub(crate) fn run(seed: u64, booking: Booking) -> Outcome {
    let sim = Sim::builder(seed)
        .host("bank.test", ["10.0.0.1"])
        .host("backup.test", ["10.0.0.2"])
        .link(Link::default().latency(TRAVEL).jitter(TRAVEL))
        .build();
    let verdict = match sim.run(day(sim.net(), sim.rng(), booking)) {
        Ok(Ok(_)) if !sim.leftovers().is_empty() => Err(format!("left behind: {}", sim.leftovers())),
        Ok(Ok(books)) => books.check(),
        Ok(Err(error)) | Err(error) => Err(error.to_string()),
    };
    Outcome { verdict, faults: sim.faults(), trace: sim.trace() }
}

/// What everybody does; returns what they have in the evening.
async fn day(net: Net, rng: Rng, booking: Booking) -> Result<Books, Error> {
    // Its signatures all have one length, so that the seed decides every size.
    let identity = Identity::self_signed_ed25519(["bank.test", "backup.test"])?;
    let roots = Roots::Pem(identity.chain_pem().into());
    let context = Context::builder().identity(identity).roots(roots).build()?;

    let back_office = Rc::new(context.listen("backup.test:443").await?);
    let backup = Bank::new(booking, None, log(&net, "the backup"));
    let backing_up = spawn(backup.clone().serve(back_office.clone()));

    let front_office = Rc::new(context.listen("bank.test:443").await?);
    let to_backup = Teller::new(&context, "backup.test:443", log(&net, "the bank"));
    let bank = Bank::new(booking, Some(to_backup), log(&net, "the bank"));
    let serving = spawn(bank.clone().serve(front_office.clone()));

    // From here on, everything is slow now and then, and breaks.
    net.set_faults(Faults::rough().with(Fault::Reset, 0.02));
    let customers: Vec<_> = (1..=CUSTOMERS)
        .map(|customer| {
            let teller = Teller::new(&context, "bank.test:443", log(&net, &format!("customer {customer}")));
            spawn(pay_now_and_then(customer, teller, rng.fork(customer)))
        })
        .collect();
    let mut paid = 0;
    for customer in customers {
        paid += timeout(EVENING, customer).await??;
    }

    // The network is quiet again; who still works comes to an end.
    net.set_faults(Faults::none());
    for (office, task) in [(front_office, serving), (back_office, backing_up)] {
        office.drain(EVENING).await;
        // It has been interrupted, as it should be.
        let _ = task.await?;
    }
    // Handlers that still wait for their stream's farewell, which takes 5 s at most, have no handle to await.
    sleep(Duration::from_secs(10)).await;
    Ok(Books { paid, booked: bank.balance(), backed_up: backup.balance() })
}

/// What a customer does; returns the sum.
async fn pay_now_and_then(customer: u64, teller: Teller, mut rng: Rng) -> u64 {
    let mut sum = 0;
    for number in 1..=PAYMENTS {
        sleep(rng.within(SHOPPING)).await;
        let payment = Payment { id: 100 * customer + number, amount: rng.between(1..=99) };
        teller.pay(payment).await;
        sum += payment.amount;
    }
    sum
}

/// Tells the world's trace what somebody does.
fn log(net: &Net, who: &str) -> Log {
    let (net, who) = (net.clone(), who.to_owned());
    Rc::new(move |what| net.note(format!("{who} {what}")))
}

/// What everybody has in the evening.
struct Books {
    paid: u64,
    booked: u64,
    backed_up: u64,
}

impl Books {
    /// The invariant: each payment was booked once, at the bank and at its backup.
    fn check(&self) -> Result<(), String> {
        let Self { paid, booked, backed_up } = self;
        if booked == paid && backed_up == paid {
            return Ok(());
        }
        Err(format!("customers have paid {paid}, the bank has booked {booked}, its backup {backed_up}"))
    }
}
