//! The account with an authority (RFC 8555 section 7.3): a key, kept in the folder, and a URL that goes with it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::client::Client;
use super::key::{Binding, Key};
use super::problem::{Fault, shortened};
use super::store::{Lock, Store};

/// What is kept of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    /// PEM. It is kept before anybody hears of it, so that no account is ever without its key.
    key: String,
    url: Option<String>,
    #[serde(default)]
    contact: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// URLs, with `mailto:`.
    pub(super) contact: Vec<String>,
    pub(super) binding: Option<Binding>,
}

const FILE: &str = "account.json";

/// Makes requests of `client` those of the account: of the one that is kept, or of a new one. Says what is worth a line
/// in the log.
pub(super) async fn sign_in(
    client: &mut Client<'_>,
    account: &mut Account,
    wish: &Wish,
    store: &Store,
    lock: &Lock,
) -> Result<Option<String>, Fault> {
    let said = match &account.url {
        Some(url) => {
            client.account = Some(url.clone());
            if account.contact == wish.contact {
                return Ok(None);
            }
            let payload = json!({ "contact": wish.contact });
            client.post(url, &payload, "the change of its account's contact").await?;
            "the account's contact was changed".to_owned()
        }
        None => {
            let url = register(client, wish).await?;
            let terms = client.directory.meta.terms_of_service.as_deref();
            let terms = terms.map_or_else(String::new, |terms| format!("; its terms are at {}", shortened(terms)));
            let said = format!("the account is {}{terms}", shortened(&url));
            account.url = Some(url);
            said
        }
    };
    account.contact.clone_from(&wish.contact);
    let kept = account.clone();
    write(kept, store, lock).await?;
    Ok(Some(said))
}

/// The account that is kept; one with a new key if there is none.
pub(super) async fn load(store: &Store, lock: &Lock) -> Result<(Account, Key), Fault> {
    if let Some(text) = store.off_the_loop(|store| store.read(FILE)).await? {
        // It may be all that there is of an account, with its limits and its customer: it is not replaced.
        let unusable = |why: &dyn std::fmt::Display| {
            let file = store.path(FILE);
            Fault::new(format!("{}: {why}; mend the file, or remove it to get another account", file.display()))
        };
        let account: Account = serde_json::from_str(&text).map_err(|why| unusable(&why))?;
        let key = Key::from_pem(&account.key).map_err(|why| unusable(&why))?;
        return Ok((account, key));
    }
    let key = Key::generate()?;
    let account = Account { key: key.pem(), url: None, contact: Vec::new() };
    write(account.clone(), store, lock).await?;
    Ok((account, key))
}

/// Forgets the URL: the authority does not know the account. Its key is good for another one.
pub(super) async fn forget(
    account: &mut Account,
    client: &mut Client<'_>,
    store: &Store,
    lock: &Lock,
) -> Result<(), Fault> {
    (account.url, client.account) = (None, None);
    write(account.clone(), store, lock).await
}

async fn write(account: Account, store: &Store, lock: &Lock) -> Result<(), Fault> {
    Ok(store.write_off_the_loop(FILE, &account, lock).await?)
}

/// A new account, or the one that there is with this key (section 7.3.1): who was interrupted asks again.
async fn register(client: &mut Client<'_>, wish: &Wish) -> Result<String, Fault> {
    let wanted = "an account";
    let to = client.directory.new_account.clone();
    let mut payload = json!({ "termsOfServiceAgreed": true });
    if !wish.contact.is_empty() {
        payload["contact"] = wish.contact.clone().into();
    }
    match &wish.binding {
        Some(binding) => payload["externalAccountBinding"] = client.key.bound(&to, binding),
        None if client.directory.meta.external_account_required => {
            return Err(Fault::new(
                "the authority wants to know whose account it is: give --acme-eab-kid and --acme-eab-key, which its \
                 customers get from it",
            ));
        }
        None => {}
    }
    let answer = client.post(&to, &payload, wanted).await?;
    let url =
        answer.location.ok_or_else(|| Fault::new("the authority does not say where the account is (Location)"))?;
    client.account = Some(url.clone());
    Ok(url)
}
