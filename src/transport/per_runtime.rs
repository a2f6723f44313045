//! The library's own HTTP clients: one for each tokio runtime, whose connections only that runtime drives.

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use reqwest::Client;
use tokio::runtime::{Handle, Id};

use crate::error::Error;

/// Of how many runtimes the connections are kept. The runtime that sent no request for longest is forgotten first.
const MAX_RUNTIMES: usize = 16;

/// The HTTP clients of all runtimes, made when a runtime sends its first request.
pub(crate) struct PerRuntime {
    make: Box<MakeClient>,
    clients: RwLock<Clients>,
    /// Held while a client is made that replaces another, so that many requests that failed over one client make one.
    renewing: Mutex<()>,
    /// Counts clients, and their uses when there are several.
    clock: AtomicU64,
}

type MakeClient = dyn Fn() -> Result<Client, Error> + Send + Sync;

struct Clients {
    /// Made at the start, so that what is wrong with it is known then; for the first runtime that comes.
    spare: Option<Client>,
    of_runtimes: Vec<OfRuntime>,
}

struct OfRuntime {
    /// `None`: outside of a runtime.
    runtime: Option<Id>,
    number: ClientNumber,
    client: Client,
    last_used: AtomicU64,
}

/// Which client sent a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientNumber(u64);

impl PerRuntime {
    pub(crate) fn new(make: impl Fn() -> Result<Client, Error> + Send + Sync + 'static) -> Result<Self, Error> {
        let clients = RwLock::new(Clients { spare: Some(make()?), of_runtimes: Vec::new() });
        Ok(Self { make: Box::new(make), clients, renewing: Mutex::new(()), clock: AtomicU64::new(0) })
    }

    /// The client of the present runtime.
    pub(crate) fn present(&self) -> Result<(ClientNumber, Client), Error> {
        let runtime = Handle::try_current().ok().map(|handle| handle.id());
        let clients = self.read();
        if let Some(known) = clients.of(runtime) {
            if clients.of_runtimes.len() > 1 {
                known.last_used.store(self.tick(), Ordering::Relaxed);
            }
            return Ok((known.number, known.client.clone()));
        }
        drop(clients);
        self.add(runtime)
    }

    /// Later requests of the runtime to which this client belongs use fresh connections, unless they do already. If no other
    /// client can be made now, the old one stays.
    pub(super) fn renew(&self, number: ClientNumber) {
        let renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.read().of_runtimes.iter().all(|known| known.number != number) {
            return;
        }
        // Outside the lock of the clients: it reads the certificates of the operating system.
        let mut client = match (self.make)() {
            Ok(client) => client,
            Err(error) => {
                drop(renewing); // the line runs code of the program
                return tracing::warn!(%error, "no other HTTP client can be made: the old connections stay in use");
            }
        };
        let renewed = ClientNumber(self.tick());
        let mut clients = self.write();
        if let Some(known) = clients.of_runtimes.iter_mut().find(|known| known.number == number) {
            mem::swap(&mut known.client, &mut client);
            known.number = renewed;
        }
        drop(clients);
        drop(client);
    }

    #[cold]
    fn add(&self, runtime: Option<Id>) -> Result<(ClientNumber, Client), Error> {
        let spare = self.write().spare.take();
        let client = match spare {
            Some(client) => client,
            None => (self.make)()?,
        };
        let now = self.tick();
        let mut clients = self.write();
        if let Some(known) = clients.of(runtime) {
            // Another thread of the runtime was faster.
            let found = (known.number, known.client.clone());
            drop(clients);
            return Ok(found);
        }
        let forgotten = clients.make_room();
        let number = ClientNumber(now);
        let last_used = AtomicU64::new(now);
        clients.of_runtimes.push(OfRuntime { runtime, number, client: client.clone(), last_used });
        drop(clients);
        drop(forgotten);
        Ok((number, client))
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn read(&self) -> RwLockReadGuard<'_, Clients> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Clients> {
        self.clients.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    fn of(&self, runtime: Option<Id>) -> Option<&OfRuntime> {
        self.of_runtimes.iter().find(|known| known.runtime == runtime)
    }

    /// Its requests in flight go on.
    fn make_room(&mut self) -> Option<OfRuntime> {
        if self.of_runtimes.len() < MAX_RUNTIMES {
            return None;
        }
        let last_used = |(_, known): &(usize, &OfRuntime)| known.last_used.load(Ordering::Relaxed);
        let (oldest, _) = self.of_runtimes.iter().enumerate().min_by_key(last_used)?;
        Some(self.of_runtimes.swap_remove(oldest))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use reqwest::Client;

    use super::{ClientNumber, MAX_RUNTIMES, PerRuntime};
    use crate::error::Error;

    fn clients() -> PerRuntime {
        PerRuntime::new(|| Ok(Client::new())).unwrap()
    }

    fn number(clients: &PerRuntime) -> ClientNumber {
        clients.present().unwrap().0
    }

    fn in_new_runtime<T>(step: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _guard = runtime.enter();
        step()
    }

    #[test]
    fn renewal_of_replaced_client_does_nothing() {
        let clients = clients();
        let first = number(&clients);
        assert!(number(&clients) == first);
        clients.renew(first);
        let second = number(&clients);
        assert!(second != first);
        // Of many requests that failed over one client, the first renews it.
        clients.renew(first);
        assert!(number(&clients) == second);
    }

    #[test]
    fn renewal_leaves_clients_of_other_runtimes() {
        let clients = clients();
        let here = number(&clients);
        in_new_runtime(|| {
            let there = number(&clients);
            assert!(there != here);
            clients.renew(there);
            assert!(number(&clients) != there);
        });
        assert!(number(&clients) == here);
    }

    #[test]
    fn clients_of_many_runtimes_are_bounded() {
        let clients = clients();
        let here = number(&clients);
        for _ in 0..3 * MAX_RUNTIMES {
            in_new_runtime(|| number(&clients));
            assert!(number(&clients) == here, "the one in use is kept");
            assert!(clients.read().of_runtimes.len() <= MAX_RUNTIMES);
        }
        assert_eq!(clients.read().of_runtimes.len(), MAX_RUNTIMES);
    }

    #[test]
    fn client_stays_if_no_other_can_be_made() {
        let made = AtomicUsize::new(0);
        let clients = PerRuntime::new(move || match made.fetch_add(1, Ordering::Relaxed) {
            0 => Ok(Client::new()),
            _ => Err(Error::config("too many open files")),
        });
        let clients = clients.unwrap();
        let first = number(&clients);
        clients.renew(first);
        assert!(number(&clients) == first);
    }

    #[test]
    fn concurrent_renewals_make_one_client() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&made);
        let clients = PerRuntime::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Client::new())
        });
        let clients = clients.unwrap();
        let first = number(&clients);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| clients.renew(first));
            }
        });
        assert!(number(&clients) != first);
        assert_eq!(made.load(Ordering::Relaxed), 2, "one at the start, one instead");
    }
}
