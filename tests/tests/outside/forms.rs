//! The debug forms of what is no stream: each names its type, and tells what its holder may want to see in a log.

use std::fmt::Debug;

use lem_rs::{
    Error, JoinSet, Machine, ReadSide, TcpStream, WriteSide, spawn, transport::Transport, unblock, yield_now,
};

use crate::support::{pair, run};

#[track_caller]
fn shows(value: &impl Debug, words: &[&str]) {
    let shown = format!("{value:?}");
    for word in words {
        assert!(shown.contains(word), "{word} is missing: {shown}");
    }
}

#[test]
fn a_machine_and_its_builder_name_themselves() {
    shows(&Machine::builder(), &["MachineBuilder"]);
    shows(&Machine::new().unwrap(), &["Machine"]);
}

#[test]
fn tasks_tell_how_many_there_are() {
    run(async {
        let set = JoinSet::new();
        set.spawn(async {});
        set.spawn(async {});
        shows(&set, &["JoinSet", "running: 2", "finished: 0"]);
        yield_now().await;
        shows(&set, &["running: 0", "finished: 2"]);
        while set.join_next().await.is_some() {}

        let task = spawn(async {});
        shows(&task, &["JoinHandle", "task"]);
        let task = task.cancel_on_drop();
        shows(&task, &["CancelOnDrop", "JoinHandle"]);
        assert!(!task.is_finished());
        yield_now().await;
        assert!(task.is_finished());
        task.await.unwrap();

        let work = unblock(|| ());
        shows(&work, &["Unblock"]);
        work.await.unwrap();
        Ok::<(), Error>(())
    });
}

#[test]
fn a_socket_tells_its_peer_and_its_handle_whether_it_is_gone() {
    run(async {
        let (client, server) = pair().await?;
        shows(&ReadSide::from(&client), &["ReadSide", "Stream"]);
        shows(&WriteSide::from(&client), &["WriteSide", "Stream"]);
        let looked = |stream: &TcpStream| {
            stream.with_transport(|transport| {
                let source = transport.source();
                shows(source, &["Source", &source.peer().unwrap().to_string()]);
                shows(&source.cpu_permit(), &["CpuPermit", "waits: false"]);
                source.handle()
            })
        };
        let handle = looked(&client).unwrap();
        shows(&handle, &["SourceHandle", "gone: false"]);
        client.abort();
        drop(client);
        shows(&handle, &["SourceHandle", "gone: true"]);
        drop(server);
        Ok::<(), Error>(())
    });
}

#[cfg(unix)]
#[test]
fn a_watcher_tells_its_descriptor() {
    use std::os::unix::net::UnixStream;

    use lem_rs::Watcher;

    run(async {
        let watcher = Watcher::new(UnixStream::pair().unwrap().0)?;
        shows(&watcher, &["Watcher", "descriptor: Some("]);
        Ok::<(), Error>(())
    });
}
