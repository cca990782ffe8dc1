//! The process of the clients.

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{
    Context, ContextBuilder, Error, Machine, Roots, TcpStream, Version, now, sleep, sleep_until, spawn, timeout,
};

use crate::doors;
use crate::life::{self, Carrier, Life};
use crate::options::Options;
use crate::party::{Outcome, Side, Trouble, play};
use crate::status::{Line, Status};
use crate::tally::Tally;

/// All clients begin within this part of the time, and not in one moment.
const RAMP: f64 = 0.1;

/// What all clients share.
struct Clients {
    seed: u64,
    next: Cell<u64>,
    ways: Vec<SocketAddr>,
    builder: ContextBuilder,
    /// Contexts that remember sessions, for TLS 1.2 and 1.3.
    shared: [Context; 2],
    tally: RefCell<Tally>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let machine = Machine::new()?;
    let clients = machine.run(live(options))??;
    let (tasks, timers, sockets) = machine.counts();
    let mut status = clients.status();
    status.set("left", (tasks + timers + sockets) as u64);
    println!("{}", Line::Over(status));
    Ok(ExitCode::SUCCESS)
}

async fn live(options: &Options) -> Result<Rc<Clients>, Error> {
    let clients = Rc::new(Clients::new(options)?);
    println!("{}", Line::Ready(clients.status()));
    let begun = now();
    let end = begun + options.time;
    let mut places = Vec::new();
    for place in 0..options.connections {
        let clients = clients.clone();
        let first = begun + options.time.mul_f64(RAMP * place as f64 / options.connections as f64);
        places.push(spawn(async move {
            sleep_until(first).await;
            while now() < end {
                clients.next_life().await;
            }
        }));
    }
    let telling = clients.clone();
    let teller = spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            println!("{}", Line::Now(telling.status()));
        }
    });
    for place in places {
        place.await?;
    }
    teller.cancel();
    Ok(clients)
}

impl Clients {
    fn new(options: &Options) -> Result<Self, Error> {
        let root = fs::read(options.directory.join("root.pem")).map_err(|error| Error::io("read the root", error))?;
        let builder = Context::builder()
            .roots(Roots::Pem(root))
            .handshake_deadline(life::PATIENT)
            .connect_deadline(life::PATIENT);
        let shared =
            [builder.clone().versions([Version::Tls12]).build()?, builder.clone().versions([Version::Tls13]).build()?];
        let (next, tally) = (Cell::new(0), RefCell::default());
        Ok(Self { seed: options.seed, next, ways: options.ways.clone(), builder, shared, tally })
    }

    fn status(&self) -> Status {
        let mut status = Status::of_this_process();
        self.tally.borrow().add_to(&mut status);
        status
    }

    async fn next_life(&self) {
        let number = self.next.get();
        self.next.set(number + 1);
        let life = Rc::new(Life::of(self.seed, number));
        self.tally.borrow_mut().open += 1;
        let outcome = self.live(&life).await.unwrap_or_else(|error| {
            let result = Err(Trouble::Broke(error));
            Outcome { sent: 0, checked: 0, result }
        });
        let mut tally = self.tally.borrow_mut();
        tally.open -= 1;
        if let Some(problem) = tally.count(&life, Side::Client, &outcome) {
            println!("{}", Line::Say(problem));
        }
    }

    async fn live(&self, life: &Rc<Life>) -> Result<Outcome, Error> {
        let way = self.ways[doors::way(life)];
        if life.carrier == Carrier::Plain {
            return begin(TcpStream::connect(way).await?, life).await;
        }
        let stream = timeout(life.patience(), self.context(life)?.connect_as(way, "localhost")).await??;
        if stream.info().is_some_and(|info| info.resumed) {
            self.tally.borrow_mut().resumed += 1;
        }
        begin(stream, life).await
    }

    fn context(&self, life: &Life) -> Result<Context, Error> {
        let (version, shared) = match life.carrier {
            Carrier::Tls12 => (Version::Tls12, &self.shared[0]),
            _ => (Version::Tls13, &self.shared[1]),
        };
        match life.is_stranger {
            true => self.builder.clone().versions([version]).build(),
            false => Ok(shared.clone()),
        }
    }
}

/// Says which connection it is, and plays the client's part.
async fn begin<T: Transport>(stream: Stream<T>, life: &Rc<Life>) -> Result<Outcome, Error> {
    if let Err(error) = stream.write(&life.number.to_le_bytes()).await {
        stream.abort();
        return Err(error);
    }
    Ok(play(stream, life, Side::Client, life.patience()).await)
}
