//! Asks a web server for its front page, with lem-ssl-rs.
#![forbid(unsafe_code)]

use std::io::{Write, stdout};

use lem_ssl_rs::{Context, Error, Machine, ReadMode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = std::env::args().nth(1).ok_or("usage: fetch-lem HOST")?;
    Machine::new()?.run(async {
        let stream = Context::new()?.connect((host.as_str(), 443)).await?;
        stream.write(&format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n")).await?;
        let mut page = Vec::new();
        loop {
            match stream.read_into(ReadMode::Available, &mut page).await {
                Ok(_) => stdout().write_all(&page)?,
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    })?
}
