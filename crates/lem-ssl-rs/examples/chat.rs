//! A chat server: what one says, the others read. Each client has a reader and a writer that wait at once, on the two
//! halves of its stream, with a queue between them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::ExitCode;
use std::rc::Rc;

use lem_ssl_rs::{Context, Error, Identity, Machine, Queue, ReadHalf, Stream, WriteHalf, spawn};

const HELP: &str = "\
A chat server over TLS: what one client writes, the others read.

Usage: chat [ADDRESS]

  ADDRESS        where to listen; 127.0.0.1:4433 without it
  -h, --help     print this text

Try it, in two terminals:  openssl s_client -quiet -connect 127.0.0.1:4433";

/// A client that does not read gets so many lines; then it is let go, before it fills our memory.
const MAX_UNREAD: usize = 1000;

fn main() -> ExitCode {
    let address = match parse() {
        Ok(Some(address)) => address,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("chat: {error}; see chat --help");
            return ExitCode::from(2);
        }
    };
    match run(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The address; `None` asks for help.
fn parse() -> Result<Option<String>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};
    let mut address = None;
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Value(value) if address.is_none() => address = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(address.unwrap_or_else(|| "127.0.0.1:4433".to_owned())))
}

fn run(address: &str) -> Result<(), Error> {
    let identity = Identity::self_signed(["localhost"])?;
    let context = Context::builder().identity(identity).build()?;
    Machine::new()?.run(async {
        let server = context.listen(address).await?;
        println!("listening on {}", server.local_addr());
        let room = Rc::new(Room::default());
        server.autospawn(|stream| visit(room.clone(), stream)).await
    })?
}

/// Who is there. All tasks share it without a lock: only one of them runs at a time.
#[derive(Default)]
struct Room {
    guests: RefCell<HashMap<u64, Guest>>,
    arrived: RefCell<u64>,
}

struct Guest {
    name: String,
    lines: Queue<String>,
    reader: Rc<ReadHalf>,
}

impl Room {
    fn enter(&self, name: String, reader: Rc<ReadHalf>) -> (u64, Queue<String>) {
        let mut arrived = self.arrived.borrow_mut();
        *arrived += 1;
        let lines = Queue::new();
        self.guests.borrow_mut().insert(*arrived, Guest { name, lines: lines.clone(), reader });
        (*arrived, lines)
    }

    /// Gives `line` to everybody but the one who said it.
    fn say(&self, from: u64, line: &str) {
        for (_, guest) in self.guests.borrow().iter().filter(|(id, _)| **id != from) {
            if guest.lines.len() < MAX_UNREAD {
                guest.lines.put(line.to_owned());
            } else {
                eprintln!("{} does not read", guest.name);
                // Ends both halves: the tasks that wait on them are interrupted.
                guest.reader.abort();
            }
        }
    }

    fn leave(&self, id: u64) {
        if let Some(guest) = self.guests.borrow_mut().remove(&id) {
            // Ends the writer, which waits for lines.
            guest.lines.reset();
        }
    }
}

async fn visit(room: Rc<Room>, stream: Stream) {
    let (reader, writer) = stream.split();
    if writer.write("What is your name?\n").await.is_err() {
        return;
    }
    let Ok(name) = reader.read_line_trimmed().await else { return };
    let reader = Rc::new(reader);
    let (id, lines) = room.enter(name.clone(), reader.clone());
    room.say(id, &format!("* {name} is here\n"));
    let writing = spawn(write_lines(writer, lines));
    let end = read_lines(&room, id, &name, &reader).await;
    room.leave(id);
    room.say(id, &format!("* {name} is gone ({end})\n"));
    // The writer says goodbye as it is dropped.
    let _ = writing.await;
}

/// Passes on what a guest says, until the guest leaves; says how.
async fn read_lines(room: &Room, id: u64, name: &str, reader: &ReadHalf) -> Error {
    loop {
        match reader.read_line_trimmed().await {
            Ok(line) => room.say(id, &format!("{name}: {line}\n")),
            Err(error) => return error,
        }
    }
}

/// Writes what others say, until the guest has left or does not read.
async fn write_lines(writer: WriteHalf, lines: Queue<String>) -> Result<(), Error> {
    while let Ok(line) = lines.get().await {
        writer.write(&line).await?;
    }
    Ok(())
}
