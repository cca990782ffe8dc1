//! The process of the server.

use std::cell::RefCell;
use std::io::Read;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::lem_rs::Stream;
use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::{
    Context, Error, Identity, Listener, Machine, Roots, Server, ServerEvent, ServerOptions, now, sleep, spawn, timeout,
    unblock,
};

use crate::life::{self, Life};
use crate::options::Options;
use crate::party::{Side, play};
use crate::status::{Line, Status};
use crate::tally::Tally;

/// So long the last connections may take to end when all clients have left.
const REST: Duration = Duration::from_secs(60);

/// What all connections share.
struct Service {
    seed: u64,
    server: Server,
    tally: RefCell<Tally>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Machine::new()?.run(serve(options))??;
    Ok(ExitCode::SUCCESS)
}

async fn serve(options: &Options) -> Result<(), Error> {
    let files = ["server.chain.pem", "server.key.pem"].map(|name| options.directory.join(name));
    let identity = Identity::from_pem_files(&files[0], &files[1])?;
    // With a thousand clients on a busy machine a handshake may take its time.
    let context = Context::builder().roots(Roots::None).identity(identity).handshake_deadline(life::PATIENT);
    // All clients have one address.
    let limits = ServerOptions::default().handshakes(8 * 1024).handshakes_per_peer(8 * 1024);
    let server = context.build()?.listen_with("127.0.0.1:0", limits).await?;
    let plain = Listener::bind("127.0.0.1:0").await?;
    let service = Rc::new(Service { seed: options.seed, server, tally: RefCell::default() });
    let mut ready = service.status();
    for (name, address) in [("encrypted", service.server.local_addr()), ("plain", plain.local_addr())] {
        ready.set(name, address.ip().map_or(0, |address| address.port().into()));
    }
    let descriptors = ready.of("descriptors");
    println!("{}", Line::Ready(ready));
    service.begin(plain);
    // Until the supervisor says that all clients have left.
    unblock(|| std::io::stdin().read_to_end(&mut Vec::new())).await?.map_err(|error| Error::io("wait", error))?;
    let begun = now();
    let mut over = service.status();
    // Connections say goodbye after their handlers have left them.
    while (over.of("open") > 0 || over.of("descriptors") > descriptors) && now().duration_since(begun) < REST {
        sleep(Duration::from_millis(100)).await;
        over = service.status();
    }
    println!("{}", Line::Over(over));
    // Nobody waits for the tasks that accept, nor for the one that tells.
    std::process::exit(0);
}

impl Service {
    /// Serves, and tells how that goes.
    fn begin(self: &Rc<Self>, plain: Listener) {
        let service = self.clone();
        self.server.on_event(move |event| match event {
            ServerEvent::HandshakeFailed { error, .. } => service.tally.borrow_mut().count_nameless(error),
            other => println!("{}", Line::Say(other.to_string())),
        });
        let service = self.clone();
        spawn(async move { service.server.autospawn(|stream| service.clone().handle(stream)).await }).detach();
        let service = self.clone();
        spawn(async move { plain.autospawn(|stream| service.clone().handle(stream)).await }).detach();
        let service = self.clone();
        spawn(async move {
            loop {
                sleep(Duration::from_secs(1)).await;
                println!("{}", Line::Now(service.status()));
            }
        })
        .detach();
    }

    async fn handle<T: Transport>(self: Rc<Self>, stream: Stream<T>) {
        self.tally.borrow_mut().open += 1;
        let number = match timeout(life::PATIENT, stream.read(8)).await {
            Ok(Ok(number)) => Ok(number),
            Ok(Err(error)) => Err(error),
            Err(late) => Err(late.into()),
        };
        match number {
            Ok(number) => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&number);
                let life = Rc::new(Life::of(self.seed, u64::from_le_bytes(bytes)));
                let outcome = play(stream, &life, Side::Server, life.patience()).await;
                if let Some(problem) = self.tally.borrow_mut().count(&life, Side::Server, &outcome) {
                    println!("{}", Line::Say(problem));
                }
            }
            Err(error) => {
                // Only its client knows what was to become of it, and must not take this for an end.
                stream.abort();
                self.tally.borrow_mut().count_nameless(&error);
            }
        }
        self.tally.borrow_mut().open -= 1;
    }

    fn status(&self) -> Status {
        let mut status = Status::of_this_process();
        let counters = self.server.counters();
        self.tally.borrow().add_to(&mut status);
        status.set("handshakes", counters.handshakes_finished);
        status.set("pauses", counters.pauses);
        status
    }
}
