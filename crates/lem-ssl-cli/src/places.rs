//! Places for so many at once; others wait.

use lem_ssl_rs::Queue;

/// So many places. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Places(Queue<()>);

/// One of them; it is given back when this is dropped, after a panic too.
#[derive(Debug)]
pub(crate) struct Place(Queue<()>);

impl Places {
    pub(crate) fn new(number: u32) -> Self {
        let places = Queue::new();
        for _ in 0..number {
            places.put(());
        }
        Self(places)
    }

    /// Waits for one. Dropping the future takes none.
    pub(crate) async fn take(&self) -> Place {
        // The queue is private: nobody resets it.
        let _ = self.0.get().await;
        Place(self.0.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.put(());
    }
}
