//! `--retries`: what passes is tried again, what lasts is not.

use std::io::{self, Read};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::support::{Downloads, Reply, Site, World, lem_ssl, pattern};

const QUICK: [&str; 4] = ["--retries", "3", "--retry-delay", "0.05"];

fn status(head: &str) -> Reply {
    Reply::new(&format!("{head}\nContent-Length: 0"), b"")
}

#[test]
fn a_download_that_is_cut_goes_on_by_itself() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let body = pattern(100_000, 1);
    let second = Reply::rest("v1", 40_000, &body).cut(20_000);
    let site = Site::new(&world, [Reply::tagged("v1", &body).cut(60_000), second, Reply::rest("v1", 80_000, &body)]);
    let ended = downloads.get_with(&site, &QUICK).expect(0);
    assert!(downloads.read("file") == body);
    for (attempt, pause) in [(1, 0.05), (2, 0.1)] {
        let (told, _) = ended.stderr.split_once(&format!(" s ({attempt} of 3)")).expect("it says so");
        let told: f64 = told.rsplit(' ').next().unwrap().parse().unwrap();
        // It is told in tenths.
        assert!(told >= pause / 2.0 - 0.05 && told <= pause + 0.05, "{}", ended.stderr);
    }
    let asked = site.requests();
    assert!(asked[1].contains("Range: bytes=40000-") && asked[2].contains("Range: bytes=80000-"), "{asked:?}");
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_when_it_says() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for head in ["503 Busy", "429 Slow down\nRetry-After: 1", "502 Bad Gateway", "408 Late"] {
        let site = Site::new(&world, [status(head), Reply::ok(b"content")]);
        let began = std::time::Instant::now();
        downloads.get_with(&site, &QUICK).expect(0);
        assert!(!head.contains("Retry-After") || began.elapsed().as_millis() >= 1000);
    }
    // Not for an hour.
    let site = Site::new(&world, [status("503 Busy\nRetry-After: 3600")]);
    downloads.get_with(&site, &QUICK).expect(12);
}

#[test]
fn what_lasts_is_not_tried_again() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    for head in ["404 Not Found", "403 Forbidden", "501 Not Implemented", "204 No Content"] {
        let ended = downloads.get_with(&Site::new(&world, [status(head)]), &QUICK).expect(12);
        assert!(!ended.stderr.contains("trying again"), "{}", ended.stderr);
    }
}

#[test]
fn attempts_come_to_an_end() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, vec![status("503 Busy"); 4]);
    let ended = downloads.get_with(&site, &QUICK).expect(12);
    assert_eq!(ended.stderr.matches("trying again").count(), 3, "{}", ended.stderr);
    // One deadline is for all of them.
    let site = Site::new(&world, [status("503 Busy\nRetry-After: 60")]);
    let ended = downloads.get_with(&site, &[&QUICK[..], &["--deadline", "0.5"]].concat()).expect(10);
    assert!(ended.stderr.contains("is not complete after 0.5 s"), "{}", ended.stderr);
}

#[test]
fn nobody_listening_is_tried_again_too() {
    let world = World::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("https://{free}/file");
    let ended = lem_ssl([&["get", &url, "-o", "-", "--ca", &world.ca][..], &QUICK].concat(), b"").expect(4);
    assert_eq!(ended.stderr.matches("trying again").count(), 3, "{}", ended.stderr);
}

#[test]
fn a_connection_that_is_cut_during_the_handshake_is_tried_again() {
    let world = World::new();
    let site = Site::new(&world, [Reply::ok(b"content")]);
    let server = site.url("").trim_start_matches("https://").to_owned();
    let front = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/file", front.local_addr().unwrap().port());
    // It lets the first two down, by RST and by FIN, and carries the third.
    let carrying = thread::spawn(move || {
        for count in [1, 64 * 1024] {
            let (mut client, _) = front.accept().unwrap();
            assert!(client.read(&mut vec![0; count]).unwrap() > 0);
        }
        let (client, _) = front.accept().unwrap();
        let server = TcpStream::connect(server).unwrap();
        let (mut to_client, mut from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let returning = thread::spawn(move || {
            let _ = io::copy(&mut from_server, &mut to_client);
            let _ = to_client.shutdown(Shutdown::Both);
        });
        let (mut from_client, mut to_server) = (client, server);
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
        returning.join().unwrap();
    });
    let ended = lem_ssl([&["get", &url, "-o", "-", "--ca", &world.ca][..], &QUICK].concat(), b"").expect(0);
    assert_eq!((&ended.stdout[..], ended.stderr.matches("trying again").count()), (&b"content"[..], 2));
    assert!(ended.stderr.contains("during the handshake"), "{}", ended.stderr);
    carrying.join().unwrap();
}

#[test]
fn what_is_written_and_cannot_be_taken_back_is_not_begun_anew() {
    let world = World::new();
    let downloads = Downloads::new(&world);
    let site = Site::new(&world, [Reply::tagged("1", b"content").cut(3)]);
    let ended = downloads.print(&site, "/file", &QUICK).expect(10);
    assert_eq!(ended.stdout, b"cont");
    let site = Site::new(&world, [status("503 Busy"), Reply::ok(b"content")]);
    assert_eq!(downloads.print(&site, "/file", &QUICK).expect(0).stdout, b"content");
}
