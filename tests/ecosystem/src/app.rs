//! A program of axum's: it knows nothing of who carries it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream as Pieces, stream};
use hyper::rt::Timer as _;
use hyper_util::service::TowerToHyperService;
use lem_ssl_rs::Stream;
use lem_ssl_rs::hyper::Timer;
use serde::{Deserialize, Serialize};

use crate::http;

/// What the handlers share.
#[derive(Debug, Default)]
pub struct Visits(AtomicU64);

/// What is sent to `/sum`, and comes back with the sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// What is to be added.
    pub numbers: Vec<i64>,
    /// What it comes to.
    pub sum: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Size {
    bytes: usize,
    #[serde(default = "one")]
    pieces: usize,
}

fn one() -> usize {
    1
}

/// The routes.
pub fn router() -> Router {
    Router::new()
        .route("/", get(async || "Hello, world!"))
        .route("/hi/{name}", get(async |Path(name): Path<String>| format!("hi {name}")))
        .route("/visits", get(visits))
        .route("/sum", post(sum))
        .route("/body", get(body))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/slow", get(slow))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(Visits::default()))
}

async fn visits(State(visits): State<Arc<Visits>>) -> String {
    (visits.0.fetch_add(1, Relaxed) + 1).to_string()
}

async fn sum(Json(sum): Json<Sum>) -> Json<Sum> {
    Json(Sum { sum: Some(sum.numbers.iter().sum()), ..sum })
}

async fn body(Query(size): Query<Size>) -> Body {
    Body::from_stream(content(size.bytes, size.pieces))
}

/// `pieces` times `bytes` bytes, with a pause behind each.
fn content(bytes: usize, pieces: usize) -> impl Pieces<Item = Result<Bytes, std::io::Error>> + Send {
    let piece = Bytes::from(vec![b'x'; bytes]);
    stream::unfold(pieces, move |left| {
        let piece = piece.clone();
        async move {
            let left = left.checked_sub(1)?;
            Timer.sleep(Duration::from_millis(1)).await;
            Some((Ok(piece), left))
        }
    })
}

async fn slow() -> &'static str {
    Timer.sleep(Duration::from_millis(300)).await;
    "slow"
}

/// Serves a connection until it ends, or gracefully to its end once `leave` is ready.
///
/// # Errors
/// As hyper.
pub async fn serve(stream: Stream, app: Router, leave: impl Future) -> hyper::Result<()> {
    http::serve(stream, TowerToHyperService::new(app), leave).await
}
